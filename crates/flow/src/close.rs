//! The close reason of a session, and the facts that remain of it.

pub(crate) mod reason;

use crate::Time;
use crate::direction::{Direction, Peer};
use crate::relay::path::{Fallback, PathsUsed};
use crate::session::Session;
use reason::{By, Cause, CloseReason, SocketFailure};
use std::time::Duration;

/// The facts of an ended session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The one reason for the end.
    pub reason: CloseReason,
    /// From acceptance to the end.
    pub duration: Duration,
    /// From acceptance to the connection with the target, resolving included; `None` if the session
    /// ended before that.
    pub connect_time: Option<Duration>,
    /// From acceptance to the target's first byte; `None` if there was none.
    pub first_byte: Option<Duration>,
    /// Of the lanes up and down.
    pub lanes: [LaneEnding; 2],
}

/// The facts of one lane of an ended session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneEnding {
    /// Bytes that the socket of the lane's sink took.
    pub bytes: u64,
    /// The paths that carried bytes.
    pub paths: PathsUsed,
    /// The most serious reason for which the lane left splice.
    pub fallback: Fallback,
    /// Time in which bytes of the lane waited for its sink's socket, in milliseconds.
    pub stalled: Duration,
}

impl Session {
    /// Ends the session. There is no second end: this consumes it.
    pub fn finish(self, now: Time, reason: CloseReason) -> Ending {
        Ending {
            reason,
            duration: now.since(self.accepted),
            connect_time: self.connect_time(),
            first_byte: self.first_byte(),
            lanes: Direction::BOTH.map(|direction| self.lane_ending(direction, now)),
        }
    }

    fn lane_ending(&self, direction: Direction, now: Time) -> LaneEnding {
        let lane = self.lane(direction);
        LaneEnding {
            bytes: lane.sent(),
            paths: lane.paths_used(),
            fallback: lane.fallback(),
            stalled: self.stalled(direction, now),
        }
    }

    /// The reason where both lanes have passed their FIN on.
    pub(crate) fn reason_of_fin(&self) -> CloseReason {
        let peer = self.first_fin.unwrap_or(Peer::Client);
        CloseReason::new(By::from(peer), self.phase(), Cause::Fin)
    }

    /// The reason where the socket to `peer` broke.
    pub(crate) fn reason_of_failure(&self, peer: Peer) -> CloseReason {
        let failure = self.socket(peer).failure();
        let cause = failure.map_or(Cause::Reset, |failure| failure.cause);
        let errno = failure.and_then(|failure| failure.errno);
        let by = if cause.is_of_resources() { By::Resource } else { By::from(peer) };
        CloseReason { by, phase: self.phase(), cause, errno }
    }

    /// The reason where the client's socket broke before the target was connected.
    pub fn reason_of_client_failure(&self, failure: SocketFailure) -> CloseReason {
        CloseReason {
            by: By::Client,
            phase: self.phase(),
            cause: failure.cause,
            errno: failure.errno,
        }
    }
}

impl From<Peer> for By {
    fn from(peer: Peer) -> Self {
        match peer {
            Peer::Client => Self::Client,
            Peer::Target => Self::Target,
        }
    }
}
