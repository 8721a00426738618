//! The times of a roll-out: from the command, and from each decision in the store.

use std::time::{Duration, Instant};

use fleet::{InstanceState, On};

use super::cases::{take_port, with_clients};
use super::records::View;
use super::scene::{HOLD, ROLLOUT, Scene, finish};
use super::texts::{Extra, Version, extra_listener};
use super::watchdog;
use crate::failure::{Context, Failure, Result};
use crate::report::say;

/// Longer than any round.
const LONG_HOLD: &str = "60s";

/// Times of all rounds, in milliseconds.
#[derive(Debug, Default)]
pub(super) struct Times {
    pub(super) rows: Vec<(&'static str, Vec<f64>)>,
}

impl Times {
    fn add(&mut self, row: &'static str, time: Duration) {
        let time = time.as_secs_f64() * 1000.0;
        match self.rows.iter_mut().find(|(name, _)| *name == row) {
            Some((_, times)) => times.push(time),
            None => self.rows.push((row, vec![time])),
        }
    }
}

/// Plays rounds of a good text, a refused one, and one that falls back.
pub(super) fn measure(scene: &mut Scene, rounds: usize) -> Result<Times> {
    let mut times = Times::default();
    let kinds = [good, refused, falls_back] as [fn(&mut Scene, &mut Times) -> Result<()>; 3];
    for (kind, name) in
        kinds.into_iter().zip(["good texts", "refused texts", "texts that fall back"])
    {
        watchdog::step(name);
        for round in 1..=rounds {
            let played = kind(scene, &mut times).map_err(|failure| scene.explain(failure));
            played.context(&format!("{name}, round {round}"))?;
        }
        say(&format!("{rounds} rounds of {name}"));
    }
    Ok(times)
}

/// Waits until `current` has a trial of this text on these instances.
fn await_trial(scene: &mut Scene, version: &Version, on: &On) -> Result<Instant> {
    let probe = |view: &View| {
        let trial = view.current.as_ref().and_then(|current| current.trial.as_ref());
        let is_it = trial.is_some_and(|trial| trial.text == version.hash && trial.on == *on);
        if is_it { Ok(()) } else { Err(format!("there is {trial:?}")) }
    };
    Ok(scene.records.wait_for("a trial", ROLLOUT, probe)?.0)
}

/// Waits until `current` has no trial, and this stable text.
fn await_stable(scene: &mut Scene, version: &Version) -> Result<Instant> {
    let probe = |view: &View| {
        let current = view.current.as_ref();
        let is_it = current.is_some_and(|it| it.stable == Some(version.hash) && it.trial.is_none());
        if is_it { Ok(()) } else { Err("it is not stable".to_owned()) }
    };
    Ok(scene.records.wait_for("a stable text", ROLLOUT, probe)?.0)
}

fn good(scene: &mut Scene, times: &mut Times) -> Result<()> {
    let version = scene.next(Extra::None);
    let (file, hash) = (scene.file(&version)?, version.hash);
    let command = Instant::now();
    let publisher = scene.begin(&["publish", &file, "--canary", "edge-1", "--hold", HOLD]);
    let first = await_trial(scene, &version, &On::Named(vec!["edge-1".to_owned()]))?;
    let probe = |view: &View| {
        let is_it = view.instances.get("edge-1").is_some_and(|it| it.runs == Some(hash));
        if is_it { Ok(()) } else { Err("it does not run it".to_owned()) }
    };
    let (canary, ()) = scene.records.wait_for("the canary", ROLLOUT, probe)?;
    let second = await_trial(scene, &version, &On::ALL)?;
    let all = scene.await_all("all to run it", ROLLOUT, |it| {
        if it.runs == Some(hash) { Ok(()) } else { Err("does not run it".to_owned()) }
    })?;
    let third = await_stable(scene, &version)?;
    let confirmed = scene.await_all("all to confirm it", ROLLOUT, |it| {
        let is_it = it.state == InstanceState::Confirmed && it.runs == Some(hash);
        if is_it { Ok(()) } else { Err(format!("is {}", it.state)) }
    })?;
    finish(&publisher, 0)?;
    times.add("`publish` is started, until the canary runs the text", canary - command);
    times.add("the trial of the canary is in the store, until it runs the text", canary - first);
    times.add("the trial of all is in the store, until all run the text", all - second);
    times.add("the stable text is in the store, until all have confirmed it", confirmed - third);
    times.add(
        "`publish` is started, until all have confirmed, with two holds of 1 s",
        confirmed - command,
    );
    scene.settle(version).map(drop)
}

fn refused(scene: &mut Scene, times: &mut Times) -> Result<()> {
    let taken = take_port(1)?;
    let before = scene.stable.clone();
    let version = scene.next(Extra::Serves);
    let file = scene.file(&version)?;
    let command = Instant::now();
    let publisher = scene.begin(&["publish", &file, "--hold", LONG_HOLD]);
    let refused = scene.await_state(1, InstanceState::Refused, ROLLOUT);
    // The publisher may have taken the trial back before this end has seen the state.
    let refused = refused.or_else(|error| {
        if publisher.exit_status().is_some() { Ok(Instant::now()) } else { Err(error) }
    })?;
    drop(taken);
    let settled = scene.settle(before)?;
    let lines = finish(&publisher, 1)?;
    if !lines.contains("edge-2 refused it") {
        return Err(Failure::new(lines));
    }
    times.add("`publish` is started, until an instance reports the refusal", refused - command);
    times.add(
        "`publish` is started, until all run the text before the refused one",
        settled - command,
    );
    Ok(())
}

fn falls_back(scene: &mut Scene, times: &mut Times) -> Result<()> {
    let before = scene.stable.clone();
    let version = scene.next(Extra::Refuses);
    let file = scene.file(&version)?;
    with_clients(extra_listener(1), || {
        let command = Instant::now();
        let arguments = ["publish", &file, "--canary", "edge-2", "--hold", LONG_HOLD];
        let publisher = scene.begin(&arguments);
        let trying = scene.await_state(1, InstanceState::Trying, ROLLOUT)?;
        let probe = |view: &View| {
            let runs = view.instances.get("edge-2").and_then(|it| it.runs);
            if runs == Some(before.hash) { Ok(()) } else { Err("it is on trial".to_owned()) }
        };
        let (fell, ()) = scene.records.wait_for("the canary's fall-back", ROLLOUT, probe)?;
        let settled = scene.settle(before)?;
        finish(&publisher, 1)?;
        times.add(
            "the canary runs a text whose target refuses, until it has fallen back",
            fell - trying,
        );
        times
            .add("`publish` is started, until all run the text before that one", settled - command);
        Ok(())
    })
}
