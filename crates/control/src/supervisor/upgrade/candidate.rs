//! The next program: opened once, checked by running it as a child, and executed through the same
//! descriptor.

use super::failure::{BinaryError, CheckError, UpgradeError};
use crate::supervisor::Supervisor;
use observe::Version;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use sys::{Errno, TrustedAccount, Writers};

use super::protocol::{ANSWER, CHECK, VARIABLE};
use super::state;

/// Time limit of the check, which reads a configuration. Generous, for an overloaded host.
const CHECK_LIMIT: Duration = Duration::from_secs(20);
/// Time between two checks for the child's end.
const POLL: Duration = Duration::from_millis(5);
/// Time limit, after the child's end, for the end of its output, which its own children may hold
/// open.
const OUTPUT_LIMIT: Duration = Duration::from_secs(1);
/// Bytes read of each output of the child.
const OUTPUT_MAX: u64 = 64 * 1024;

/// Options of an upgrade.
#[derive(Clone, Debug, Default)]
pub(crate) struct UpgradeOptions {
    /// Path of the program; `None` is the file that the running program was started from.
    pub(crate) binary: Option<PathBuf>,
    /// Whether others may own the program, or write to it.
    pub(crate) allow_owner: bool,
}

/// An open program file.
pub(super) struct Binary {
    path: PathBuf,
    file: File,
    /// As it was when the file was opened.
    identity: Identity,
}

/// Device, inode, size, and time of the last modification.
type Identity = (u64, u64, u64, i64, i64);

impl Binary {
    fn open(path: &Path, options: &UpgradeOptions) -> Result<Self, UpgradeError> {
        let fault = |cause| UpgradeError::Binary { path: path.to_owned(), cause };
        let file = sys::open_to_read(path).map_err(BinaryError::Open).map_err(fault)?;
        let metadata = file.metadata().map_err(BinaryError::Metadata).map_err(fault)?;
        if !metadata.is_file() {
            return Err(fault(BinaryError::NotAFile));
        }
        if metadata.permissions().mode() & 0o111 == 0 {
            return Err(fault(BinaryError::NotExecutable));
        }
        // Of the open file, and not of its path, which others may change in between.
        let writers = Writers::of(&file, TrustedAccount::of_process());
        let writers = writers.map_err(BinaryError::Metadata).map_err(fault)?;
        if let Some(writers) = writers.filter(|_| !options.allow_owner) {
            let (path, is_named) = (path.to_owned(), options.binary.is_some());
            return Err(fault(BinaryError::Exposed { writers, path, is_named }));
        }
        let identity = identity(&metadata);
        Ok(Self { path: path.to_owned(), file, identity })
    }

    /// Whether the file is unmodified since it was opened, so that the checked program is executed.
    fn is_unchanged(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| identity(&metadata) == self.identity)
    }
}

fn identity(metadata: &std::fs::Metadata) -> Identity {
    (metadata.dev(), metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec())
}

/// A program that passed the check.
pub(crate) struct Candidate {
    binary: Binary,
    pub(super) version: Version,
    /// The configuration with which it was checked.
    generation: u64,
}

impl Candidate {
    /// The descriptor to execute.
    ///
    /// # Errors
    ///
    /// The configuration or the program's file has changed since the check.
    pub(super) fn image(&self, generation: u64) -> Result<BorrowedFd<'_>, UpgradeError> {
        if self.generation != generation {
            return Err(UpgradeError::Reloaded);
        }
        if !self.binary.is_unchanged() {
            let (path, cause) = (self.path().to_owned(), BinaryError::Modified);
            return Err(UpgradeError::Binary { path, cause });
        }
        Ok(self.binary.file.as_fd())
    }

    pub(super) fn path(&self) -> &Path {
        &self.binary.path
    }
}

/// A check that has not run yet.
pub(crate) struct CandidateCheck {
    binary: Binary,
    /// The state, as the child's standard input.
    memory: OwnedFd,
    generation: u64,
}

impl Supervisor {
    /// Opens the program, and saves the state for its check.
    pub(super) fn begin_upgrade(
        &mut self,
        options: &UpgradeOptions,
        by: &'static str,
    ) -> Result<CandidateCheck, UpgradeError> {
        let refusal = match (self.draining, self.upgrades.is_running) {
            (true, _) => Some(UpgradeError::Draining),
            (false, true) => Some(UpgradeError::Busy),
            (false, false) => None,
        };
        if let Some(error) = refusal {
            // A signal has no other answer.
            tracing::warn!(by, %error, "upgrade refused");
            return Err(error);
        }
        let check = self.check_of(options);
        match &check {
            Ok(_) => self.upgrades.is_running = true,
            Err(error) => self.upgrade_failed(by, error.to_string()),
        }
        check
    }

    fn check_of(&self, options: &UpgradeOptions) -> Result<CandidateCheck, UpgradeError> {
        // No profile starts during an upgrade.
        if crate::admin::cpu_is_sampled() {
            return Err(UpgradeError::Profiling);
        }
        let path = options.binary.as_ref().or(self.upgrades.program.as_ref());
        let path = path.ok_or(UpgradeError::UnknownProgram)?;
        if let Some(refusal) = self.sandbox.as_ref().and_then(|it| it.refuses_program(path)) {
            let (path, cause) = (path.clone(), BinaryError::Sandbox(Box::new(refusal)));
            return Err(UpgradeError::Binary { path, cause });
        }
        let binary = Binary::open(path, options)?;
        let process = state::process(self, "", 0);
        let listeners = self.engine.listen_addresses();
        let listeners = listeners
            .map(|address| handover::Listener { address, ..handover::Listener::default() });
        let forwards = handover::Forwards { listeners: listeners.collect(), ..Default::default() };
        let memory = state::memory(&process, &forwards, &[])
            .map_err(|error| UpgradeError::failed("write the state down", error))?;
        Ok(CandidateCheck { binary, memory, generation: self.generation })
    }
}

impl CandidateCheck {
    /// Runs the program as a child, and waits for its answer.
    pub(super) fn run(self) -> Result<Candidate, UpgradeError> {
        let path = self.binary.path.clone();
        let refused = |cause| UpgradeError::Refused { path, cause };
        let version = ask(&self.binary, self.memory).map_err(refused)?;
        Ok(Candidate { binary: self.binary, version, generation: self.generation })
    }
}

/// Runs the check. Returns the version that the program answers.
fn ask(binary: &Binary, memory: OwnedFd) -> Result<Version, CheckError> {
    let start = |error: std::io::Error| match error.raw_os_error() {
        Some(code) if code == Errno::NOEXEC.raw_os_error() => CheckError::Format,
        _ => CheckError::Start(error),
    };
    // Process 1 of a container would reap this child, too.
    let _guard = sys::ChildGuard::expect();
    let mut child = Command::new(format!("/proc/self/fd/{}", binary.file.as_raw_fd()))
        .arg0(&binary.path)
        .arg(CHECK)
        .env_remove(VARIABLE)
        .stdin(File::from(memory))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(start)?;
    let output = child.stdout.take().map(read_in_thread);
    let errors = child.stderr.take().map(read_in_thread);
    let status = wait(&mut child)?;
    let [output, errors] = [output, errors]
        .map(|text| text.and_then(|text| text.recv_timeout(OUTPUT_LIMIT).ok()).unwrap_or_default());
    let version = output.strip_prefix(ANSWER).map(str::trim).filter(|it| !it.is_empty());
    match version {
        Some(version) if status.success() => Ok(Version::parse(version)),
        _ if !errors.trim().is_empty() => Err(CheckError::Rejected(errors.trim().to_owned())),
        _ => Err(CheckError::NoAnswer(status)),
    }
}

fn read_in_thread(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, text) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // After an error, the text so far counts.
        let _ = from.take(OUTPUT_MAX).read_to_end(&mut bytes);
        // The receiver is gone after its time limit.
        let _ = sender.send(plan::escaped_lines(&String::from_utf8_lossy(&bytes)));
    });
    text
}

fn wait(child: &mut Child) -> Result<ExitStatus, CheckError> {
    let until = Instant::now() + CHECK_LIMIT;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if Instant::now() < until => std::thread::sleep(POLL),
            Ok(None) => {
                // A child that was not waited for keeps its process id: no other process is killed.
                let _ = child.kill();
                // A child that hangs in the kernel ends later.
                let until = Instant::now() + OUTPUT_LIMIT;
                while Instant::now() < until && matches!(child.try_wait(), Ok(None)) {
                    std::thread::sleep(POLL);
                }
                return Err(CheckError::Timeout(CHECK_LIMIT));
            }
            Err(error) => return Err(CheckError::Wait(error)),
        }
    }
}
