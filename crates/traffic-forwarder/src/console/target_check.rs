//! What the checks of a target found, as text.

use crate::console::units::seconds;
use api::Target;

/// Why the target is down and since when, or else the result of its last check; `None` if neither is known.
pub(crate) fn check(target: &Target) -> Option<String> {
    let since =
        || target.since.as_ref().map_or_else(String::new, |since| format!(" since {since}"));
    match (&target.why, &target.last_check) {
        (Some(why), _) => Some(format!("{why}{}", since())),
        (None, Some(last)) => Some(format!("{} in {}", last.result, seconds(last.took))),
        (None, None) => None,
    }
}
