//! The state of a target and the result of its last check, as text.

use crate::console::units::seconds;
use api::{Target, TargetState};

/// The state; of a target that is out of use, since when and why.
pub(crate) fn state(target: &Target) -> String {
    let Target { state, since, .. } = target;
    let Some(why) = why(target) else { return state.to_string() };
    let since = since.as_ref().map(|since| format!(" since {since}")).unwrap_or_default();
    format!("{state}{since}: {why}")
}

/// Why a target is out of use; `None` if it is in use, or drained by an operator.
pub(crate) fn why(target: &Target) -> Option<&str> {
    target.why.as_deref().filter(|_| target.state != TargetState::Drained)
}

/// The result of the last check; `None` before the first.
pub(crate) fn last_check(target: &Target) -> Option<String> {
    target.last_check.as_ref().map(|last| format!("{} in {}", last.result, seconds(last.took)))
}
