//! This host's files in a mount namespace of their own, where whatever is written is in memory only:
//! packages are installed there for good, and nothing of it is left.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use testkit::{Finished, Forwarder, ForwarderBuilder, LIMIT, Tool, run};

/// Where the root's and the test's files meet.
pub(crate) const EXCHANGE: &str = "/mnt";
/// dpkg on a machine that does much else.
const INSTALLING: Duration = Duration::from_secs(120);

/// `$0` is the directory to work in, `$1` what is seen as [`EXCHANGE`].
const MOUNT: &str = r#"set -e
    mount -t tmpfs tmpfs "$0"
    mkdir "$0/upper" "$0/work" "$0/root"
    mount -t overlay -o "lowerdir=/,upperdir=$0/upper,workdir=$0/work" overlay "$0/root"
    for directory in proc dev sys; do mount --rbind "/$directory" "$0/root/$directory"; done
    for directory in run tmp; do mount -t tmpfs tmpfs "$0/root/$directory"; done
    mount --bind "$1" "$0/root/mnt"
    echo mounted >&2
    exec sleep infinity"#;

pub(crate) struct ScratchRoot {
    /// Keeps the namespace, and with it all that is mounted there.
    keeper: Forwarder,
    dir: TempDir,
    exchange: TempDir,
}

impl ScratchRoot {
    /// Needs to be root: others may not mount this host's files twice. For them, there is none.
    #[expect(clippy::print_stderr, reason = "whoever runs the tests shall know")]
    pub(crate) fn new() -> Option<Self> {
        if fs::metadata("/proc/self").unwrap().uid() != 0 {
            eprintln!("skipped: only root can have a scratch root");
            return None;
        }
        let (dir, exchange) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let keeper = Forwarder::binary(Tool::find("unshare").path())
            .args(["--mount", "sh", "-c", MOUNT])
            .args([dir.path(), exchange.path()])
            .start();
        keeper.wait_for_line("a scratch root", LIMIT, |line| line == "mounted");
        Some(Self { keeper, dir, exchange })
    }

    /// The directory that is seen as [`EXCHANGE`].
    pub(crate) fn exchange(&self) -> &Path {
        self.exchange.path()
    }

    /// Runs a shell command in this root.
    pub(crate) fn shell(&self, script: &str) -> Finished {
        let mut command = Command::new(Tool::find("nsenter").path());
        command.arg(self.entry()).arg("chroot").arg(self.root()).args(["sh", "-e", "-c", script]);
        command.env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C");
        run(&mut command, INSTALLING)
    }

    /// Starts the program that is installed in this root, as this user.
    pub(crate) fn program(&self, user: &str) -> ForwarderBuilder {
        Forwarder::binary(Tool::find("nsenter").path())
            .args([self.entry(), "chroot".to_owned(), format!("--userspec={user}:{user}")])
            .arg(self.root())
            .arg("/usr/bin/traffic-forwarder")
    }

    /// Where it is, as seen by those who went there.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    /// The argument by which nsenter(1) goes there.
    pub(crate) fn entry(&self) -> String {
        format!("--mount=/proc/{}/ns/mnt", self.keeper.pid())
    }
}
