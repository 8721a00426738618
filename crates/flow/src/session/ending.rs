//! How a session comes to its end: in order, or by what broke, after the bytes that came before it.

use super::{Action, Session, Stage};
use crate::Time;
use crate::close::{By, Cause, CloseReason, Failure};
use crate::deadlines::FLUSH_LIMIT;
use crate::direction::Direction;
use crate::lane::LaneState;
use crate::path::{Fallback, PathsUsed};
use crate::side::End;
use std::time::Duration;

/// The first pause before the kernel's send queue is looked at again while flushing; it doubles
/// with each look, six times. There is no event for "all sent bytes are acknowledged".
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const DOUBLINGS: u8 = 6;
/// Looks without progress that make up [`FLUSH_LIMIT`]: six short pauses, and 40 of 128 ms.
const MOST_LOOKS: u8 = 6 + 40;
const _: () = assert!(FLUSH_LIMIT.as_millis().div_ceil(128) == 40, "the two belong together");

/// The facts of a session that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Why.
    pub reason: CloseReason,
    /// From acceptance to the end.
    pub duration: Duration,
    /// From acceptance to the connection with the target, resolving included; `None` if it never
    /// came to that.
    pub connect_time: Option<Duration>,
    /// Bytes that the target's socket took.
    pub bytes_up: u64,
    /// Bytes that the client's socket took.
    pub bytes_down: u64,
    /// Paths of the lane from client to target.
    pub path_up: PathsUsed,
    /// Paths of the lane from target to client.
    pub path_down: PathsUsed,
    /// Why the lane from client to target left splice.
    pub fallback_up: Fallback,
    /// Why the lane from target to client left splice.
    pub fallback_down: Fallback,
}

impl Session {
    /// Both lanes wait or are over: is the session?
    pub(super) fn ended(&mut self, now: Time) -> Action {
        if let Some(end) = self.first_failure {
            // What the broken side sent before must be delivered first, if anybody takes it.
            if !self.lane(Direction::from(end)).is_over() {
                return Action::Wait;
            }
            let reason = self.reason_of_failure(end);
            if self.side(end.other()).failure().is_some() {
                return Action::Reset(reason);
            }
            self.enter(Stage::Flushing { reason, look_again: now, unacked: u32::MAX, looks: 0 });
            return Action::LookAtQueue(end.other());
        }
        match (self.up.state(), self.down.state()) {
            (LaneState::Finished, LaneState::Finished) => Action::Close(self.reason_of_fin()),
            _ => Action::Wait,
        }
    }

    pub(super) fn next_while_flushing(
        &self,
        now: Time,
        reason: CloseReason,
        look_again: Time,
    ) -> Action {
        let alive = |end: &End| self.side(*end).failure().is_none();
        match [End::Client, End::Target].into_iter().find(alive) {
            Some(end) if now >= look_again => Action::LookAtQueue(end),
            Some(_) => Action::Wait,
            None => Action::Reset(reason),
        }
    }

    /// The answer to [`Action::LookAtQueue`]: `unacked` bytes are still with the kernel.
    pub fn flushed(&mut self, now: Time, unacked: u32) -> Action {
        let Stage::Flushing { reason, unacked: before, looks, .. } = self.stage else {
            return Action::Wait;
        };
        // A slow reader gets the time it needs, as long as it reads.
        let looks = if unacked < before { looks.min(DOUBLINGS) } else { looks };
        if unacked == 0 || looks >= MOST_LOOKS {
            return Action::Reset(reason);
        }
        let look_again = now.after(FIRST_PAUSE * (1 << looks.min(DOUBLINGS)));
        self.enter(Stage::Flushing { reason, look_again, unacked, looks: looks + 1 });
        Action::Wait
    }

    fn reason_of_failure(&self, end: End) -> CloseReason {
        let failure = self.side(end).failure();
        let cause = failure.map_or(Cause::Reset, |failure| failure.cause);
        let errno = failure.and_then(|failure| failure.errno);
        let by = if cause.is_of_resources() { By::Resource } else { by(end) };
        CloseReason { by, phase: self.phase(), cause, errno }
    }

    /// A side has broken.
    pub(crate) fn has_broken(&self) -> bool {
        self.first_failure.is_some()
    }

    /// The close reason of a broken session, whether or not the broken side's bytes were delivered.
    pub(crate) fn reason_of_break(&self) -> Option<CloseReason> {
        match self.stage {
            Stage::Flushing { reason, .. } => Some(reason),
            _ => self.first_failure.map(|end| self.reason_of_failure(end)),
        }
    }

    fn reason_of_fin(&self) -> CloseReason {
        let end = self.first_fin.unwrap_or(End::Client);
        CloseReason::new(by(end), self.phase(), Cause::Fin)
    }

    /// Why a client that broke while the target was being connected ends the session.
    pub fn reason_of_client_failure(&self, failure: Failure) -> CloseReason {
        CloseReason {
            by: By::Client,
            phase: self.phase(),
            cause: failure.cause,
            errno: failure.errno,
        }
    }

    /// Ends the session. There is no second end: this consumes it.
    pub fn finish(self, now: Time, reason: CloseReason) -> Ending {
        Ending {
            reason,
            duration: now.since(self.accepted),
            connect_time: self.connect_time(),
            bytes_up: self.up.sent(),
            bytes_down: self.down.sent(),
            path_up: self.up.paths_used(),
            path_down: self.down.paths_used(),
            fallback_up: self.up.fallback(),
            fallback_down: self.down.fallback(),
        }
    }
}

fn by(end: End) -> By {
    match end {
        End::Client => By::Client,
        End::Target => By::Target,
    }
}
