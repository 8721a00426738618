//! The host's files in a separate mount namespace with an in-memory overlay: packages are really
//! installed there, and leave nothing on the host.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use testkit::{Finished, Forwarder, ForwarderBuilder, LIMIT, Tool, run};

/// Mount point of the directory shared with the test.
pub(crate) const EXCHANGE: &str = "/mnt";
/// Bound for dpkg on a busy machine.
const INSTALLING: Duration = Duration::from_secs(120);

/// `$0` is the working directory, `$1` the directory mounted at [`EXCHANGE`].
const MOUNT: &str = r#"set -e
    mount -t tmpfs tmpfs "$0"
    mkdir "$0/upper" "$0/work" "$0/root"
    mount -t overlay -o "lowerdir=/,upperdir=$0/upper,workdir=$0/work" overlay "$0/root"
    for directory in proc dev sys; do mount --rbind "/$directory" "$0/root/$directory"; done
    mount -t tmpfs -o mode=755 tmpfs "$0/root/run"
    mount -t tmpfs tmpfs "$0/root/tmp"
    mount --bind "$1" "$0/root/mnt"
    echo mounted >&2
    exec sleep infinity"#;

pub(crate) struct ScratchRoot {
    /// Keeps the namespace and its mounts alive.
    keeper: Forwarder,
    dir: TempDir,
    exchange: TempDir,
}

impl ScratchRoot {
    /// `None` without root: other users may not mount the host's files again.
    #[expect(clippy::print_stderr, reason = "explains the skipped test")]
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

    /// Host path of the directory mounted at [`EXCHANGE`].
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

    /// Builder for the program installed in this root, run as `user`.
    pub(crate) fn program(&self, user: &str) -> ForwarderBuilder {
        Forwarder::binary(Tool::find("nsenter").path())
            .args([self.entry(), "chroot".to_owned(), format!("--userspec={user}:{user}")])
            .arg(self.root())
            .arg("/usr/bin/traffic-forwarder")
    }

    /// Path of the root inside the mount namespace.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    /// The nsenter(1) argument for the mount namespace.
    pub(crate) fn entry(&self) -> String {
        format!("--mount=/proc/{}/ns/mnt", self.keeper.pid())
    }
}
