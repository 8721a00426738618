//! One case with one forwarder, a few times.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use testkit::cases::{Case, Seen};
use testkit::is_listening;

use super::entrant::Entrant;
use crate::compare::affinity::Cpus;
use crate::compare::launch::{Launch, Running};
use crate::compare::subject::Subject;
use crate::failure::{Context, Failure, Result};

/// Time limit for a step of a script. Longer than the connect timeout of every entrant that has
/// one.
const PATIENCE: Duration = Duration::from_secs(7);

/// How long a forwarder may take to listen.
const START_LIMIT: Duration = Duration::from_secs(10);

/// How often a case is played.
#[derive(Clone, Copy, Debug)]
pub(super) struct Often {
    pub(super) repetitions: usize,
    /// Rounds of a race.
    pub(super) rounds: u64,
}

/// Observations of one case, one for each repetition.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) case: &'static Case,
    pub(super) outcomes: Vec<Result<Seen>>,
}

impl Trial {
    /// Whether both ends saw the required result in every repetition.
    pub(super) fn is_kept(&self) -> bool {
        let kept = |seen: &Result<Seen>| seen.as_ref().is_ok_and(|seen| self.case.is_kept_by(seen));
        self.outcomes.iter().all(kept)
    }
}

/// Where forwarders are started.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    dir: &'a Path,
    cpus: Cpus,
    /// Locked from the choice of a free port until the program listens on it.
    starting: Mutex<()>,
}

impl<'a> Stage<'a> {
    pub(super) fn new(dir: &'a Path) -> Result<Self> {
        Ok(Self { dir, cpus: Cpus::all()?, starting: Mutex::new(()) })
    }

    /// Plays a case `often` times, each with a fresh target and a fresh forwarder; a race with the same
    /// ones in all rounds.
    pub(super) fn play(&self, case: &'static Case, entrant: &Entrant, often: Often) -> Trial {
        let outcomes = if case.is_race() {
            match self.play_rounds(case, entrant, often.rounds) {
                Ok(seen) => seen.into_iter().map(Ok).collect(),
                Err(failure) => vec![Err(failure)],
            }
        } else {
            (0..often.repetitions).map(|_| self.play_once(case, entrant)).collect()
        };
        Trial { case, outcomes }
    }

    fn play_rounds(&self, case: &Case, entrant: &Entrant, rounds: u64) -> Result<Vec<Seen>> {
        let scene = case.set_up(PATIENCE);
        let target = scene.target();
        match &entrant.subject {
            None => Ok(scene.play_rounds(target, rounds)),
            Some(subject) => {
                let running = self.start(subject, target)?;
                Ok(scene.play_rounds(running.address, rounds))
            }
        }
    }

    fn play_once(&self, case: &Case, entrant: &Entrant) -> Result<Seen> {
        let scene = case.set_up(PATIENCE);
        let target = scene.target();
        match &entrant.subject {
            None => Ok(scene.play(target)),
            Some(subject) => {
                let running = self.start(subject, target)?;
                Ok(scene.play(running.address))
            }
        }
    }

    fn start(&self, subject: &Subject, target: SocketAddr) -> Result<Running> {
        // The lock guards no data that a panic could have left half done.
        let _one_at_a_time = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = self.dir_of(subject)?;
        let launch = Launch { target, forwards: 1, workers: 2, cpus: &self.cpus, dir: &dir };
        let running = launch.spawn(subject)?;
        let begun = Instant::now();
        // A connection, to see whether it listens, would be passed on to the target.
        while !is_listening(running.address) {
            if begun.elapsed() > START_LIMIT {
                return Err(running.explain(&Failure::new("it does not listen")));
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(running)
    }

    fn dir_of(&self, subject: &Subject) -> Result<PathBuf> {
        let dir = self.dir.join(&subject.adapter.key);
        fs::create_dir_all(&dir).context(&dir.display().to_string())?;
        Ok(dir)
    }
}
