//! `make fleet-demo`: a fleet on one machine, which checks what it shows and leaves nothing behind.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use testkit::{Forwarder, LIMIT, Signal, Tool, wait_for, wait_until};

use crate::support::BINARY;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// Twice what it may take alone.
const WHOLE: Duration = Duration::from_secs(120);

/// The running script.
struct Demo {
    script: Forwarder,
    /// It has its directory in here, and the environment of its processes names it.
    dir: TempDir,
}

impl Demo {
    fn start(path: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let script = Forwarder::binary("/bin/sh")
            .arg(format!("{ROOT}/scripts/fleet-demo.sh"))
            .env("BINARY", BINARY)
            .env("TMPDIR", dir.path())
            .env("PATH", path)
            .start();
        Self { script, dir }
    }

    fn wait_for_line(&self, part: &str) {
        wait_until(part, WHOLE, || self.script.stdout().iter().any(|line| line.contains(part)));
    }

    /// Its processes, itself included: by their environment, which children inherit.
    fn processes(&self) -> Vec<PathBuf> {
        let marker = format!("TMPDIR={}", self.dir.path().display());
        let is_ours = |process: &PathBuf| {
            // A process that has ended and is not waited for has no environment, others' is not readable.
            let environment = fs::read(process.join("environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|it| it.starts_with(marker.as_bytes()))
        };
        let all = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        all.filter(is_ours).collect()
    }

    #[track_caller]
    fn leaves_nothing(&self) {
        assert_eq!(self.processes(), Vec::<PathBuf>::new(), "processes are left");
        let files: Vec<_> = fs::read_dir(self.dir.path()).unwrap().collect();
        assert!(files.is_empty(), "{files:?} are left");
    }
}

impl Drop for Demo {
    /// A failed test ends the script's processes, too.
    fn drop(&mut self) {
        self.script.signal(Signal::TERM);
        let begun = Instant::now();
        while self.script.exit_status().is_none() && begun.elapsed() < LIMIT {
            thread::sleep(Duration::from_millis(50));
        }
    }
}

fn path() -> String {
    std::env::var("PATH").unwrap()
}

#[test]
fn shows_a_fleet_and_leaves_nothing() {
    let demo = Demo::start(&path());
    let exit = demo.script.wait_exit(WHOLE);
    let lines = demo.script.stdout();
    assert_eq!((exit.code(), demo.script.stderr()), (Some(0), Vec::new()), "{lines:#?}");
    let line = |part: &str| {
        let found = lines.iter().position(|line| line.contains(part));
        found.unwrap_or_else(|| panic!("no {part:?} in {lines:#?}"))
    };
    let steps = [
        "on trial on all 5 live instances",
        "(1 of 5 instances)",
        "goes back: edge-2 fell back: ",
        "the fleet's store cannot be read",
        "is stable: the text of revision",
        "All of it happened as it should.",
    ];
    assert!(steps.map(line).is_sorted(), "{lines:#?}");
    let so_far: Vec<_> =
        lines.iter().filter(|line| line.starts_with("The client so far: ")).collect();
    assert_eq!(so_far.len(), 4, "{so_far:?}");
    assert!(
        so_far.iter().all(|line| line.ends_with(" requests answered, 0 failed.")),
        "{so_far:?}"
    );
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
    demo.leaves_nothing();
}

#[test]
fn cleans_up_when_it_is_interrupted() {
    let stops = [
        (Signal::TERM, "edge-1.conf:", 143),
        (Signal::INT, "is on trial on all", 130),
        (Signal::INT, "is on trial on edge-2", 130),
    ];
    thread::scope(|scope| {
        for (signal, part, code) in stops {
            scope.spawn(move || {
                let demo = Demo::start(&path());
                demo.wait_for_line(part);
                assert!(demo.processes().len() > 5, "{:?}", demo.processes());
                demo.script.signal(signal);
                let exit = demo.script.wait_exit(LIMIT);
                assert_eq!(exit.code(), Some(code), "{part}: {:?}", demo.script.stderr());
                demo.leaves_nothing();
            });
        }
    });
}

/// A state that does not come ends it with the reason, and without the processes.
#[test]
fn fails_when_what_it_shows_does_not_happen() {
    let demo = Demo::start(&path());
    demo.wait_for_line("== The first text");
    // The forwarders serve on, and edge-3 is gone.
    let edge = wait_for("edge-3", LIMIT, || {
        demo.processes().into_iter().find(|process| {
            let command = fs::read(process.join("cmdline")).unwrap_or_default();
            command == b"traffic-forwarder\0-c\0edge-3.conf\0"
        })
    });
    let pid = edge.file_name().unwrap().to_str().unwrap();
    Tool::find("kill").run(["-KILL", pid], LIMIT);
    assert_eq!(demo.script.wait_exit(WHOLE).code(), Some(1));
    let lines = demo.script.stderr().join("\n");
    assert!(lines.contains("fleet-demo: "), "{lines}");
    demo.leaves_nothing();
}

#[test]
fn says_how_to_install_what_is_missing() {
    let bin = TempDir::new().unwrap();
    let link =
        |program: &str| symlink(Tool::find(program).path(), bin.path().join(program)).unwrap();
    ["sh", "sed", "fold", "tail", "rm"].into_iter().for_each(link);
    let missing = |package: &str| {
        let demo = Demo::start(bin.path().to_str().unwrap());
        assert_eq!(demo.script.wait_exit(LIMIT).code(), Some(1));
        let said = format!("apt-get install {package}");
        assert!(demo.script.stderr().join("\n").contains(&said), "{:?}", demo.script.stderr());
        demo.leaves_nothing();
    };
    missing("etcd-server");
    link("etcd");
    missing("util-linux");
}
