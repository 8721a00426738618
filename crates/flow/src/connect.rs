//! Connecting to the target: at which addresses, of which targets, and for how long.

mod addresses;
pub use addresses::in_order;

mod race;
pub use race::{MOST_ATTEMPTS, Race, RaceStep};

use crate::Time;
use crate::session::{Session, Stage};
use std::num::NonZeroU32;
use std::time::Duration;

impl Session {
    /// Nothing is done to connect before an event, or before `attempt_until`.
    pub fn attempt(&mut self, attempt_until: Time) {
        self.enter(Stage::Connecting { attempt_until });
    }

    /// The target is connected: bytes may flow.
    pub fn connected(&mut self, now: Time) {
        self.enter(Stage::Relaying);
        self.connect_micros = Some(micros(now.since(self.accepted)));
        self.idle_clock.byte_moved(now);
    }
}

/// At least one microsecond. Longer times than 71 minutes, which fill the number, count as that.
fn micros(span: Duration) -> NonZeroU32 {
    let micros = u32::try_from(span.as_micros()).unwrap_or(u32::MAX);
    NonZeroU32::new(micros).unwrap_or(NonZeroU32::MIN)
}
