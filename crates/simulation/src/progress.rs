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
    /// The last change of each lane.
    lanes: [Time; 2],
}

impl Progress {
    /// Notes the state of the session after a turn at `now`.
    pub(crate) fn note(&mut self, session: &flow::Session, now: Time) {
        let of_lane = |direction| {
            let lane = session.lane(direction);
            (lane.received(), lane.sent(), lane.state())
        };
        let relays = matches!(session.stage(), Stage::Relaying | Stage::Flushing { .. });
        let figures = Some((relays, Direction::BOTH.map(of_lane)));
        if figures == self.figures {
            return;
        }
        for direction in Direction::BOTH {
            let before = self.figures.map(|(_, lanes)| lanes[direction as usize]);
            if before != Some(of_lane(direction)) {
                self.lanes[direction as usize] = now;
            }
        }
        (self.figures, self.since) = (figures, now);
    }

    /// From the last change of each lane to `now`.
    pub(crate) fn quiet_lanes(self, now: Time) -> [Duration; 2] {
        self.lanes.map(|since| now.since(since))
    }

    /// From the last change to `now`.
    pub(crate) fn quiet(self, now: Time) -> Duration {
        now.since(self.since)
    }
}
