//! Replaces the process image: stops the workers, saves the state, and executes the checked
//! program. If a step fails, the present image resumes.

use super::candidate::Candidate;
use super::failure::{StepError, UpgradeError};
use super::protocol::VARIABLE;
use super::state;
use crate::supervisor::Supervisor;
use engine::Handoff;
use host::{AdminTokens, own_arguments};
use observe::{After, hold_reports};
use std::ffi::OsString;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;
use sys::Errno;
use sys::exec::{c_strings, exec_image};
use sys::handoff::{close_on_exec, keep_over_exec};

/// Time limit for the reader of the log to take the lines written so far. Sessions run meanwhile.
const LOG_LIMIT: Duration = Duration::from_secs(2);
/// Descriptors that must be free before the workers stop, besides one per worker. execve(2) closes
/// the ones that are not handed off, so the next image has these and as many as this one used.
const SPARE: usize = 16;

impl Supervisor {
    /// Executes the candidate. Returns only after a failure, which it has reported.
    pub(super) fn become_image(&mut self, candidate: &Candidate, by: &'static str) {
        let error =
            if self.draining { UpgradeError::Draining } else { self.try_to_become(candidate, by) };
        self.upgrade_failed(by, error.to_string());
    }

    fn try_to_become(&mut self, candidate: &Candidate, by: &str) -> UpgradeError {
        let image = match candidate.image(self.generation) {
            Ok(image) => image,
            Err(error) => return error,
        };
        if let Err(errno) = sys::spare_descriptors(SPARE + self.workers) {
            return UpgradeError::failed("keep descriptors for the next image", errno);
        }
        // Before the workers stop, since the reader of the log may be slow.
        if let Err(error) = self.close_journal() {
            return error;
        }
        let stopped_at = sys::monotonic_micros();
        let parked = match self.engine.park() {
            Ok(parked) => parked,
            Err(error) => return UpgradeError::failed("stop the workers", error),
        };
        let saved = match parked.save() {
            Ok(saved) => saved,
            Err(error) => return UpgradeError::failed("write the sessions down", error),
        };
        // The next image logs the reports since the journal closed.
        hold_reports(&self.engine.reports(), &self.reporting.report_events());
        let log_lines = observe::log::take_queued();
        let tokens = self.admin.saved_tokens();
        let process = handover::Process {
            // An older version knows one token only, that of an operator.
            // For an image without roles, to which every token is an operator's.
            admin_token: tokens.as_ref().and_then(AdminTokens::of_operator).map(str::to_owned),
            admin_tokens: tokens.map(|tokens| tokens.to_text()),
            log_lines,
            ..state::process(self, by, stopped_at)
        };
        let (failure, process) = self.execute_with(process, &saved, image);
        observe::log::put_back(process.log_lines);
        match failure {
            ImageFailure::Before(error) => error,
            ImageFailure::Exec(errno) => {
                UpgradeError::Exec { path: candidate.path().to_owned(), errno }
            }
        }
    }

    /// Writes the state, and executes the program. Returns only after a failure, with the marks of
    /// all descriptors restored.
    fn execute_with(
        &self,
        mut process: handover::Process,
        saved: &Handoff,
        image: BorrowedFd<'_>,
    ) -> (ImageFailure, handover::Process) {
        match self.keep(true) {
            Ok(log) => {
                process.log_file = log.file;
                process.log_lost = log.lost;
                process.log_mid_line = log.mid_line;
            }
            Err(errno) => {
                let what = "keep the admin interface and the log open";
                let _ = self.keep(false);
                return (ImageFailure::Before(UpgradeError::failed(what, errno)), process);
            }
        }
        let failure = match state::memory(&process, &saved.forwards, &saved.workers) {
            Ok(memory) => execute(&memory, image),
            Err(error) => ImageFailure::Before(UpgradeError::failed("write the state down", error)),
        };
        // Cannot fail: fcntl(2) can mark every open descriptor.
        let _ = self.keep(false);
        (failure, process)
    }

    /// Stops the journal. Its lines are written, or counted as lost. The workers keep running.
    fn close_journal(&mut self) -> Result<(), UpgradeError> {
        let Some(journal) = self.reporting.journal.take() else { return Ok(()) };
        journal.close(LOG_LIMIT, After::Held).map_err(|hanging| {
            self.reporting.journal = Some(hanging);
            UpgradeError::failed("end the log", StepError::JournalHangs)
        })
    }

    /// Sets whether the descriptors of the admin listeners and the log stay open over execve(2).
    fn keep(&self, keep: bool) -> sys::Result<observe::log::LogHandoff> {
        for socket in self.admin.sockets() {
            if keep { keep_over_exec(socket)? } else { close_on_exec(socket)? }
        }
        observe::log::keep_over_exec(keep)
    }
}

/// Why the process image was not replaced.
enum ImageFailure {
    /// A step before execve(2) failed.
    Before(UpgradeError),
    /// execve(2) failed.
    Exec(Errno),
}

fn execute(memory: &OwnedFd, image: BorrowedFd<'_>) -> ImageFailure {
    let environment = environment(memory);
    let texts = |texts: &[OsString]| c_strings(texts.iter().map(OsString::as_os_str));
    let (Some(arguments), Some(environment)) = (texts(&own_arguments()), texts(&environment))
    else {
        return ImageFailure::Before(UpgradeError::failed(
            "arguments and environment",
            StepError::Nul,
        ));
    };
    match keep_over_exec(memory) {
        Ok(()) => ImageFailure::Exec(exec_image(image, &arguments, &environment)),
        Err(errno) => ImageFailure::Before(UpgradeError::failed("keep the state open", errno)),
    }
}

/// The environment of this process and the variable for the state. The variable has the process id
/// because children inherit it.
fn environment(memory: &OwnedFd) -> Vec<OsString> {
    let others = std::env::vars_os().filter(|(name, _)| name != VARIABLE);
    let line = |(name, value): (OsString, OsString)| {
        let mut line = name;
        line.push("=");
        line.push(value);
        line
    };
    let own = format!("{VARIABLE}={}:{}", memory.as_raw_fd(), std::process::id());
    others.map(line).chain([own.into()]).collect()
}
