//! The targets that are eligible for one client: the level that serves, and whether it is up.

use super::{Candidate, Level, NoneUp, level};
use std::ops::Range;

/// The part of a set from which a target is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pool {
    level: u16,
    /// Targets that are down are tried as if they were up.
    is_down: bool,
}

impl Pool {
    /// The first level with a target that is up and that the client has not tried. If there is none, and
    /// `none_up` permits it, the first level with a target that the client has not tried.
    pub(super) fn of(candidates: impl Iterator<Item = Candidate>, none_up: NoneUp) -> Option<Self> {
        let (mut up, mut down) = (None, None);
        for candidate in candidates.filter(|candidate| !candidate.is_tried) {
            let best = if candidate.is_up { &mut up } else { &mut down };
            *best = Some(best.map_or(candidate.level, |level: u16| level.min(candidate.level)));
            if up == Some(0) {
                break;
            }
        }
        let down = down.filter(|_| none_up == NoneUp::Try);
        up.map(|level| Self { level, is_down: false })
            .or(down.map(|level| Self { level, is_down: true }))
    }

    /// The positions between which all of its targets are.
    pub(super) fn positions(self, levels: &[Level]) -> Range<usize> {
        level::positions(levels, self.level)
    }

    /// Whether the candidate may take the session.
    #[expect(clippy::needless_bitwise_bool, reason = "four branches would cost a turn 15 % more")]
    pub(super) fn contains(self, candidate: &Candidate) -> bool {
        (candidate.is_up != self.is_down)
            & (candidate.level == self.level)
            & (candidate.free > 0)
            & !candidate.is_tried
    }
}
