//! The time of an event or an input.

use std::time::{Duration, SystemTime};

/// A time, by a clock that only grows for decisions, and by the wall clock for people.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Since any fixed time.
    pub time: Duration,
    /// As people write it.
    pub at: SystemTime,
}

impl Moment {
    /// The wall clock in RFC 3339, with whole seconds.
    pub fn rfc3339(&self) -> String {
        humantime::format_rfc3339_seconds(self.at).to_string()
    }
}
