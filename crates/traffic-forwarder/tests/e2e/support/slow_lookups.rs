//! Blocked name lookups.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use tempfile::TempDir;
use testkit::{ForwarderBuilder, Gate, LIMIT, run};

/// Blocks every lookup of the C library until [`Self::let_go`]: the library reads this file first,
/// a pipe without a writer. (`RESOLV_HOST_CONF`, host.conf(5).)
pub(crate) struct SlowLookups {
    dir: TempDir,
}

impl SlowLookups {
    pub(crate) fn new() -> Self {
        let lookups = Self { dir: TempDir::new().unwrap() };
        run(Command::new("mkfifo").arg(lookups.path()), LIMIT).success();
        lookups
    }

    /// Makes the forwarder read this pipe.
    pub(crate) fn of(&self, forwarder: ForwarderBuilder) -> ForwarderBuilder {
        forwarder.env("RESOLV_HOST_CONF", self.path())
    }

    pub(crate) fn let_go(&self) {
        let path = self.path();
        let written = Gate::new();
        let done = written.clone();
        // open(2) blocks until the reader opens the pipe.
        thread::spawn(move || {
            fs::write(path, "multi on\n").unwrap();
            done.open();
        });
        written.wait("a lookup that reads its configuration");
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("host.conf")
    }
}
