//! Runs short programs on the kernel of this host and on the simulated kernel, and requires the same
//! results.
//!
//! The programs of `programs/*.txt` have their results beside them: they are facts of Linux that the
//! simulated kernel and the engine rely on. `EXPECT=write cargo test -p testkit --test kernel_model`
//! rewrites the results from the kernel of this host. A title that begins with "Linux only" names one of
//! the differences that the documentation of `testkit::sim` explains. Further programs are random:
//! `PROGRAMS=n` sets their number, and `SEED=n` runs one.
//!
//! A difference is printed as a short program, which can be pasted into one of the files.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod compare;
mod facts;
mod linux;
mod machine;
mod op;
mod program;
mod random;
mod readiness;
mod simulated;
mod streams;
mod world;

use compare::Difference;
use linux::{Host, RealMachine};
use program::Program;
use simulated::SimulatedMachine;
use std::fmt::Write as _;

#[test]
fn facts_hold_on_this_kernel() {
    let host = Host::take();
    let writes = std::env::var_os("EXPECT").is_some_and(|value| value == "write");
    for file in facts::files() {
        let mut facts = facts::read(&file);
        for fact in &mut facts {
            let run = || world::run(RealMachine::new(&host), &fact.program);
            if writes {
                fact.results = run();
                continue;
            }
            let expected = fact.program.with(&fact.results);
            let attempt = || fact.program.with(&run());
            let mut found = attempt();
            // Another process of this host may interfere with a run.
            for _ in 1..compare::TRIES {
                if found != expected {
                    found = attempt();
                }
            }
            assert_eq!(found, expected, "{}", fact.title);
        }
        if writes {
            facts::write(&file, &facts);
        }
    }
}

#[test]
fn facts_hold_on_the_simulated_kernel() {
    // The other tests count the open descriptors of this process, and this one opens files.
    let _host = Host::take();
    let mut failures = String::new();
    for file in facts::files() {
        for fact in facts::read(&file).into_iter().filter(|fact| !fact.is_of_linux_only()) {
            let results = simulated(&fact.program);
            if results[..fact.results.len()] != fact.results {
                let expected = fact.program.with(&fact.results);
                let found = fact.program.with(&results);
                let _ = writeln!(failures, "# {}", fact.title);
                for (expected, found) in expected.lines().zip(found.lines()) {
                    let _ = if expected == found {
                        writeln!(failures, "{expected}")
                    } else {
                        writeln!(failures, "{expected}    but simulated: {found}")
                    };
                }
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

fn simulated(program: &Program) -> Vec<String> {
    world::run(SimulatedMachine::new(), program)
}

/// Differences shown at most.
const DIFFERENCES: usize = 5;

/// Programs per run, unless `PROGRAMS` says otherwise.
const PROGRAMS: u64 = 400;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

#[test]
fn random_programs_have_the_same_results() {
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("PROGRAMS").unwrap_or(PROGRAMS),
    };
    let host = Host::take();
    let on_linux = |program: &Program| world::run(RealMachine::new(&host), program);
    let mut differences = String::new();
    let mut count = 0;
    for seed in seeds {
        let program = random::program(seed);
        if let Some(difference) = Difference::of(&program, &on_linux, &simulated) {
            let shrunk = difference.shrunk(&on_linux, &simulated);
            let _ = writeln!(differences, "seed {seed}, shrunk: {}\n{shrunk}", shrunk.program);
            count += 1;
            if count == DIFFERENCES {
                break;
            }
        }
    }
    assert!(differences.is_empty(), "{differences}");
}
