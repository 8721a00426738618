//! The point of no return: workers stop, everything is written down, and the process becomes the
//! program that was checked. If the kernel refuses, all goes on as it was.

use super::candidate::Candidate;
use super::failure::UpgradeError;
use super::protocol::VARIABLE;
use super::state;
use crate::admin::Door;
use crate::supervisor::Supervisor;
use engine::Handoff;
use host::own_arguments;
use observe::{After, ReportEvents, hold_reports};
use std::ffi::OsString;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;
use sys::Errno;
use sys::exec::{c_strings, exec_image};
use sys::handoff::{close_on_exec, keep_over_exec};

/// How long the reader of the log may take for the lines written so far. Sessions run meanwhile.
const LOG_LIMIT: Duration = Duration::from_secs(2);
/// Descriptors that must be free before anything is stopped, besides one per worker. execve(2) closes
/// all that are not handed on, so the next image has these and as many as this one used.
const SPARE: usize = 16;

impl Supervisor {
    /// Returns only if it failed.
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
            return failed("keep descriptors for the next image", &sys::errno_text(errno));
        }
        // Before the workers stop, since the reader of the log may be slow.
        if let Err(error) = self.close_journal() {
            return error;
        }
        let stopped_at = sys::monotonic_micros();
        let parked = match self.engine.park() {
            Ok(parked) => parked,
            Err(error) => return failed("stop the workers", &error),
        };
        let saved = match parked.save() {
            Ok(saved) => saved,
            Err(error) => return failed("write the sessions down", &error),
        };
        // The next image writes the reports that came since.
        let events = ReportEvents::new(self.events.clone(), Arc::clone(&self.logs_sessions));
        hold_reports(&self.engine.reports(), &events);
        let log_lines = observe::log::take_waiting();
        let process = handover::Process {
            admin_token: self.door.as_ref().and_then(Door::token).map(str::to_owned),
            log_lines,
            ..state::process(self, by, stopped_at)
        };
        let (error, process) = self.leave(process, &saved, image);
        observe::log::put_back(process.log_lines);
        match error {
            Left::Failed(error) => error,
            Left::Exec(errno) => UpgradeError::Exec { path: candidate.path().to_owned(), errno },
        }
    }

    /// Writes the state, and executes the program. Returns only if that failed, with everything
    /// restored.
    fn leave(
        &self,
        mut process: handover::Process,
        saved: &Handoff,
        image: BorrowedFd<'_>,
    ) -> (Left, handover::Process) {
        match self.keep(true) {
            Ok(log) => {
                process.log_file = log.file;
                process.log_lost = log.lost;
                process.log_mid_line = log.mid_line;
            }
            Err(errno) => {
                let what = "keep the admin interface and the log open";
                let _ = self.keep(false);
                return (Left::Failed(failed(what, &sys::errno_text(errno))), process);
            }
        }
        let left = match state::memory(&process, &saved.forwards, &saved.workers) {
            Ok(memory) => execute(&memory, image),
            Err(error) => Left::Failed(failed("write the state down", &error)),
        };
        // What was kept is this image's own again. What is open can be marked.
        let _ = self.keep(false);
        (left, process)
    }

    /// Ends the journal: its lines are written, or counted as lost. The workers keep running.
    fn close_journal(&mut self) -> Result<(), UpgradeError> {
        let Some(journal) = self.journal.take() else { return Ok(()) };
        journal.close(LOG_LIMIT, After::Held).map_err(|hanging| {
            self.journal = Some(hanging);
            // The kernel would wait for that thread before it executes anything.
            let what = "it has not returned from writing to its file: look at the disk, or the \
                        device, under it";
            failed("end the log", &what)
        })
    }

    /// Sets whether descriptors other than those of sessions and listeners stay open over execve(2).
    fn keep(&self, keep: bool) -> sys::Result<observe::log::Kept> {
        if let Some(door) = &self.door {
            if keep { keep_over_exec(door.socket())? } else { close_on_exec(door.socket())? }
        }
        observe::log::keep_over_exec(keep)
    }
}

/// The reason why the process is still this image.
enum Left {
    Failed(UpgradeError),
    Exec(Errno),
}

fn execute(memory: &OwnedFd, image: BorrowedFd<'_>) -> Left {
    let environment = environment(memory);
    let texts = |texts: &[OsString]| c_strings(texts.iter().map(OsString::as_os_str));
    let (Some(arguments), Some(environment)) = (texts(&own_arguments()), texts(&environment))
    else {
        return Left::Failed(failed("arguments and environment", &"they hold a NUL byte"));
    };
    match keep_over_exec(memory) {
        Ok(()) => Left::Exec(exec_image(image, &arguments, &environment)),
        Err(errno) => Left::Failed(failed("keep the state open", &sys::errno_text(errno))),
    }
}

fn failed(what: &str, error: &dyn std::fmt::Display) -> UpgradeError {
    UpgradeError::Failed(format!("{what}: {error}"))
}

/// This process's own, and where the state is. The process's number tells whom it is meant for:
/// children inherit the variable.
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
