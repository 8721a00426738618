//! The program that is to run next: opened once, checked by running it as a child, and executed
//! through the same descriptor.

use super::failure::UpgradeError;
use crate::supervisor::Supervisor;
use observe::Version;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::protocol::{ANSWER, CHECK, VARIABLE};
use super::state;

/// How long the check may take. It reads a configuration; this is for a host that hardly runs it.
const CHECK_LIMIT: Duration = Duration::from_secs(20);
/// Between two looks at the child.
const LOOK: Duration = Duration::from_millis(5);
/// How long it is waited, after the child's end, for the end of what it says: who came from it may
/// hold its output.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// The most that is read of what the child says.
const SAYS_MAX: u64 = 64 * 1024;

/// Which program is to run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// Its file; by default the one that the present program was started from.
    pub(crate) binary: Option<PathBuf>,
}

/// An open program, and what it was when it was opened.
pub(super) struct Binary {
    path: PathBuf,
    file: File,
    identity: Identity,
}

/// Device, inode, size, and when it was last written to.
type Identity = (u64, u64, u64, i64, i64);

impl Binary {
    fn open(path: &Path) -> Result<Self, UpgradeError> {
        let fault = |what: String| UpgradeError::Binary { path: path.to_owned(), what };
        let file = sys::exec::open_program(path).map_err(|errno| fault(sys::errno_text(errno)))?;
        let metadata = file.metadata().map_err(|error| fault(error.to_string()))?;
        if !metadata.is_file() {
            return Err(fault("is not a file".to_owned()));
        }
        if metadata.permissions().mode() & 0o111 == 0 {
            return Err(fault("is not executable (chmod +x)".to_owned()));
        }
        let identity = identity(&metadata);
        Ok(Self { path: path.to_owned(), file, identity })
    }

    /// Nobody has written to it since: what was checked is what would run.
    fn is_unchanged(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| identity(&metadata) == self.identity)
    }
}

fn identity(metadata: &std::fs::Metadata) -> Identity {
    (metadata.dev(), metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec())
}

/// A program that says it can go on.
pub(crate) struct Candidate {
    binary: Binary,
    pub(super) version: Version,
    /// The configuration that it was checked with.
    generation: u64,
}

impl Candidate {
    /// The program, if it may run now.
    pub(super) fn image(&self, generation: u64) -> Result<BorrowedFd<'_>, UpgradeError> {
        if self.generation != generation {
            return Err(UpgradeError::Reloaded);
        }
        if !self.binary.is_unchanged() {
            let what = "was written to while it was checked: upgrade again".to_owned();
            return Err(UpgradeError::Binary { path: self.path().to_owned(), what });
        }
        Ok(self.binary.file.as_fd())
    }

    pub(super) fn path(&self) -> &Path {
        &self.binary.path
    }
}

/// A check that is to be run.
pub(crate) struct Check {
    binary: Binary,
    /// What the child is to read.
    memory: OwnedFd,
    generation: u64,
}

impl Supervisor {
    /// Opens the program, and writes down what it is to be checked with.
    pub(super) fn begin_upgrade(
        &mut self,
        wanted: &Wanted,
        by: &'static str,
    ) -> Result<Check, UpgradeError> {
        let not_now = match (self.draining, self.upgrading) {
            (true, _) => Some(UpgradeError::Draining),
            (false, true) => Some(UpgradeError::Busy),
            (false, false) => None,
        };
        if let Some(error) = not_now {
            // Who sent a signal is told here only.
            tracing::warn!(by, %error, "upgrade refused");
            return Err(error);
        }
        let check = self.check_of(wanted);
        match &check {
            Ok(_) => self.upgrading = true,
            Err(error) => self.upgrade_failed(by, error.to_string()),
        }
        check
    }

    fn check_of(&self, wanted: &Wanted) -> Result<Check, UpgradeError> {
        // Until the upgrade is over, none is begun.
        if crate::admin::cpu_is_sampled() {
            return Err(UpgradeError::Profiling);
        }
        let unknown =
            || UpgradeError::Failed("this program's file is unknown: name one".to_owned());
        let path = wanted.binary.as_ref().or(self.program.as_ref()).ok_or_else(unknown)?;
        if let Some(what) = self.sandbox.as_ref().and_then(|it| it.refuses_program(path)) {
            return Err(UpgradeError::Binary { path: path.clone(), what });
        }
        let binary = Binary::open(path)?;
        let process = state::process(self, "", 0);
        let listeners = self.engine.listen_addresses();
        let listeners = listeners
            .map(|address| handover::Listener { address, ..handover::Listener::default() });
        let forwards = handover::Forwards { listeners: listeners.collect(), ..Default::default() };
        let memory = state::memory(&process, &forwards, &[])
            .map_err(|error| UpgradeError::Failed(format!("write the state down: {error}")))?;
        Ok(Check { binary, memory, generation: self.generation })
    }
}

impl Check {
    /// Runs the program as a child, and waits for what it says.
    pub(super) fn run(self) -> Result<Candidate, UpgradeError> {
        let path = self.binary.path.clone();
        let refused = |what: String| UpgradeError::Refused { path: path.clone(), what };
        let version = ask(&self.binary, self.memory).map_err(refused)?;
        Ok(Candidate { binary: self.binary, version, generation: self.generation })
    }
}

/// The version that the program says it is.
fn ask(binary: &Binary, memory: OwnedFd) -> Result<Version, String> {
    let start = |error: std::io::Error| match error.raw_os_error() {
        // Of another architecture, or no program at all.
        Some(ENOEXEC) => "it is not a program for this machine".to_owned(),
        _ => format!("it cannot be run: {error}"),
    };
    // The first process of a container reaps all others.
    let _own = sys::ChildGuard::expect();
    let mut child = Command::new(format!("/proc/self/fd/{}", binary.file.as_raw_fd()))
        .arg0(&binary.path)
        .arg(CHECK)
        .env_remove(VARIABLE)
        .stdin(File::from(memory))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(start)?;
    let says = child.stdout.take().map(read_in_thread);
    let complains = child.stderr.take().map(read_in_thread);
    let status = wait(&mut child)?;
    let [says, complains] = [says, complains]
        .map(|text| text.and_then(|text| text.recv_timeout(LAST_WORDS).ok()).unwrap_or_default());
    let version = says.strip_prefix(ANSWER).map(str::trim).filter(|it| !it.is_empty());
    match version {
        Some(version) if status.success() => Ok(Version::parse(version)),
        _ if !complains.trim().is_empty() => Err(complains.trim().to_owned()),
        _ => Err(format!("it did not say that it can ({status})")),
    }
}

/// Not of an architecture or format that the kernel runs (errno(3)).
const ENOEXEC: i32 = 8;

fn read_in_thread(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, text) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What could be read is what there is.
        let _ = from.take(SAYS_MAX).read_to_end(&mut bytes);
        // Nobody waits any more if it took too long.
        let _ = sender.send(plan::escaped_lines(&String::from_utf8_lossy(&bytes)));
    });
    text
}

fn wait(child: &mut Child) -> Result<std::process::ExitStatus, String> {
    let until = Instant::now() + CHECK_LIMIT;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if Instant::now() < until => std::thread::sleep(LOOK),
            Ok(None) => {
                // It is our own child, and has not been waited for: nobody else has its number.
                let _ = child.kill();
                // A child that hangs in the kernel ends when that lets it.
                let until = Instant::now() + LAST_WORDS;
                while Instant::now() < until && matches!(child.try_wait(), Ok(None)) {
                    std::thread::sleep(LOOK);
                }
                return Err(format!("it did not answer within {} s", CHECK_LIMIT.as_secs()));
            }
            Err(error) => return Err(format!("wait for it: {error}")),
        }
    }
}
