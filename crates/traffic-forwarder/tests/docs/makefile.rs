//! The Makefile: its targets are listed and documented, and start, status and stop work.

use crate::repository::{BINARY, documents, files, read, root};
use crate::stand::Stand;
use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;
use testkit::{Finished, Tool};

/// Prerequisites of other targets; not documented.
const INNER: [&str; 2] = ["build-release", "build-profile"];

/// `make start` waits up to 5 seconds, `make stop` up to 30.
const LIMIT: Duration = Duration::from_secs(40);

/// Clears the variables of a calling `make`: they would change this one.
pub(crate) fn by_itself(make: &mut Command) -> &mut Command {
    for variable in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "BINARY", "CONF"] {
        make.env_remove(variable);
    }
    make
}

/// Targets of the Makefile, except inner ones.
fn targets() -> BTreeSet<String> {
    let makefile = read("Makefile");
    let names = makefile.lines().filter_map(|line| line.strip_prefix(".PHONY: "));
    let names = names.filter(|name| !INNER.contains(name));
    names.map(str::to_owned).collect()
}

#[test]
fn make_alone_lists_few_targets_with_a_description() {
    for arguments in [&["help"][..], &[]] {
        let mut make = Tool::find("make").command();
        let finished =
            testkit::run(by_itself(&mut make).args(arguments).current_dir(root()), LIMIT);
        let text = finished.success().text();
        let described = text.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(' '));
        let described = described.filter(|(_, description)| description.trim().len() > 10);
        let listed: BTreeSet<_> = described.map(|(name, _)| name.to_owned()).collect();
        assert!((10..=22).contains(&listed.len()), "{listed:?}");
        assert!(listed.is_subset(&targets()), "{listed:?}");
    }
}

/// Commands that `make --dry-run` prints.
fn dry_run(arguments: &[&str]) -> String {
    let mut make = Tool::find("make").command();
    let make = by_itself(&mut make).arg("--dry-run").args(arguments).current_dir(root());
    testkit::run(make, LIMIT).success().text()
}

#[test]
fn the_words_of_the_older_program_are_targets() {
    for words in [
        "build build-optimized build-debug local_run local_run_optimized start stop status",
        "test test-race bench lint vet fmt clean docker-build docker-run docker-stop",
    ] {
        for target in words.split(' ') {
            assert!(!dry_run(&[target]).is_empty(), "make {target} runs nothing");
        }
    }
    for (variable, profile) in
        [("profile=1", "profile profile"), ("memory_optimized=1", "profile optimized")]
    {
        let commands = dry_run(&["build", variable]);
        assert!(commands.contains(&format!("cargo build --{profile} ")), "{commands}");
    }
    let commands = dry_run(&["build", "gc_debug=1"]);
    assert!(commands.contains("cargo build -p traffic-forwarder"), "{commands}");
}

#[test]
fn image_and_container_names_are_configurable() {
    let run = |arguments: &[&str]| {
        let mut make = Tool::find("make").command();
        let make = by_itself(&mut make).args(["-s", "DOCKER=echo", "CONF=examples/minimal.conf"]);
        testkit::run(make.args(arguments).current_dir(root()), LIMIT).success().text()
    };
    let build = |arguments: &[&str]| {
        let said = run(arguments);
        let rest = said.strip_prefix("build --build-arg TRAFFIC_FORWARDER_BUILD=");
        let (_commit, rest) = rest.and_then(|it| it.split_once(' ')).expect("an id is given");
        rest.to_owned()
    };
    assert_eq!(build(&["docker-build"]), "--tag traffic-forwarder .\n");
    assert_eq!(build(&["docker-build", "IMAGE=other:2"]), "--tag other:2 .\n");
    assert_eq!(run(&["docker-stop", "CONTAINER=b"]), "stop b\nrm b\n");
    let text = run(&["docker-run", "CONTAINER=b"]);
    let words: Vec<_> = text.split_whitespace().collect();
    assert!(text.starts_with("run --detach --name b "), "{text}");
    let image = ["traffic-forwarder", "-c", "/etc/traffic-forwarder/minimal.conf"];
    assert!(words.ends_with(&image), "{text}");
}

#[test]
fn every_target_that_a_document_names_exists() {
    let mut named = 0;
    for document in documents() {
        for span in document.code_spans() {
            let Some(target) = span.strip_prefix("make ") else { continue };
            let target = target.split(' ').next().unwrap_or_default();
            assert!(targets().contains(target), "{}: make {target}", document.name);
            named += 1;
        }
    }
    assert!(named >= 20, "only {named} targets are named");
}

/// A directory with copies of the files that `start`, `stop` and `status` use.
struct Copy(Stand);

impl Copy {
    fn new() -> Self {
        let stand = Stand::new();
        std::fs::remove_file(stand.dir().join("etc/traffic-forwarder.conf"))
            .expect("the stand has this file");
        for name in files("scripts").iter().map(String::as_str).chain(["Makefile"]) {
            stand.put_unchanged(name);
        }
        Self(stand)
    }

    #[track_caller]
    fn make(&self, target: &str) -> Finished {
        let mut make = Tool::find("make").command();
        let make = by_itself(&mut make).arg(target).arg(format!("BINARY={BINARY}"));
        testkit::run(make.current_dir(self.0.dir()), LIMIT)
    }

    fn exists(&self, name: &str) -> bool {
        self.0.dir().join(name).exists()
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if self.exists("traffic-forwarder.pid") {
            self.make("stop");
        }
    }
}

#[track_caller]
fn assert_says(finished: &Finished, success: bool, text: &str) {
    assert_eq!(finished.status.success(), success, "{finished}");
    assert!(finished.to_string().contains(text), "no `{text}` in: {finished}");
}

#[test]
fn a_fresh_clone_starts_once_and_stops() {
    let copy = Copy::new();
    assert_says(&copy.make("status"), false, "not running");
    let started = copy.make("start");
    assert_says(&started, true, "started, pid ");
    assert_says(&started, true, "created etc/traffic-forwarder.conf");
    assert_says(&copy.make("status"), true, "running, pid ");
    assert_says(&copy.make("start"), false, "already running, pid ");
    assert_says(&copy.make("stop"), true, "stopped, pid was ");
    assert!(!copy.exists("traffic-forwarder.pid"));
    assert_says(&copy.make("status"), false, "not running");
    assert_says(&copy.make("stop"), true, "not running");
    let log = std::fs::read_to_string(copy.0.dir().join("nohup.out")).expect("a log file");
    assert_eq!(log.matches(" stopped ").count(), 1, "{log}");
}

#[test]
fn a_start_that_fails_shows_why() {
    let copy = Copy::new();
    copy.0.write("etc/traffic-forwarder.conf", "# nothing here\n");
    let failed = copy.make("start");
    assert_says(&failed, false, "the process exited with status 2");
    assert_says(&failed, false, "holds no forward");
    assert!(!copy.exists("traffic-forwarder.pid"));
}

#[test]
fn a_stale_pid_file_is_ignored() {
    let copy = Copy::new();
    // A running process, but no forwarder.
    copy.0.write("traffic-forwarder.pid", &std::process::id().to_string());
    assert_says(&copy.make("status"), false, "not running");
    assert_says(&copy.make("stop"), true, "removed a stale traffic-forwarder.pid");
    copy.0.write("traffic-forwarder.pid", "garbage");
    assert_says(&copy.make("start"), true, "started, pid ");
    assert_says(&copy.make("stop"), true, "stopped, pid was ");
}
