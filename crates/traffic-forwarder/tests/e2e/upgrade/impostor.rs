//! Programs that an upgrade must reject: they hang, crash, refuse, or are slow.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread;

use tempfile::TempDir;
use testkit::{Answer, LIMIT, copy_program, run, wait_until};

use crate::support::{BINARY, Operated};

/// One of the programs of `impostor.c`, in its own directory.
pub(super) struct Impostor {
    dir: TempDir,
    role: &'static str,
}

impl Impostor {
    /// The impostor of this role.
    pub(super) fn new(role: &'static str) -> Self {
        let impostor = Self { dir: TempDir::new().unwrap(), role };
        copy_program(compiled(), impostor.path());
        impostor
    }

    /// An impostor whose check is slow, and which then executes the real program.
    pub(super) fn slow() -> Self {
        Self::new("slow")
    }

    /// Path of the program.
    pub(super) fn path(&self) -> PathBuf {
        self.file(self.role)
    }

    /// Path of a file beside it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The request that upgrades to it.
    pub(super) fn query(&self) -> String {
        query(&self.path())
    }

    /// Requests an upgrade to a slow impostor, runs `meanwhile` during its check, and releases it.
    #[track_caller]
    pub(super) fn while_checked(&self, operated: &Operated, meanwhile: impl FnOnce()) -> Answer {
        let (http, path) = (operated.http.clone(), self.query());
        let asking = thread::spawn(move || http.post(&path));
        self.wait_for_check();
        meanwhile();
        self.let_go();
        asking.join().unwrap()
    }

    /// Waits until a slow impostor runs its check. Returns the PID of the check.
    #[track_caller]
    pub(super) fn wait_for_check(&self) -> String {
        let started = self.file("started");
        wait_until("a check", LIMIT, || started.exists());
        fs::read_to_string(started).unwrap().trim().to_owned()
    }

    fn let_go(&self) {
        fs::write(self.file("go"), "").unwrap();
    }
}

/// The request that upgrades to this program.
pub(super) fn query(program: &Path) -> String {
    format!("/v1/upgrade?binary={}", program.display())
}

/// The compiled program, built once. It outlives the tests.
fn compiled() -> &'static Path {
    static DIR: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, program) = DIR.get_or_init(|| {
        let dir = TempDir::new().unwrap();
        let program = dir.path().join("impostor");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/upgrade/impostor.c");
        let mut command = Command::new("cc");
        command.args(["-O1", "-o"]).arg(&program).arg(format!("-DREAL=\"{BINARY}\"")).arg(source);
        run(&mut command, LIMIT * 3).success();
        (dir, program)
    });
    program
}
