//! The cases: what happens to the fleet, and what must hold afterwards. Traffic goes on through all of them.

mod machines;
mod publishers;
mod rollouts;
mod store;

use std::time::{Duration, Instant};

pub(super) use rollouts::{take_port, with_clients};

use super::ledger::Counts;
use super::scene::Scene;
use super::watchdog;
use crate::failure::{Context, Result};
use crate::report::say;

/// One case.
pub(super) struct Case {
    /// Selects it with others of its beginning.
    key: &'static str,
    title: &'static str,
    /// Whether the quick variant plays it.
    is_quick: bool,
    /// Plays it, and returns its result in words. Every instance follows one revision at the end.
    play: fn(&mut Scene) -> Result<String>,
}

/// The result of a case that held.
pub(super) struct Played {
    pub(super) title: &'static str,
    pub(super) result: String,
    pub(super) time: Duration,
    pub(super) counts: Counts,
}

/// Plays the cases, up to the first that does not hold.
pub(super) fn play(scene: &mut Scene, wants: impl Fn(&str, bool) -> bool) -> Result<Vec<Played>> {
    let all = rollouts::CASES.iter().chain(&machines::CASES).chain(&store::CASES);
    let all = all.chain(&publishers::CASES).filter(|case| wants(case.key, case.is_quick));
    all.map(|case| one(scene, case).context(case.title)).collect()
}

fn one(scene: &mut Scene, case: &Case) -> Result<Played> {
    watchdog::step(case.title);
    let (before, begun) = (scene.traffic.ledger.counts(), Instant::now());
    let result = (case.play)(scene).map_err(|failure| scene.explain(failure))?;
    scene.await_sessions()?;
    let time = begun.elapsed();
    let counts = scene.traffic.ledger.counts().since(before);
    say(&format!("{}: {result}, {:.1} s", case.title, time.as_secs_f64()));
    Ok(Played { title: case.title, result, time, counts })
}
