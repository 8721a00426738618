//! Programs that are not what an upgrade wants: they hang, crash, refuse, or take their time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread;

use tempfile::TempDir;
use testkit::{Answer, LIMIT, copy_program, run, wait_until};

use crate::support::{BINARY, Operated};

/// One of the programs of `impostor.c`, in a directory of its own.
pub(super) struct Impostor {
    dir: TempDir,
    role: &'static str,
}

impl Impostor {
    /// The one that plays this role.
    pub(super) fn new(role: &'static str) -> Self {
        let impostor = Self { dir: TempDir::new().unwrap(), role };
        copy_program(compiled(), impostor.path());
        impostor
    }

    /// Is checked slowly, and then is the real one.
    pub(super) fn slow() -> Self {
        Self::new("slow")
    }

    /// Its file.
    pub(super) fn path(&self) -> PathBuf {
        self.file(self.role)
    }

    /// A file beside it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What to ask for to upgrade to it.
    pub(super) fn query(&self) -> String {
        query(&self.path())
    }

    /// Asks for an upgrade to a slow one, does something while it is checked, and has it go on.
    #[track_caller]
    pub(super) fn while_checked(&self, operated: &Operated, meanwhile: impl FnOnce()) -> Answer {
        let (http, path) = (operated.http.clone(), self.query());
        let asking = thread::spawn(move || http.post(&path));
        self.wait_for_check();
        meanwhile();
        self.let_go();
        asking.join().unwrap()
    }

    /// Waits until a slow one is being checked. Returns the number of the process that does it.
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

/// What to ask for to upgrade to this program.
pub(super) fn query(program: &Path) -> String {
    format!("/v1/upgrade?binary={}", program.display())
}

/// The program, compiled once. It outlives the tests.
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
