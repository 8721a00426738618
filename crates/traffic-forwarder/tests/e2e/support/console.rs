//! The program's own commands, sent to a running process.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use tempfile::TempDir;
use testkit::Finished;

use super::forwarder;

/// A directory for an admin socket, and the commands that use it.
pub(crate) struct Console(TempDir);

impl Console {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// The address of the admin interface, as the configuration and `--admin` take it.
    pub(crate) fn admin(&self) -> String {
        format!("unix:{}", self.path("admin.sock"))
    }

    /// Writes a file beside the socket, readable by its owner only, and returns its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        fs::write(self.0.path().join(name), text).unwrap();
        fs::set_permissions(self.path(name), PermissionsExt::from_mode(0o600)).unwrap();
        self.path(name)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn ask(&self, arguments: &[&str]) -> Finished {
        forwarder().args(arguments).arg("--admin").arg(self.admin()).run()
    }

    /// Runs a command that must succeed.
    #[track_caller]
    pub(crate) fn done(&self, arguments: &[&str]) -> Finished {
        self.ask(arguments).success()
    }

    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--json"]].concat();
        serde_json::from_slice(&self.done(&arguments).stdout).unwrap()
    }

    /// Runs a command that must fail with this exit code, and returns its standard error.
    #[track_caller]
    pub(crate) fn refused(&self, arguments: &[&str], code: i32) -> String {
        let finished = self.ask(arguments);
        assert_eq!(finished.status.code(), Some(code), "{finished}");
        assert!(finished.stdout.is_empty(), "{finished}");
        finished.stderr
    }
}
