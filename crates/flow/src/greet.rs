//! Stage *greet*: the bytes that a client must send before its target is selected. They are consumed as a
//! whole, so that those behind them stay in the socket for the lanes.

use crate::Time;
use crate::session::{Session, Stage};

impl Session {
    /// The client must send its greeting by `until`. Called for a new session.
    pub fn greet(&mut self, until: Time) {
        self.enter(Stage::Greeting { until });
    }

    /// The greeting was read and taken from the client's socket. The first attempt to connect the target ends
    /// at `attempt_until`.
    pub fn greeted(&mut self, attempt_until: Time) {
        self.enter(Stage::Connecting { attempt_until });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, Direction, PathChoice, Peer, Readiness, Step};

    #[test]
    fn the_bytes_behind_a_greeting_are_relayed_without_another_event() {
        let now = Time::from_micros(1);
        let mut session = Session::new(now, PathChoice::Copy, now);
        session.greet(Time::from_micros(9));
        let ready = Readiness { readable: true, writable: true, mark: false };
        session.on_ready(Peer::Client, ready, now);
        assert_eq!(session.next(now), Action::Wait);
        session.greeted(Time::from_micros(7));
        session.connected(now);
        assert_eq!(session.next(now), Action::Step(Direction::Up, Step::Copy));
    }
}
