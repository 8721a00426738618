//! Stage *select*: which target of a set takes a session.

/// How sessions are spread over the targets of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// The emptier of two random targets, by sessions per weight.
    Least,
    /// In turn, as often as the weights say.
    RoundRobin,
    /// By the client's address: a client gets the same target while that target is up.
    Source,
    /// The first target that is up, in the order of the configuration.
    First,
}

/// The response to a client while no target is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoneUp {
    /// Try all targets as if they were up.
    Try,
    /// Reset the client.
    Refuse,
}

/// State of one target at the moment of selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its health allows new sessions.
    pub is_up: bool,
    /// It is below its own limit of sessions.
    pub has_room: bool,
}

/// Why no target of a set can take a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoTarget {
    /// No target is up, or the set is empty.
    Down,
    /// At least one target is up, and each one that is up is at its limit.
    Full,
}

/// The position of the first candidate that is up and has room. Reads no further than that one.
pub fn select(candidates: impl IntoIterator<Item = Candidate>) -> Result<usize, NoTarget> {
    let mut reason = NoTarget::Down;
    for (position, candidate) in candidates.into_iter().enumerate() {
        match candidate {
            Candidate { is_up: true, has_room: true } => return Ok(position),
            Candidate { is_up: true, has_room: false } => reason = NoTarget::Full,
            Candidate { is_up: false, .. } => {}
        }
    }
    Err(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Candidate = Candidate { is_up: true, has_room: true };
    const FULL: Candidate = Candidate { is_up: true, has_room: false };
    const DOWN: Candidate = Candidate { is_up: false, has_room: true };
    const DOWN_AND_FULL: Candidate = Candidate { is_up: false, has_room: false };

    #[test]
    fn the_first_target_that_is_up_and_has_room_is_selected() {
        assert_eq!(select([GOOD]), Ok(0));
        assert_eq!(select([GOOD, GOOD]), Ok(0));
        assert_eq!(select([DOWN, FULL, DOWN_AND_FULL, GOOD, GOOD]), Ok(3));
    }

    #[test]
    fn a_limit_is_the_reason_only_where_a_target_is_up() {
        assert_eq!(select([]), Err(NoTarget::Down));
        assert_eq!(select([DOWN, DOWN_AND_FULL]), Err(NoTarget::Down));
        assert_eq!(select([FULL]), Err(NoTarget::Full));
        assert_eq!(select([DOWN, FULL, DOWN]), Err(NoTarget::Full));
    }
}
