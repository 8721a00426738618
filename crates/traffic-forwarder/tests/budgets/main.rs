//! The budgets of `bench/budgets.toml`: system calls and instructions per operation, counted on the
//! release binary in fixed histories. Nothing is timed, so a slow or busy machine changes nothing.
//!
//! `cargo test -p traffic-forwarder --test budgets -- --nocapture` prints the figures.

mod budget;
mod calls;
mod histories;
mod instructions;
mod release;
mod stage;
mod verdict;

use budget::Budgets;
use histories::History;
use std::collections::BTreeSet;

/// Attempts: a rare event, such as a timer, in one of two runs distorts their difference. A real
/// cost of the operation appears in every attempt.
const MEASUREMENTS: usize = 3;

/// Checks the system calls of a history against its budget.
#[track_caller]
fn calls_of(history: &History) {
    let budgets = Budgets::read();
    let budget = budgets.of(history.name);
    let mut verdict = calls::measure(history).judge(budget);
    for _ in 1..MEASUREMENTS {
        if verdict.is_kept() {
            break;
        }
        verdict = calls::measure(history).judge(budget);
    }
    verdict.announce(budget);
}

/// Checks the instructions of a history against its budget.
#[track_caller]
fn instructions_of(history: &History) {
    let budgets = Budgets::read();
    let budget = budgets.of(history.name);
    instructions::measure(history).judge(budget).announce(budget);
}

mod system_calls {
    use super::{calls_of, histories};

    #[test]
    #[ignore = "make test-nightly: it builds the release"]
    fn ping_pong() {
        calls_of(&histories::PING_PONG);
    }

    #[test]
    #[ignore = "make test-nightly: it builds the release"]
    fn lockstep() {
        calls_of(&histories::LOCKSTEP);
    }

    #[test]
    #[ignore = "make test-nightly: it builds the release"]
    fn opening() {
        calls_of(&histories::OPENING);
    }

    #[test]
    #[ignore = "make test-nightly: it builds the release"]
    fn short_session() {
        calls_of(&histories::SHORT_SESSION);
    }

    #[test]
    #[ignore = "make test-nightly: it builds the release"]
    fn short_session_with_record() {
        calls_of(&histories::SHORT_SESSION_WITH_RECORD);
    }

    #[test]
    #[ignore = "make test-nightly: it builds the release"]
    fn bulk_auto() {
        calls_of(&histories::BULK_AUTO);
    }

    #[test]
    #[ignore = "make test-nightly: it builds the release"]
    fn bulk_splice() {
        calls_of(&histories::BULK_SPLICE);
    }

    #[test]
    #[ignore = "make test-nightly: it builds the release"]
    fn unix_bursts() {
        calls_of(&histories::UNIX_BURSTS);
    }

    #[test]
    #[ignore = "make test-nightly: it builds the release"]
    fn idle_second() {
        calls_of(&histories::IDLE_SECOND);
    }
}

mod instruction_counts {
    use super::{histories, instructions_of};

    #[test]
    #[ignore = "make test-nightly: it builds the release"]
    fn ping_pong() {
        instructions_of(&histories::PING_PONG);
    }

    #[test]
    #[ignore = "make test-nightly: it builds the release"]
    fn short_session() {
        instructions_of(&histories::SHORT_SESSION);
    }
}

#[test]
fn every_budget_belongs_to_a_history() {
    let played: BTreeSet<_> = histories::ALL.iter().map(|history| history.name).collect();
    let budgets = Budgets::read();
    assert_eq!(budgets.names().collect::<BTreeSet<_>>(), played);
}
