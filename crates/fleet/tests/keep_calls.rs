//! The system calls with which `keep` survives a loss of power. Alone in its process, which strace(1) runs.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use fleet::{Keep, KeepState, PublishedText, TextHash};
use std::path::Path;
use tempfile::TempDir;
use testkit::{LIMIT, Tool, run};

/// The calls of creating the directory and saving a state, in their order. strace shows descriptors with their paths.
#[test]
fn names_and_contents_are_synced() {
    const PLACE: &str = "FLEET_KEEP_CALLS";
    if let Some(path) = std::env::var_os(PLACE) {
        let text = "text";
        let good = PublishedText { hash: TextHash::of(text), revision: 1, text: text.into() };
        let kept = KeepState { revision: 1, good: Some(good), ..KeepState::default() };
        let mut keep = Keep::open(Path::new(&path)).unwrap();
        assert_eq!(keep.load().unwrap(), None);
        return keep.save(&kept).unwrap();
    }
    let directory = TempDir::new().unwrap();
    let (parent, log) = (directory.path().join("above"), directory.path().join("log"));
    let keep = parent.join("keep");
    std::fs::create_dir(&parent).unwrap();
    let log = trace(&format!("{PLACE}={}", keep.display()), &log);
    let above = parent.to_str().unwrap();
    let calls: Vec<String> = log.lines().filter_map(|line| call(line, above)).collect();
    assert_eq!(
        calls,
        [
            "mkdir keep",
            "fsync .",
            "write keep/text.new",
            "fsync keep/text.new",
            "rename keep",
            "fsync keep",
            "write keep/state.json.new",
            "fsync keep/state.json.new",
            "rename keep",
            "fsync keep",
        ],
        "{log}"
    );
}

/// Runs the test again with this variable, and returns its calls.
fn trace(variable: &str, log: &Path) -> String {
    let calls = "trace=mkdir,mkdirat,write,fsync,rename,renameat,renameat2";
    let options = ["-f", "-y", "-s0", "-e", calls, "-E", variable, "-o"];
    let program = std::env::current_exe().unwrap();
    let mut strace = Tool::find("strace").command();
    strace.args(options).arg(log).arg(program).args(["--exact", "names_and_contents_are_synced"]);
    run(&mut strace, LIMIT).success();
    std::fs::read_to_string(log).unwrap()
}

/// `1234 fsync(5<ABOVE/keep>) = 0` as `fsync keep`; `None` for calls on other files.
fn call(line: &str, above: &str) -> Option<String> {
    let (_, call) = line.split_once(' ')?;
    let (name, arguments) = call.trim_start().split_once('(')?;
    let name = name.trim_end_matches(['a', 't', '2']);
    let (_, path) = arguments.split_once(above)?;
    let path = path.split(['>', '"']).next()?.trim_start_matches('/');
    // The name of a text is its hash.
    let path = match path.split_once("text-") {
        Some((start, end)) => {
            format!("{start}text{}", end.trim_start_matches(char::is_alphanumeric))
        }
        None => path.to_owned(),
    };
    let path = if path.is_empty() { "." } else { &path };
    Some(format!("{name} {path}"))
}
