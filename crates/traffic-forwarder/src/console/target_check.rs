//! The state of a target and the result of its last check, as text.

use crate::console::units::seconds;
use api::{Target, TargetState};

/// The state; of a target that is out of use, since when and why.
pub(crate) fn state(Target { state, since, why, .. }: &Target) -> String {
    let Some(why) = why.as_ref().filter(|_| *state != TargetState::Drained) else {
        return state.to_string();
    };
    let since = since.as_ref().map(|since| format!(" since {since}")).unwrap_or_default();
    format!("{state}{since}: {why}")
}

/// The result of the last check; `None` before the first.
pub(crate) fn last_check(target: &Target) -> Option<String> {
    target.last_check.as_ref().map(|last| format!("{} in {}", last.result, seconds(last.took)))
}
