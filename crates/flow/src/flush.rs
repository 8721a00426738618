//! Stage *flush*: after one socket broke, its last bytes are delivered to the other peer, and then the
//! other socket is reset.

use crate::Time;
use crate::close::reason::CloseReason;
use crate::deadlines::FLUSH_LIMIT;
use crate::direction::{Direction, Peer};
use crate::session::{Action, Session, Stage};
use std::time::Duration;

/// First pause between two checks of the kernel's send queue; doubles with each check, six times. The
/// kernel reports no event when the peer has acknowledged all bytes.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const DOUBLINGS: u8 = 6;
/// Checks without progress that make up [`FLUSH_LIMIT`]: six short pauses, and 40 of 128 ms.
const MOST_POLLS: u8 = 6 + 40;
const _: () = assert!(FLUSH_LIMIT.as_millis().div_ceil(128) == 40, "the two belong together");

impl Session {
    /// The next action while the lanes have no step and the socket at `broken` has failed.
    pub(crate) fn next_after_failure(&mut self, now: Time, broken: Peer) -> Action {
        // The lane from the broken socket holds bytes, and the other socket is not writable.
        if !self.lane(Direction::from(broken)).is_over() {
            return Action::Wait;
        }
        let reason = self.reason_of_failure(broken);
        self.flush_unacked = u32::MAX;
        self.enter(Stage::Flushing { reason, poll_at: now, polls: 0 });
        self.next(now)
    }

    pub(crate) fn next_while_flushing(
        &self,
        now: Time,
        reason: CloseReason,
        poll_at: Time,
        polls: u8,
    ) -> Action {
        let is_alive = |peer: &Peer| self.socket(*peer).failure().is_none();
        match [Peer::Client, Peer::Target].into_iter().find(is_alive) {
            Some(_) if self.flush_unacked == 0 || polls > MOST_POLLS => Action::Reset(reason),
            Some(peer) if now >= poll_at => Action::CheckUnacked(peer),
            Some(_) => Action::Wait,
            None => Action::Reset(reason),
        }
    }

    /// The result of [`Action::CheckUnacked`]: `bytes` are not acknowledged yet.
    pub fn unacked(&mut self, bytes: u32, now: Time) {
        let Stage::Flushing { reason, polls, .. } = self.stage else { return };
        // Each acknowledged byte restarts the time limit: a slow reader may take longer.
        let before = std::mem::replace(&mut self.flush_unacked, bytes);
        let polls = if bytes < before { polls.min(DOUBLINGS) } else { polls };
        let poll_at = now.after(FIRST_PAUSE * (1 << polls.min(DOUBLINGS)));
        let polls = polls.saturating_add(1);
        self.enter(Stage::Flushing { reason, poll_at, polls });
    }

    /// Whether the socket at one end has broken.
    pub(crate) fn has_broken(&self) -> bool {
        self.first_failure.is_some()
    }

    /// The close reason of a broken session, whether or not the last bytes were delivered.
    pub(crate) fn reason_of_break(&self) -> Option<CloseReason> {
        match self.stage {
            Stage::Flushing { reason, .. } => Some(reason),
            _ => self.first_failure.map(|peer| self.reason_of_failure(peer)),
        }
    }
}
