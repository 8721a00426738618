//! The stages of the probes of a target, and the pauses between them.

use std::time::Duration;

/// Time until an unreachable target is probed again, for the end of the warning. Each further pause is twice as long.
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// Which probe of a target is next, with the pause before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The first one.
    First,
    /// The first one that has an address: the name of the target could not be resolved so far.
    Unresolved(Duration),
    /// A later one: the target was unreachable.
    Unreachable(Duration),
}

impl Stage {
    /// After a look-up that failed. A target that was unreachable stays so.
    pub(super) fn unresolved(self) -> Self {
        match self {
            Self::First => Self::Unresolved(Duration::ZERO),
            later => later,
        }
    }

    /// After a connect that failed.
    pub(super) fn unreachable(self) -> Self {
        match self {
            Self::Unreachable(pause) => Self::Unreachable(pause),
            Self::First | Self::Unresolved(_) => Self::Unreachable(Duration::ZERO),
        }
    }

    /// The same stage, due at once.
    pub(super) fn at_once(self) -> Self {
        match self {
            Self::First => Self::First,
            Self::Unresolved(_) => Self::Unresolved(Duration::ZERO),
            Self::Unreachable(_) => Self::Unreachable(Duration::ZERO),
        }
    }

    /// The same stage after a longer pause, and that pause.
    pub(super) fn later(self) -> (Self, Duration) {
        let longer = |pause: Duration| (2 * pause).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        match self {
            Self::First => (Self::First, FIRST_PAUSE),
            Self::Unresolved(pause) => (Self::Unresolved(longer(pause)), longer(pause)),
            Self::Unreachable(pause) => (Self::Unreachable(longer(pause)), longer(pause)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_begin_anew_once_the_name_is_resolved() {
        let mut stage = Stage::First.unresolved();
        let mut seconds = Vec::new();
        for _ in 0..8 {
            let (next, pause) = stage.unresolved().later();
            stage = next;
            seconds.push(pause.as_secs());
        }
        assert_eq!(seconds, [10, 20, 40, 80, 160, 320, 600, 600]);
        let (stage, pause) = stage.unreachable().later();
        assert_eq!((stage, pause), (Stage::Unreachable(FIRST_PAUSE), FIRST_PAUSE));
        assert_eq!(stage.unresolved(), stage, "its warning goes on");
        assert_eq!(stage.at_once(), Stage::Unreachable(Duration::ZERO));
    }
}
