//! Programs of the Debian packages that the tests need, and running them within a bound.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;
use std::{env, fmt};

use crate::wait::{LIMIT, poll};

/// The programs that tests use, and the Debian package of each. `debian-packages.txt` lists the same
/// packages for the Makefile.
const PACKAGES: [(&str, &str); 34] = [
    ("chromium", "chromium"),
    ("curl", "curl"),
    ("etcd", "etcd-server"),
    ("etcdctl", "etcd-client"),
    ("fish", "fish"),
    ("go", "golang-go"),
    ("haproxy", "haproxy"),
    ("ip", "iproute2"),
    ("iperf3", "iperf3"),
    ("jq", "jq"),
    ("keepalived", "keepalived"),
    ("logrotate", "logrotate"),
    ("mandoc", "mandoc"),
    ("nginx", "nginx"),
    // nginx forwards connections only with this module.
    ("nginx", "libnginx-mod-stream"),
    ("node", "nodejs"),
    ("openssl", "openssl"),
    ("promtool", "prometheus"),
    ("psql", "postgresql"),
    ("redis-benchmark", "redis-tools"),
    ("redis-cli", "redis-tools"),
    ("redis-server", "redis-server"),
    ("rinetd", "rinetd"),
    ("scp", "openssh-client"),
    ("ssh", "openssh-client"),
    ("ssh-keygen", "openssh-client"),
    ("sshd", "openssh-server"),
    ("strace", "strace"),
    ("systemd-analyze", "systemd"),
    ("systemd-socket-activate", "systemd"),
    ("tmux", "tmux"),
    ("valgrind", "valgrind"),
    ("yq", "yq"),
    ("zsh", "zsh"),
];

/// Where daemons are; not every user has these in `PATH`.
const DAEMON_DIRS: &str = "/usr/local/sbin:/usr/sbin:/sbin";

/// A program that is installed.
#[derive(Clone, Debug)]
pub struct Tool {
    path: PathBuf,
}

impl Tool {
    /// Looks for a program in `PATH` and where daemons are.
    ///
    /// # Panics
    ///
    /// If it is missing, with the command that installs it.
    pub fn find(program: &str) -> Self {
        let dirs = format!("{}:{DAEMON_DIRS}", env::var("PATH").unwrap_or_default());
        let mut candidates = env::split_paths(&dirs).map(|dir| dir.join(program));
        let Some(path) = candidates.find(|path| path.is_file()) else {
            let package = PACKAGES.iter().find(|(name, _)| *name == program);
            let package = package.map_or(program, |(_, package)| package);
            panic!("{program} is not installed; to install it: apt-get install -y {package}");
        };
        Self { path }
    }

    /// Its absolute path; sshd insists on being started by it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A command to complete and to [`run`].
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.stdin(Stdio::null());
        command
    }

    /// Runs it with arguments and demands success.
    ///
    /// # Panics
    ///
    /// If it does not end within `limit`, or fails.
    #[track_caller]
    pub fn run<Arg: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = Arg>,
        limit: Duration,
    ) -> Finished {
        run(self.command().args(args), limit).success()
    }
}

/// What a command that has ended left behind.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Exit status of the command.
    pub status: ExitStatus,
    /// All it wrote to stdout.
    pub stdout: Vec<u8>,
    /// All it wrote to stderr, invalid UTF-8 replaced.
    pub stderr: String,
    command: String,
}

impl Finished {
    /// Itself, after success.
    ///
    /// # Panics
    ///
    /// After failure, with all of the output.
    #[track_caller]
    #[expect(clippy::return_self_not_must_use, reason = "the check alone is of use, too")]
    pub fn success(self) -> Self {
        assert!(self.status.success(), "{self}");
        self
    }

    /// Its stdout as text, invalid UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, stderr, command, .. } = self;
        write!(f, "{command}: {status}\n--- stdout\n{}\n--- stderr\n{stderr}", self.text())
    }
}

/// Runs a command to its end and keeps its output. Its stdin is whatever the caller has set.
///
/// # Panics
///
/// If it cannot start, or does not end within `limit`; then it is killed.
#[track_caller]
pub fn run(command: &mut Command, limit: Duration) -> Finished {
    // Files, unlike pipes, need no readers and are whole even if the command is killed.
    let (stdout, stderr) = (tempfile::tempfile(), tempfile::tempfile());
    let (stdout, stderr) = (stdout.expect("a temporary file"), stderr.expect("a temporary file"));
    let copy = |file: &File| file.try_clone().expect("a second handle of a file");
    let description = format!("{command:?}");
    let child = command.stdout(copy(&stdout)).stderr(copy(&stderr)).spawn();
    let mut child = child.unwrap_or_else(|error| panic!("start {description}: {error}"));
    let ended = poll(limit, || child.try_wait().expect("wait for an own child"));
    let status = ended.unwrap_or_else(|| {
        let _ = child.kill();
        child.wait().expect("wait for an own child")
    });
    let stderr = String::from_utf8_lossy(&contents(stderr)).into_owned();
    let finished = Finished { status, stdout: contents(stdout), stderr, command: description };
    assert!(ended.is_some(), "killed after {limit:?}: {finished}");
    finished
}

/// Copies a program by a process of its own: a program that is open for writing cannot be run
/// (ETXTBSY, execve(2)), and what this process has open, the children that other tests start just now
/// have, too.
///
/// # Panics
///
/// If it cannot be copied.
#[track_caller]
pub fn copy_program(from: impl AsRef<OsStr>, to: impl AsRef<OsStr>) {
    Tool::find("cp").run(["--preserve=mode".as_ref(), from.as_ref(), to.as_ref()], LIMIT);
}

fn contents(mut file: File) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read: io::Result<_> = file.rewind().and_then(|()| file.read_to_end(&mut bytes));
    read.expect("read a temporary file");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_output_and_status() {
        let finished = Tool::find("sh").run(["-c", "echo out; echo err >&2"], LIMIT);
        assert_eq!((finished.text().as_str(), finished.stderr.as_str()), ("out\n", "err\n"));
    }

    #[test]
    #[should_panic(expected = "killed after 50ms: \"/")]
    fn is_bounded() {
        Tool::find("sleep").run(["1000"], Duration::from_millis(50));
    }

    #[test]
    #[should_panic(expected = "to install it: apt-get install -y no-such-program")]
    fn a_missing_program_says_what_to_do() {
        Tool::find("no-such-program");
    }

    #[test]
    fn the_list_for_the_makefile_names_every_package() {
        let listed: Vec<_> = include_str!("../debian-packages.txt").lines().collect();
        let mut needed = PACKAGES.map(|(_, package)| package).to_vec();
        needed.sort_unstable();
        needed.dedup();
        assert_eq!(listed, needed);
    }

    #[test]
    fn every_program_is_installed() {
        for (program, _) in PACKAGES {
            assert!(Tool::find(program).path().is_absolute());
        }
    }
}
