//! Failing system calls: strace makes one call of a thread of the real binary return an error,
//! under a load whose bytes are checked at both ends.
//!
//! With any fault: no wrong byte, no clean FIN over missing bytes, no hung session, no leaked
//! descriptor, no spinning thread; other sessions continue, later ones are served, and the record
//! of a session ended by the fault names the error. `table` lists the calls with their errors and
//! allowed effects. `cargo test` fails the first call, the second, and all of them for a while;
//! `cargo xtask faults` others too, and writes the results into `docs/reliability/faults.md`.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod load;
mod report;
mod table;
mod tracer;
mod trial;
mod views;

use std::panic;
use std::sync::Mutex;
use std::thread;

use table::{Fault, When, faults};
use trial::{Observed, Trial};

/// Concurrent trials; they wait for nearly all of their time.
const AT_ONCE: usize = 8;

/// Runs trials of these faults. Panics with all complaints.
fn run(faults: &[Fault], whens: &[When]) -> Vec<Observed> {
    let mut trials: Vec<_> = faults
        .iter()
        .flat_map(|fault| whens.iter().flat_map(|when| Trial::all(fault, *when)))
        .collect();
    // Taken from the end: the longest trials first, so that none runs alone at the end.
    trials.sort_by_key(Trial::is_long);
    let (waiting, observed) = (Mutex::new(trials), Mutex::new(Vec::new()));
    let next = || waiting.lock().unwrap().pop();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(trial) = next() {
                    let result = panic::catch_unwind(|| trial.run());
                    let seen = result.unwrap_or_else(|panic| trial.failed(&*panic));
                    observed.lock().unwrap().push(seen);
                }
            });
        }
    });
    let observed = observed.into_inner().unwrap();
    let wrong: Vec<_> = observed.iter().flat_map(Observed::complaints).collect();
    assert!(wrong.is_empty(), "{} complaints:\n{}", wrong.len(), wrong.join("\n"));
    observed
}

/// The second splice(2) is the first one out of a pipe.
#[test]
fn each_error_at_the_first_the_second_and_all_calls() {
    run(&faults(), &[When::First, When::Second, When::Always]);
}

#[test]
fn the_document_has_a_row_for_each_error() {
    report::check(&faults());
}

/// Takes a few minutes; `cargo xtask faults` runs it and keeps the results.
#[test]
#[ignore = "cargo xtask faults"]
fn each_error_at_several_calls() {
    let observed = run(&faults(), &When::ALL);
    if let Ok(path) = std::env::var("FAULTS_DOCUMENT") {
        report::write(&path, &faults(), &observed);
    }
}
