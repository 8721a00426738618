//! Runs the histories of many seeds, and reports the first one that breaks a rule as a short script.

use crate::attempt::{Failure, attempt};
use crate::script::Script;
use crate::shrink::shrink;
use crate::summary::Totals;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Histories of a normal test run.
pub const HISTORIES: u64 = 2_000;
/// Most runs of candidates for a shorter script.
const TRIES: u32 = 3000;

/// Runs a script from its text.
///
/// # Panics
/// If the text is no script, or the script breaks a rule.
pub fn replay(text: &str) {
    let script: Script = text.parse().unwrap_or_else(|error| panic!("{error}"));
    if let Err(failure) = attempt(&script) {
        panic!("{} ({})", failure.message, failure.place);
    }
}

/// Like [`first_failure`].
///
/// # Errors
/// The report of the first history that breaks a rule.
pub fn explore(
    seeds: Range<u64>,
    threads: usize,
    after_each: impl Fn(&Totals) -> bool + Sync,
) -> Result<Totals, String> {
    first_failure(seeds, threads, after_each).map_err(|(seed, failure)| report(seed, &failure))
}

/// Runs the histories of these seeds on `threads` threads. `after_each` gets the totals so far, and ends
/// the run by returning false.
///
/// # Errors
/// The lowest seed whose history breaks a rule, and the broken rule.
pub fn first_failure(
    seeds: Range<u64>,
    threads: usize,
    after_each: impl Fn(&Totals) -> bool + Sync,
) -> Result<Totals, (u64, Failure)> {
    let next = AtomicU64::new(seeds.start);
    let is_over = AtomicBool::new(false);
    let shared: Mutex<(Totals, Option<(u64, Failure)>)> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let result = attempt(&Script::of_seed(seed));
                    let Ok(mut shared) = shared.lock() else { return };
                    match result {
                        Ok(summary) => shared.0.add(&summary),
                        // Seeds are begun in their order: each lower one has ended, or will.
                        Err(failure)
                            if shared.1.as_ref().is_none_or(|(first, _)| seed < *first) =>
                        {
                            shared.1 = Some((seed, failure));
                        }
                        Err(_) => {}
                    }
                    if shared.1.is_some() || !after_each(&shared.0) {
                        is_over.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let (totals, failed) = shared.into_inner().unwrap_or_default();
    failed.map_or(Ok(totals), Err)
}

/// The command that replays the failure, and the shortest script found that fails in the same place.
pub fn report(seed: u64, failure: &Failure) -> String {
    let fails = |script: &Script| attempt(script).is_err_and(|it| it.place == failure.place);
    let small = shrink(Script::of_seed(seed), TRIES, fails);
    let message = attempt(&small).err().map_or_else(String::new, |failure| failure.message);
    format!(
        "seed {seed}: {} ({})\n\n\
         Alone: SIMULATION_SEED={seed} cargo test -p simulation --test histories\n\n\
         As a test, for crates/simulation/tests/regressions.rs:\n\n{}\n\n\
         which fails with: {message}\n",
        failure.message,
        failure.place,
        as_test(seed, &small),
    )
}

/// A script as the source of a test.
fn as_test(seed: u64, script: &Script) -> String {
    let lines: Vec<String> =
        script.to_string().lines().map(|line| format!("         {line}")).collect();
    format!(
        "#[test]\nfn seed_{seed}() {{\n    simulation::replay(\n        \"\\\n{}\",\n    );\n}}",
        lines.join("\\n\\\n")
    )
}
