//! The log in a file: both formats, rotation, a moved file, and a full disk.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use testkit::{
    Behaviour, Forwarder, LIMIT, Port, SessionRecord, Signal, Target, Tool, run, wait_until,
};

use crate::support::{Config, Console, forwarder, served_client};

/// A forwarder in front of an echo, and the directory of its log.
struct Logged {
    dir: TempDir,
    forwarder: Forwarder,
    target: Target,
    port: Port,
}

impl Logged {
    /// Starts with `log` in `[log]`, besides the file, and waits until the process is ready.
    #[track_caller]
    fn start(log: &str) -> Self {
        let (dir, target, port) =
            (TempDir::new().unwrap(), Target::start(Behaviour::Echo), Port::v4());
        let log = format!("file = '{}'\n{log}", dir.path().join("log").display());
        let config = Config::new().log(&log).forward(port.addr(), target.addr(), "");
        let logged =
            Self { dir, forwarder: forwarder().config(config.text()).start(), target, port };
        wait_until("ready", LIMIT, || logged.text("log").contains("ready"));
        logged
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The content of a file; empty if it does not exist.
    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Opens sessions, one after the other.
    fn sessions(&self, count: usize) {
        (0..count).for_each(|_| drop(served_client(self.port.addr())));
        wait_until("the end of the sessions", LIMIT, || self.target.open() == 0);
    }

    fn stop(&self) {
        self.forwarder.signal(Signal::TERM);
        assert_eq!(self.forwarder.wait_exit(LIMIT).code(), Some(0));
    }

    fn names(&self) -> BTreeSet<String> {
        names(self.dir.path())
    }

    /// The IDs of all records in these files, in which every line is a JSON object.
    fn record_ids(&self, names: &BTreeSet<String>) -> Vec<u64> {
        let mut ids = Vec::new();
        for line in names.iter().flat_map(|name| lines(&self.text(name))) {
            let json: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
            assert!(json["time"].is_string(), "{line}");
            ids.extend(SessionRecord::parse(&line).map(|record| record.id.parse::<u64>().unwrap()));
        }
        ids.sort_unstable();
        ids
    }
}

fn names(dir: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(dir).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The lines of a text that ends with a line end.
fn lines(text: &str) -> Vec<String> {
    assert!(text.is_empty() || text.ends_with('\n'), "a torn line at the end: {text:?}");
    text.lines().map(str::to_owned).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_file_has_the_same_lines_as_standard_error() {
    for (format, record) in
        [("json", "\"message\":\"session ended\",\"id\":"), ("text", " INFO closed #")]
    {
        let logged = Logged::start(&format!("format = '{format}'"));
        logged.sessions(1);
        logged.stop();
        let text = logged.text("log");
        for words in [record, "ready", "draining", "stopped"] {
            assert_eq!(text.matches(words).count(), 1, "{words}: {text}");
        }
        assert!(!text.contains('\x1b'), "{text}");
        assert!(logged.forwarder.stderr().is_empty(), "all of it is in the file");
    }
}

#[test]
fn a_second_run_appends() {
    let logged = Logged::start("format = 'json'");
    logged.stop();
    let config = fs::read_to_string(logged.forwarder.config_path()).unwrap();
    let second = forwarder().config(config).start();
    wait_until("ready again", LIMIT, || logged.text("log").matches("\"ready\"").count() == 2);
    second.signal(Signal::TERM);
    second.wait_exit(LIMIT);
    assert_eq!(logged.text("log").matches("\"stopped\"").count(), 2);
}

#[test]
fn rotation_keeps_the_configured_number_of_files() {
    let logged = Logged::start("format = 'json'\nrotate_size = '1KiB'\nkeep = 2");
    logged.sessions(20);
    logged.stop();
    assert_eq!(logged.names(), set(&["log", "log.1", "log.2"]));
    for name in logged.names() {
        let size = logged.text(&name).len();
        assert!(size > 0 && size <= 1024, "{name}: {size} bytes");
    }
}

#[test]
fn rotation_loses_and_tears_no_record() {
    const SESSIONS: u64 = 400;
    let logged = Logged::start("format = 'json'\nrotate_size = '2KiB'\nkeep = 1000");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| logged.sessions(100));
        }
    });
    logged.stop();
    let names = logged.names();
    assert!(names.len() > 50, "only {} files", names.len());
    assert_eq!(logged.record_ids(&names), (1..=SESSIONS).collect::<Vec<_>>());
}

#[test]
fn sigusr1_reopens_a_moved_file() {
    let logged = Logged::start("format = 'json'");
    for moved in ["first", "second"] {
        logged.sessions(5);
        fs::rename(logged.path("log"), logged.path(moved)).unwrap();
        logged.sessions(5);
        logged.forwarder.signal(Signal::USR1);
        wait_until("a new file", LIMIT, || logged.path("log").exists());
    }
    logged.sessions(5);
    logged.stop();
    assert_eq!(logged.names(), set(&["first", "log", "second"]));
    assert_eq!(logged.record_ids(&logged.names()), (1..=25).collect::<Vec<_>>());
    // After the last signal, nothing goes into the moved file.
    assert!(logged.record_ids(&set(&["log"])).ends_with(&[21, 22, 23, 24, 25]));
}

#[test]
fn a_full_disk_affects_no_session_and_is_reported() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let log = "file = '/dev/full'\nformat = 'json'\nlevel = 'debug'";
    let config = Config::new().log(log).forward(port.addr(), target.addr(), "");
    let forwarder = forwarder().config(config.text()).start();
    testkit::wait_for("a listener", LIMIT, || testkit::connect(&port).ok());
    (0..100).for_each(|_| drop(served_client(port.addr())));
    wait_until("the end of the sessions", LIMIT, || target.open() == 0);
    forwarder.signal(Signal::TERM);
    assert_eq!(forwarder.wait_exit(LIMIT).code(), Some(0));
    let stderr = forwarder.stderr();
    assert_eq!(stderr.len(), 1, "once in a while, not for each line: {stderr:?}");
    for words in ["no space left on device", "/dev/full", "free space", "\"level\":\"error\""] {
        assert!(stderr[0].contains(words), "{words}: {}", stderr[0]);
    }
}

#[test]
fn an_unopenable_file_is_an_error_at_the_start() {
    let dir = TempDir::new().unwrap();
    for (file, why) in [
        (dir.path().join("missing/log"), "no such file or directory (create its directory, "),
        (dir.path().to_owned(), "is a directory (name a file in it, or "),
    ] {
        let log = format!("file = '{}'", file.display());
        let config = Config::new().log(&log).forward(Port::v4().addr(), "127.0.0.1:1", "");
        let finished = forwarder().config(config.text()).run();
        assert_eq!(finished.status.code(), Some(2), "{finished}");
        for words in [why, file.to_str().unwrap(), "change `file` in [log]"] {
            assert!(finished.stderr.contains(words), "{words}: {finished}");
        }
    }
}

/// The warning contains the remedy as a command to paste, and so does `status` until the next
/// upgrade.
#[test]
fn a_missing_log_directory_is_reported_with_the_remedy() {
    let (console, target, port) = (Console::new(), Target::start(Behaviour::Echo), Port::v4());
    let (logs, away) = (PathBuf::from(console.path("logs")), console.path("away"));
    fs::create_dir(&logs).unwrap();
    let log = logs.join("log");
    let config = Config::new().admin(&console.admin()).log(&format!("file = '{}'", log.display()));
    let text = config.forward(port.addr(), target.addr(), "").text();
    let running = forwarder().config(text).start();
    let is_ready = || fs::read_to_string(&log).is_ok_and(|text| text.contains("ready"));
    wait_until("ready", LIMIT, is_ready);
    fs::rename(&logs, away).unwrap();
    let kill = format!("kill -USR1 {}", running.pid());
    for command in ["upgrade", "status"] {
        let said = console.done(&[command]).text();
        for words in ["(its directory is gone)", &format!("create its directory, then `{kill}`")] {
            assert!(said.contains(words), "{command}: {said}");
        }
        assert!(!said.contains("os error"), "{said}");
    }
    fs::create_dir(&logs).unwrap();
    run(Tool::find("sh").command().args(["-c", &kill]), LIMIT).success();
    wait_until("a new file", LIMIT, || log.exists());
    // The problem is solved.
    let said = console.done(&["upgrade"]).text() + &console.done(&["status"]).text();
    assert!(!said.contains("warning"), "{said}");
}
