//! Carries the checks of a target out, as the control thread does it.

use super::{DEADLINE, StepResult, each};
use crate::demand::ForwardCheck;
use discover::{Probe, ProbeAddress, at_port, check_once};
use engine::CheckedAddress;
use flow::{Outbound, SendProxy};
use plan::HealthCheck;
use std::net::SocketAddr;

/// A check of a target, and a forward that has it.
pub(super) struct TargetCheck {
    pub(super) forward: String,
    check: HealthCheck,
    way: (SendProxy, Outbound),
}

impl TargetCheck {
    pub(super) fn of(wanted: &ForwardCheck<'_>) -> Self {
        let ForwardCheck { forward, check, send_proxy, settings } = *wanted;
        let way = (send_proxy, settings.outbound());
        Self { forward: forward.to_owned(), check: check.clone(), way }
    }
}

/// Checks a target once. `found` are the addresses of its name.
pub(super) fn check_target(
    wanted: &TargetCheck,
    address: CheckedAddress<'_>,
    found: &[SocketAddr],
) -> StepResult {
    let named =
        |port| ProbeAddress::Tcp(found.iter().map(|address| at_port(*address, port)).collect());
    match check_once(&Probe::configured(&wanted.check, address, wanted.way.clone(), named)) {
        Ok(result) => match result.outcome {
            Ok(()) => StepResult::Done(result.took),
            Err(failure) => StepResult::Unanswered(failure.to_string()),
        },
        Err(error) => {
            StepResult::Impossible(format!("cannot start a check: {}", flow::error_text(&error)))
        }
    }
}

/// Checks each of the targets of a set once.
pub(super) fn check_each(wanted: &TargetCheck, addresses: &[SocketAddr]) -> StepResult {
    each(addresses, DEADLINE, |address, _| check_target(wanted, CheckedAddress::Ip(*address), &[]))
}
