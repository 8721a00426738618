//! Parts of sentences.

use crate::foreign_text::shown;
use plan::units::format_duration;
use std::time::Duration;

/// The commands that decide a pending trial.
pub(super) const DECIDE: &str =
    "`traffic-forwarder rollout continue` or `traffic-forwarder rollout back` decides it";

/// Names separated by commas, at most ten.
pub(super) fn names<'a>(
    of: impl IntoIterator<Item = &'a String, IntoIter: ExactSizeIterator>,
) -> String {
    let of = of.into_iter();
    let count = of.len();
    let first: Vec<String> = of.take(10).map(|name| shown(name)).collect();
    let more = count - first.len();
    let first = first.join(", ");
    if more == 0 { first } else { format!("{first} and {more} more") }
}

/// A duration, without milliseconds from ten seconds on.
pub(super) fn seconds(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let shown = if millis < 10_000 { millis } else { millis / 1000 * 1000 };
    format_duration(Duration::from_millis(shown))
}

/// A note in parentheses, or nothing.
pub(super) fn noted(note: &str) -> String {
    if note.is_empty() { String::new() } else { format!(" ({})", shown(note)) }
}
