//! Stage *preamble*: the bytes that a target must get before the client's. The engine sends them at once when
//! the target is connected; a session is in this stage only while the target's socket takes no more of them.

use crate::Time;
use crate::relay::socket_state::Readiness;
use crate::session::{Session, Stage};

impl Session {
    /// The target's socket did not take all of the preamble. Bytes of the client follow the rest, which must
    /// be sent by `until`.
    pub fn preamble_waits(&mut self, until: Time) {
        self.target.write_would_block();
        self.enter(Stage::Preamble { until });
    }

    /// The preamble is sent, or never will be, because the target's socket broke: bytes may flow.
    pub fn preamble_ended(&mut self, now: Time) {
        self.enter(Stage::Relaying);
        // No event may follow for a socket that was full, and has taken the rest since.
        self.target.on_ready(Readiness { writable: true, ..Readiness::default() });
        self.idle_clock.byte_moved(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, PathChoice, Peer};

    #[test]
    fn the_client_waits_until_the_preamble_is_sent() {
        let now = Time::from_micros(1);
        let mut session = Session::new(now, PathChoice::Copy, now);
        session.connected(now);
        session.preamble_waits(Time::from_micros(9));
        let ready = Readiness { readable: true, writable: true, mark: false };
        session.on_ready(Peer::Client, ready, now);
        session.on_ready(Peer::Target, ready, now);
        assert_eq!(session.next(now), Action::Wait);
        session.preamble_ended(now);
        assert!(matches!(session.next(now), Action::Step(..)));
    }
}
