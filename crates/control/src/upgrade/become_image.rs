//! The point of no return: workers stop, everything is written down, and the process becomes the
//! program that was checked. If the kernel refuses, all goes on as it was.

use super::arrive::VARIABLE;
use super::candidate::{Candidate, own_arguments};
use super::failure::UpgradeError;
use super::state;
use crate::supervisor::Supervisor;
use std::ffi::OsString;
use std::os::fd::{AsRawFd, OwnedFd};
use sys::exec::{become_image, c_strings};
use sys::inherit::{close_on_exec, keep_over_exec};

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
        let stopped_at = sys::monotonic_micros();
        let failed = |what: &str, error: &dyn std::fmt::Display| {
            UpgradeError::Failed(format!("{what}: {error}"))
        };
        let parked = match self.engine.park() {
            Ok(parked) => parked,
            Err(error) => return failed("stop the workers", &error),
        };
        let saved = match parked.save() {
            Ok(saved) => saved,
            Err(error) => return failed("write the sessions down", &error),
        };
        let admin_token = self.door.as_ref().and_then(|door| door.token()).map(str::to_owned);
        let process = handover::Process { admin_token, ..state::process(self, by, stopped_at) };
        let memory = match state::memory(&process, &saved.forwards, &saved.workers) {
            Ok(memory) => memory,
            Err(error) => return failed("write the state down", &error),
        };
        let environment = environment(&memory);
        let texts = |texts: &[OsString]| c_strings(texts.iter().map(OsString::as_os_str));
        let (Some(arguments), Some(environment)) = (texts(&own_arguments()), texts(&environment))
        else {
            return failed("arguments and environment", &"they hold a NUL byte");
        };
        // Nothing that was logged so far may be lost with this image's memory.
        if let Some(journal) = self.journal.take() {
            journal.close();
        }
        if let Err(errno) = self.keep(&memory, true) {
            return failed("keep the admin interface open", &sys::errno_text(errno));
        }
        let errno = become_image(image, &arguments, &environment);
        // What was kept is this image's own again. What is open can be marked.
        let _ = self.keep(&memory, false);
        drop(parked);
        UpgradeError::Exec { path: candidate.path().to_owned(), errno }
    }

    fn keep(&self, memory: &OwnedFd, keep: bool) -> sys::Result<()> {
        let mark = |fd: &OwnedFd| if keep { keep_over_exec(fd) } else { close_on_exec(fd) };
        self.door.as_ref().map_or(Ok(()), |door| mark(door.socket()))?;
        mark(memory)
    }
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
