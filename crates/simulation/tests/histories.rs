//! Thousands of histories in each run.
//!
//! `SIMULATION_HISTORIES` sets their number, `SIMULATION_FIRST` the first seed, and `SIMULATION_SEED` runs one
//! seed alone. `SIMULATION_TRACE` prints every step.

use simulation::{HISTORIES, Script, attempt, explore, report};

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn every_history_keeps_the_rules() {
    if let Some(seed) = variable("SIMULATION_SEED") {
        match attempt(&Script::of_seed(seed)) {
            Ok(_) => return,
            Err(failure) if std::env::var_os("SIMULATION_TRACE").is_some() => panic!("{failure:?}"),
            Err(failure) => panic!("{}", report(seed, &failure)),
        }
    }
    let first = variable("SIMULATION_FIRST").unwrap_or(0);
    let seeds = first..first + variable("SIMULATION_HISTORIES").unwrap_or(HISTORIES);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let result = explore(seeds.clone(), threads, |_| true);
    let totals = result.unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(totals.histories, seeds.end - seeds.start);
    assert!(totals.sessions() >= 40 * totals.histories, "{totals:?}");
}

#[test]
fn two_runs_of_a_seed_are_equal() {
    for seed in 0..100 {
        let script = Script::of_seed(seed);
        assert_eq!(attempt(&script), attempt(&script), "seed {seed}");
    }
}
