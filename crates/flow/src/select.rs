//! Stage *select*: which target of a set takes a session.
//!
//! A level serves while one of its targets is up: backups take sessions when all targets before them are
//! down, not when they are full. For one client, a target that was tried counts as down.

mod least;
mod pool;

mod level;
pub use level::{Level, levels};

mod turns;
pub use turns::Turns;

mod rendezvous;
pub use rendezvous::{client_number, target_number};

use crate::random::Random;
use pool::Pool;

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
    /// Sessions that it may take beside the open ones; 0 at its own limit.
    pub free: u32,
    /// This client has tried it.
    pub is_tried: bool,
    /// 0 serves first; the others are backups.
    pub level: u16,
    /// Its part of new sessions, relative to other targets. At least 1.
    pub weight: u32,
    /// Its open sessions, as far as this process knows.
    pub sessions: u32,
}

/// A [`Balance`] with the state or the number that it decides by.
#[derive(Debug)]
pub enum Choice<'a> {
    /// [`Balance::Least`], with a random number.
    Least(u64),
    /// [`Balance::RoundRobin`], with the turns of the set.
    RoundRobin(&'a mut Turns),
    /// [`Balance::Source`], with the number of the client ([`client_number`]).
    Source(u64),
    /// [`Balance::First`].
    First,
}

/// Why no target of a set can take a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoTarget {
    /// No target is up that this client has not tried, or the set is empty.
    Down,
    /// The level that serves is at its limits.
    Full,
}

/// A target set, as selection reads it.
#[derive(Clone, Copy, Debug)]
pub struct Candidates<'a, F> {
    /// The numbers of the targets ([`target_number`]), by position. Apart from their states, because
    /// [`Balance::Source`] reads all numbers and few states.
    pub numbers: &'a [u64],
    /// Where the targets of each level are ([`levels`]).
    pub levels: &'a [Level],
    /// Reads the state of the target at a position.
    pub at: F,
    /// The highest weight of the set.
    pub heaviest: u32,
}

/// The position of the target that takes the session. [`Choice::Least`] usually reads the states of three
/// targets, [`Choice::First`] of those up to the chosen one, [`Choice::Source`] of a few,
/// [`Choice::RoundRobin`] of all.
///
/// # Errors
/// See [`NoTarget`]. With [`NoneUp::Try`], only a set whose targets were all tried is down.
pub fn select(
    candidates: &Candidates<'_, impl Fn(usize) -> Candidate>,
    choice: Choice<'_>,
    none_up: NoneUp,
) -> Result<usize, NoTarget> {
    let Candidates { numbers, levels, at, heaviest } = candidates;
    let count = numbers.len();
    let pool = Pool::of((0..count).map(at), none_up).ok_or(NoTarget::Down)?;
    let eligible_at = |position| Some(at(position)).filter(|it| pool.contains(it));
    let chosen = match choice {
        Choice::Least(random) => least::emptier_of_two(
            pool.positions(levels),
            eligible_at,
            *heaviest,
            Random::new(random),
        ),
        Choice::RoundRobin(turns) => turns.next(count, |position| {
            let candidate = at(position);
            candidate.weight * u32::from(pool.contains(&candidate))
        }),
        Choice::Source(client) => rendezvous::highest(numbers, eligible_at, *heaviest, client),
        Choice::First => pool.positions(levels).find(|position| eligible_at(*position).is_some()),
    };
    chosen.ok_or(NoTarget::Full)
}

/// Whether the targets have a place for a new client, beside those for `claims` clients that were accepted
/// and have none yet. True as well if no target may serve: a client that waited would wait for none.
pub fn has_place(
    candidates: &Candidates<'_, impl Fn(usize) -> Candidate>,
    none_up: NoneUp,
    claims: u32,
) -> bool {
    let Candidates { numbers, at, .. } = candidates;
    let all = || (0..numbers.len()).map(at);
    let Some(pool) = Pool::of(all(), none_up) else { return true };
    let mut free = all().filter(|it| pool.contains(it)).scan(0u32, |sum, it| {
        *sum = sum.saturating_add(it.free);
        Some(*sum)
    });
    free.any(|free| free > claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Candidate =
        Candidate { is_up: true, free: 1, is_tried: false, level: 0, weight: 1, sessions: 0 };
    const FULL: Candidate = Candidate { free: 0, ..GOOD };
    const DOWN: Candidate = Candidate { is_up: false, ..GOOD };
    const TRIED: Candidate = Candidate { is_tried: true, ..GOOD };
    const BACKUP: Candidate = Candidate { level: 1, ..GOOD };
    const LAST: Candidate = Candidate { level: 2, ..GOOD };

    type Set<'a> = Candidates<'a, &'a dyn Fn(usize) -> Candidate>;

    fn with_set<T>(candidates: &[Candidate], act: impl FnOnce(&Set<'_>) -> T) -> T {
        let numbers = &[0, 1, 2, 3, 4, 5][..candidates.len()];
        let levels = &levels(candidates.iter().map(|candidate| candidate.level));
        act(&Candidates { numbers, levels, at: &|at| candidates[at], heaviest: 1 })
    }

    /// The selection of every balance, which must agree where one target is eligible.
    fn of_each(candidates: &[Candidate], none_up: NoneUp) -> Result<usize, NoTarget> {
        let mut turns = Turns::default();
        let choices =
            [Choice::Least(7), Choice::RoundRobin(&mut turns), Choice::Source(7), Choice::First];
        let [first, others @ ..] =
            with_set(candidates, |set| choices.map(|choice| select(set, choice, none_up)));
        assert_eq!(others, [first; 3], "{candidates:?}");
        first
    }

    #[test]
    fn only_a_target_that_is_up_untried_and_below_its_limit_is_selected() {
        let refuse = |candidates: &[Candidate]| of_each(candidates, NoneUp::Refuse);
        assert_eq!(refuse(&[GOOD]), Ok(0));
        assert_eq!(refuse(&[DOWN, FULL, TRIED, GOOD]), Ok(3));
        assert_eq!(refuse(&[]), Err(NoTarget::Down));
        assert_eq!(refuse(&[DOWN, TRIED]), Err(NoTarget::Down));
        assert_eq!(refuse(&[DOWN, FULL, TRIED]), Err(NoTarget::Full));
    }

    #[test]
    fn backups_serve_when_the_targets_before_them_are_down_and_not_when_they_are_full() {
        let refuse = |candidates: &[Candidate]| of_each(candidates, NoneUp::Refuse);
        assert_eq!(refuse(&[LAST, BACKUP, GOOD]), Ok(2));
        assert_eq!(refuse(&[LAST, BACKUP, DOWN]), Ok(1));
        assert_eq!(refuse(&[LAST, BACKUP, TRIED]), Ok(1), "tried counts as down");
        assert_eq!(refuse(&[LAST, BACKUP, FULL]), Err(NoTarget::Full));
        let down = Candidate { is_up: false, ..BACKUP };
        assert_eq!(refuse(&[LAST, down, DOWN]), Ok(0));
    }

    #[test]
    fn with_none_up_all_are_tried_or_none() {
        let backup = Candidate { is_up: false, ..BACKUP };
        assert_eq!(of_each(&[backup, DOWN], NoneUp::Try), Ok(1), "levels hold");
        assert_eq!(of_each(&[backup, TRIED], NoneUp::Try), Ok(0), "each target once");
        assert_eq!(of_each(&[DOWN, TRIED], NoneUp::Try), Ok(0), "down, and may be back");
        assert_eq!(of_each(&[TRIED, TRIED], NoneUp::Try), Err(NoTarget::Down));
        assert_eq!(of_each(&[backup, DOWN], NoneUp::Refuse), Err(NoTarget::Down));
    }

    #[test]
    fn a_new_client_gets_a_place_beside_those_of_earlier_ones() {
        let has_place = |candidates: &[Candidate], claims| {
            with_set(candidates, |set| has_place(set, NoneUp::Refuse, claims))
        };
        let two = Candidate { free: 2, ..GOOD };
        assert_eq!(
            [0, 2, 3].map(|claims| has_place(&[GOOD, FULL, two], claims)),
            [true, true, false]
        );
        let most = Candidate { free: u32::MAX, ..GOOD };
        assert!(has_place(&[most, most], u32::MAX - 1));
        assert!(!has_place(&[FULL, BACKUP, DOWN], 0), "backups serve when the others are down");
        assert!(has_place(&[DOWN, BACKUP], 0) && !has_place(&[DOWN, BACKUP], 1));
        assert!(has_place(&[DOWN], 9) && has_place(&[], 9), "a refusal is not waited for");
    }

    #[test]
    fn first_keeps_to_the_order_of_the_configuration() {
        let select = |candidates: &[Candidate]| {
            with_set(candidates, |set| select(set, Choice::First, NoneUp::Try))
        };
        assert_eq!(select(&[GOOD, GOOD, GOOD]), Ok(0));
        assert_eq!(select(&[DOWN, GOOD, GOOD]), Ok(1));
    }
}
