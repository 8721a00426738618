//! When a session last moved, by the engine's own figures.

use flow::{Direction, LaneState, Stage, Time};
use std::time::Duration;

/// Bytes received, bytes sent, and the state of a lane.
type OfLane = (u64, u64, LaneState);

/// The figures of both lanes, and the time of their last change.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    /// Whether it relays, and its lanes.
    figures: Option<(bool, [OfLane; 2])>,
    since: Time,
}

impl Progress {
    /// Notes the state of the session after a turn at `now`.
    pub(crate) fn note(&mut self, session: &flow::Session, now: Time) {
        let of_lane = |direction| {
            let lane = session.lane(direction);
            (lane.received(), lane.sent(), lane.state())
        };
        let relays = !matches!(session.stage(), Stage::Connecting { .. });
        let figures = Some((relays, Direction::BOTH.map(of_lane)));
        if figures != self.figures {
            *self = Self { figures, since: now };
        }
    }

    /// From the last change to `now`.
    pub(crate) fn quiet(self, now: Time) -> Duration {
        now.since(self.since)
    }
}
