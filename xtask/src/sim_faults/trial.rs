//! One trial: builds the simulation with a fault, and runs the normal number of histories.

use super::Error;
use super::findings::Finding;
use super::patch::Fault;
use super::workspace_copy::WorkspaceCopy;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Longest run of the histories. A fault that makes the engine hang within a turn is not found by a rule.
const LIMIT: Duration = Duration::from_secs(900);
const PAUSE: Duration = Duration::from_millis(50);

/// The result of the normal number of histories.
pub(super) enum Outcome {
    /// No history broke a rule.
    Nothing,
    Found(Finding),
}

/// The copy of the sources, and the directory of its builds, which all trials share.
pub(super) struct Trial {
    root: PathBuf,
    copy: WorkspaceCopy,
    target: PathBuf,
}

impl Trial {
    /// Makes the copy below `target`.
    pub(super) fn new(root: &Path, target: &Path) -> Result<Self, Error> {
        let directory = target.join("sim-faults");
        let copy = WorkspaceCopy::new(root, directory.join("source"))?;
        Ok(Self { root: root.to_owned(), copy, target: directory.join("target") })
    }

    /// Runs the histories of the sources as they are.
    pub(super) fn without_fault(&self) -> Result<Outcome, Error> {
        self.build("the simulation")?;
        self.histories()
    }

    /// Runs the histories with a fault in the sources. Also returns the duration, with the build.
    pub(super) fn with(&self, fault: &Fault) -> Result<(Outcome, Duration), Error> {
        let begun = Instant::now();
        for (file, text) in fault.applied(&self.root)? {
            self.copy.put(&file, &text)?;
        }
        let outcome = self.build(&fault.name).and_then(|()| self.histories());
        for file in fault.files() {
            self.copy.restore(file)?;
        }
        Ok((outcome?, begun.elapsed()))
    }

    fn build(&self, what: &str) -> Result<(), Error> {
        let mut build = Command::new("cargo");
        build.args(["build", "--quiet", "-p", "simulation", "--example", "first_failure"]);
        // A fault may leave code without a use.
        build.env("RUSTFLAGS", "--cap-lints=allow").env("CARGO_TARGET_DIR", &self.target);
        let status = build.current_dir(self.copy.path()).status();
        let status = status.map_err(|error| Error::Program("cargo build", error))?;
        if status.success() { Ok(()) } else { Err(Error::Build(what.to_owned())) }
    }

    fn histories(&self) -> Result<Outcome, Error> {
        let error = |error| Error::Program("the histories", error);
        let mut histories = Command::new(self.target.join("debug/examples/first_failure"));
        histories.stdout(Stdio::piped()).stdin(Stdio::null());
        let mut child = histories.spawn().map_err(error)?;
        let until = Instant::now() + LIMIT;
        while child.try_wait().map_err(error)?.is_none() {
            if Instant::now() > until {
                child.kill().map_err(error)?;
            }
            std::thread::sleep(PAUSE);
        }
        let output = child.wait_with_output().map_err(error)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let failure = text.lines().find_map(|line| {
            let [seed, place, message] = line.splitn(3, '\t').collect::<Vec<_>>()[..] else {
                return None;
            };
            Some(Finding::new(self.copy.path(), seed.parse().ok()?, place, message))
        });
        Ok(failure.map_or(Outcome::Nothing, Outcome::Found))
    }
}
