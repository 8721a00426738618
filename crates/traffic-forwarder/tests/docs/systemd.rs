//! systemd accepts the units of the examples and of the documents.

use crate::blocks::blocks;
use crate::repository::{BINARY, files, read, root};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use testkit::{LIMIT, Tool, run};

const DIRECTORY: &str = "examples/systemd";
/// Path of the program in the units.
const INSTALLED: &str = "/usr/local/bin/traffic-forwarder";
/// Warnings of systemd before 253 about `Type=notify-reload`, and before 254 about pauses that grow.
const TOO_NEW: [&str; 3] = [
    "Failed to parse service type, ignoring: notify-reload",
    "Unknown key 'RestartSteps' in section [Service]",
    "Unknown key 'RestartMaxDelaySec' in section [Service]",
];

/// Lines that `systemd-analyze verify` prints about these units.
fn complaints(units: &[PathBuf]) -> Vec<String> {
    // Without manual pages: none are installed here.
    let mut command = Tool::find("systemd-analyze").command();
    let finished = run(command.args(["verify", "--man=no"]).args(units), LIMIT);
    let lines: Vec<_> = finished.stderr.lines().map(str::to_owned).collect();
    assert!(finished.status.success() || !lines.is_empty(), "{finished}");
    lines
}

fn put(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    fs::create_dir_all(path.parent().expect("a file is in a directory")).expect("an own directory");
    fs::write(&path, text.replace(INSTALLED, BINARY)).expect("write into an own directory");
    path
}

fn is_unit(name: &str) -> bool {
    [".service", ".socket"].iter().any(|end| name.ends_with(end))
}

#[test]
fn systemd_accepts_the_examples_with_and_without_the_old_systemd_drop_in() {
    let dir = TempDir::new().expect("a temporary directory");
    let examples = files(DIRECTORY);
    assert!(examples.len() >= 3, "{examples:?}");
    let name = |file: &str| file.rsplit('/').next().expect("a name").to_owned();
    let (units, drop_ins): (Vec<_>, Vec<_>) = examples.iter().partition(|file| is_unit(file));
    let units: Vec<_> =
        units.iter().map(|file| put(dir.path(), &name(file), &read(file))).collect();
    let unknown = |line: &String| !TOO_NEW.iter().any(|known| line.contains(known));
    let complaints_now: Vec<_> = complaints(&units).into_iter().filter(unknown).collect();
    assert!(complaints_now.is_empty(), "{complaints_now:?}");
    for file in drop_ins {
        let name = format!("traffic-forwarder.service.d/{}", name(file));
        put(dir.path(), &name, &read(file));
    }
    let complaints: Vec<_> = complaints(&units).into_iter().filter(unknown).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
}

/// Text between the first `before` and the next `after`.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let found = text.split_once(before).and_then(|(_, rest)| rest.split_once(after));
    found.unwrap_or_else(|| panic!("`{before}...{after}` is not in\n{text}")).0
}

#[test]
fn the_unit_is_as_confined_as_the_document_says() {
    let analyze = Tool::find("systemd-analyze");
    let unit = root().join(DIRECTORY).join("traffic-forwarder.service");
    let unit = unit.to_str().expect("a path in UTF-8");
    let report = analyze.run(["security", "--offline=true", "--no-pager", unit], LIMIT).text();
    let measured = between(&report, "Overall exposure level for traffic-forwarder.service: ", " ");
    let document = read("docs/systemd.md").split_whitespace().collect::<Vec<_>>().join(" ");
    let written = between(&document, "an exposure of ", ", from 0");
    let version = analyze.run(["--version"], LIMIT).text();
    if between(&version, "systemd ", " ") == between(&document, "to 10, with systemd ", ".") {
        assert_eq!(measured, written);
    } else {
        // The weights differ between systemd versions.
        let number = |text: &str| text.parse::<f32>().expect("a number");
        assert!(number(measured) <= number(written) + 0.5, "{measured} and not {written}");
    }
}

#[test]
fn a_wrong_drop_in_is_reported() {
    let dir = TempDir::new().expect("a temporary directory");
    let unit = format!("{DIRECTORY}/traffic-forwarder.service");
    let unit = put(dir.path(), "traffic-forwarder.service", &read(&unit));
    put(dir.path(), "traffic-forwarder.service.d/wrong.conf", "[Service]\nWatchdogSecs=1\n");
    assert!(complaints(&[unit]).iter().any(|line| line.contains("WatchdogSecs")));
}

#[test]
fn systemd_accepts_the_units_in_the_documents() {
    for block in blocks("ini") {
        let dir = TempDir::new().expect("a temporary directory");
        let name = block.text.lines().next().and_then(|line| line.strip_prefix("# "));
        let is_drop_in = |name: &str| name.starts_with("traffic-forwarder.service.d/");
        let name = name.filter(|name| is_unit(name) || is_drop_in(name));
        let name = name.unwrap_or_else(|| panic!("{}: the first line names the unit", block.place));
        let service = format!("{DIRECTORY}/traffic-forwarder.service");
        let service = put(dir.path(), "traffic-forwarder.service", &read(&service));
        let unit = put(dir.path(), name, &block.text);
        let unit = if is_drop_in(name) { service } else { unit };
        let unknown = |line: &String| !TOO_NEW.iter().any(|known| line.contains(known));
        let complaints: Vec<_> = complaints(&[unit]).into_iter().filter(unknown).collect();
        assert!(complaints.is_empty(), "{}: {complaints:?}", block.place);
    }
}
