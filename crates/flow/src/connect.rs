//! Connecting to the target: at which addresses, of which targets, and for how long.

mod addresses;
pub use addresses::in_order;

mod race;
pub use race::{MOST_ATTEMPTS, Race, RaceStep};

use crate::Time;
use crate::session::{Session, Stage};

impl Session {
    /// Nothing is done to connect before an event, or before `attempt_until`.
    pub fn attempt(&mut self, attempt_until: Time) {
        self.enter(Stage::Connecting { attempt_until });
    }

    /// The target is connected: bytes may flow.
    pub fn connected(&mut self, now: Time) {
        self.enter(Stage::Relaying);
        self.connect_time = Some(now.since(self.accepted).into());
        self.idle_clock.byte_moved(now);
    }
}
