//! Somebody who asks a running process by the program's own commands.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use tempfile::TempDir;
use testkit::Finished;

use super::forwarder;

/// A directory for an admin socket, and what is asked there.
pub(crate) struct Desk(TempDir);

impl Desk {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// The address of the admin interface, as the configuration and `--admin` take it.
    pub(crate) fn admin(&self) -> String {
        format!("unix:{}", self.path("admin.sock"))
    }

    /// Writes a file that only its owner may read beside the socket, and returns its path.
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

    /// Asks for what can be done.
    #[track_caller]
    pub(crate) fn done(&self, arguments: &[&str]) -> Finished {
        self.ask(arguments).success()
    }

    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--json"]].concat();
        serde_json::from_slice(&self.done(&arguments).stdout).unwrap()
    }

    /// Asks for what cannot be done, and returns what is said about it.
    #[track_caller]
    pub(crate) fn refused(&self, arguments: &[&str], code: i32) -> String {
        let finished = self.ask(arguments);
        assert_eq!(finished.status.code(), Some(code), "{finished}");
        assert!(finished.stdout.is_empty(), "{finished}");
        finished.stderr
    }
}
