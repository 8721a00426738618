//! The command line as DESIGN 1.2 specifies it: the older program's flags in both spellings and its
//! file unchanged, one-line forwards in every form, `check`, `--help` and `--version`.

mod exposed_files;
mod files;
mod usage;

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use testkit::{Addr, Behaviour, Forwarder, Peer, Port, Script, Target, connect, exchange};

use crate::support::{BINARY, Config, forwarder, ping, served_client};

/// The example file of the older program.
const SEED_EXAMPLE: &str = "\
# Format: local_port | remote_host | remote_port
# Example: 8080 | example.com | 80
18080 | 127.0.0.1 | 8080
";

/// The older program's file, with the test's ports.
fn seed_file(dir: &TempDir, port: &Port, target: &Target) -> PathBuf {
    let live = format!("{port} | 127.0.0.1 | {}", target.addr().tcp().port());
    let path = dir.path().join("traffic-forwarder.conf");
    fs::write(&path, SEED_EXAMPLE.replace("18080 | 127.0.0.1 | 8080", &live)).unwrap();
    path
}

#[track_caller]
fn started(args: &[&str]) -> Forwarder {
    let forwarder = forwarder().args(args).start();
    forwarder.ready();
    forwarder
}

// === the older program's file and flags ===

#[test]
fn the_older_programs_example_is_valid_unchanged() {
    let finished = forwarder().arg("check").config(SEED_EXAMPLE).run().success();
    assert!(finished.text().ends_with("forwarder.conf: 1 forward, 1 listener\n"), "{finished}");
    assert!(finished.text().starts_with("ok: /") && finished.stderr.is_empty(), "{finished}");
}

/// The examples that ship with this program, too; `examples` may be a directory of them.
#[test]
fn our_own_examples_are_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let examples = fs::read_dir(root.join("examples")).into_iter().flatten();
    let examples = examples.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    for example in examples.chain([root.join("etc/traffic-forwarder.conf.example")]) {
        let is_configuration = example.extension().is_some_and(|ext| ext != "md" && ext != "rs");
        if is_configuration {
            forwarder().arg("check").arg("-c").arg(example).run().success();
        }
    }
}

#[test]
fn the_older_format_is_accepted_in_every_spelling() {
    let (dir, port) = (TempDir::new().unwrap(), Port::every_address());
    let target = Target::start(Behaviour::Verify);
    let file = seed_file(&dir, &port, &target);
    let file = file.to_str().unwrap();
    let [go, gnu] = [format!("-conf={file}"), format!("--conf={file}")];
    let spellings: [&[&str]; 7] = [
        &["-conf", file],
        &[&go],
        &["--conf", file],
        &[&gnu],
        &["-c", file],
        &["run", "-conf", file],
        &["run", "-c", file],
    ];
    for args in spellings {
        let _forwarder = started(args);
        exchange(connect(&port).unwrap(), 1000, 1000, 1).unwrap();
    }
}

#[test]
fn the_default_file_is_used_without_arguments() {
    let (dir, port) = (TempDir::new().unwrap(), Port::every_address());
    let target = Target::start(Behaviour::Verify);
    let file = seed_file(&dir, &port, &target);
    let script = format!("mkdir etc && cp {} etc && exec {BINARY}", file.display());
    let forwarder = Forwarder::binary("sh").args(["-c", &script]).start();
    forwarder.ready();
    exchange(connect(&port).unwrap(), 1000, 1000, 1).unwrap();
}

#[test]
fn the_older_programs_flags_set_timeouts_and_the_limit() {
    let (dir, port) = (TempDir::new().unwrap(), Port::every_address());
    let target = Target::start(Behaviour::Echo);
    let file = seed_file(&dir, &port, &target);
    let file = file.to_str().unwrap();
    let spellings: [&[&str]; 4] = [
        &["-conf", file, "-timeout", "2s", "-max-conns", "1"],
        &["-timeout=2s", "-max-conns=1", "-conf", file],
        &["--conf", file, "--timeout", "2s", "--max-conns", "1"],
        &["run", "--max-conns=1", "--timeout=2s", "-c", file],
    ];
    for args in spellings {
        let forwarder = started(args);
        let client = served_client(&port);
        Peer::connect("one too many", &port, Script::new().expect_reset()).finish();
        crate::support::play(&client, Script::new().expect_reset());
        forwarder.wait_for_line("its record", testkit::LIMIT, |line| line.contains("idle_timeout"));
    }
}

#[test]
fn bad_values_of_the_older_programs_flags_are_errors() {
    for flag in ["-max-conns=0", "-max-conns=x", "--max-conns=-1", "-timeout=5", "-timeout=x"] {
        let finished = forwarder().args([flag, "18080=127.0.0.1:8080"]).run();
        assert_eq!(finished.status.code(), Some(2), "{finished}");
        let (flag, value) = flag.trim_start_matches('-').split_once('=').unwrap();
        assert!(finished.stderr.contains(&format!("--{flag} {value}")), "{finished}");
    }
}

// === one-line forwards ===

#[test]
fn one_line_forwards_in_every_form() {
    let (dir, target) = (TempDir::new().unwrap(), Target::start(Behaviour::Verify));
    let to = target.addr().tcp().port();
    let every = [(); 5].map(|()| Port::every_address());
    let (v4, v6) = ([Port::v4(), Port::v4()], [Port::v6(), Port::v6()]);
    let unix = dir.path().join("listener");
    let args = [
        format!("{}=127.0.0.1:{to}", every[0]),
        format!(":{}=localhost:{to}", every[1]),
        format!("{}:127.0.0.1:{to}", every[2]),
        format!("{}:localhost:{to}", every[3]),
        format!("*:{}:127.0.0.1:{to}", every[4]),
        format!("{}=127.0.0.1:{to}", v4[0].addr()),
        format!("{}:localhost:{to}", v4[1].addr()),
        format!("{}=127.0.0.1:{to}", v6[0].addr()),
        format!("{}:127.0.0.1:{to}", v6[1].addr()),
        format!("unix:{}=127.0.0.1:{to}", unix.display()),
    ];
    let _forwarder = started(&args.each_ref().map(String::as_str));
    let ports = every.iter().chain(&v4).chain(&v6).map(Addr::from);
    for (addr, form) in ports.chain([Addr::Unix(unix)]).zip(&args) {
        let done = exchange(connect(addr).unwrap(), 1000, 1000, 1);
        done.unwrap_or_else(|why| panic!("{form}: {why}"));
    }
}

#[test]
fn a_forward_adds_to_a_file() {
    let target = Target::start(Behaviour::Echo);
    let (in_file, on_top) = (Port::v4(), Port::v4());
    let config = Config::new().forward(in_file.addr(), target.addr(), "");
    let argument = format!("{}={}", on_top.addr(), target.addr());
    let forwarder = forwarder().config(config.text()).arg(argument).start();
    forwarder.ready();
    for port in [&in_file, &on_top] {
        ping(&connect(port).unwrap());
    }
}

#[test]
fn an_invalid_forward_is_quoted_in_the_error() {
    for argument in ["8080", "a=b=c", "1=x", "0=x:1", "1=x:65536", "-1=x:1", "1:2:3:4:5"] {
        let finished = forwarder().args(["--", argument]).run();
        assert_eq!(finished.status.code(), Some(2), "{finished}");
        assert!(finished.stderr.contains(argument), "{finished}");
        assert!(finished.stdout.is_empty() && !finished.stderr.contains("panicked"), "{finished}");
    }
}

// === check, help, version ===

#[test]
fn check_reports_every_problem_with_its_position() {
    let text = "\
[process]\nworkrs = 2\n\n[[forward]]\nlisten = ':0'\nto = 'h:80'\nidle_timeout = 5\n";
    let finished = forwarder().arg("check").config(text).run();
    assert_eq!(finished.status.code(), Some(2), "{finished}");
    for (place, words) in [
        ("forwarder.conf:2:1", "did you mean `workers`?"),
        ("forwarder.conf:5:12", "`0` is not a port"),
        ("forwarder.conf:7:16", "idle_timeout = 5"),
    ] {
        assert!(finished.stderr.contains(place), "{place}: {finished}");
        assert!(finished.stderr.contains(words), "{words}: {finished}");
    }
    assert!(finished.stdout.is_empty(), "{finished}");
}

#[test]
fn check_counts_a_skipped_line_of_the_older_format_as_a_problem() {
    let finished = forwarder().arg("check").config("1 | h | 80\nx | h | 80\n").run();
    assert_eq!(finished.status.code(), Some(2), "{finished}");
    assert!(finished.stderr.contains("forwarder.conf:2:1"), "{finished}");
}

#[test]
fn check_prints_ok_and_binds_nothing() {
    let taken = testkit::Listener::bind(testkit::Place::V4);
    let config = Config::new().forward(taken.addr(), "h:80", "").forward(":7000-7002", "h:1-3", "");
    let finished = forwarder().arg("check").config(config.text()).run().success();
    assert!(finished.text().ends_with(": 2 forwards, 4 listeners\n"), "{finished}");
}

#[test]
fn help_and_version_go_to_stdout() {
    for (flags, words) in [
        (["--help", "-h"], &["Usage:", "FORWARD", "check", "doctor", "demo", "--max-conns"][..]),
        (["--version", "-V"], &["traffic-forwarder ", env!("CARGO_PKG_VERSION")]),
    ] {
        for flag in flags {
            let finished = forwarder().arg(flag).run().success();
            assert!(words.iter().all(|word| finished.text().contains(word)), "{finished}");
            assert!(finished.stderr.is_empty(), "{finished}");
        }
    }
}

#[test]
fn wrong_usage_is_reported_on_stderr() {
    for args in [&["--no-such-flag"][..], &["-conf"], &["check", "--once"], &["demo", "x"]] {
        let finished = forwarder().args(args.iter().copied()).run();
        assert_eq!(finished.status.code(), Some(2), "{finished}");
        assert!(finished.stdout.is_empty() && finished.stderr.contains("error:"), "{finished}");
    }
}

#[test]
fn a_missing_default_file_is_an_error_with_advice() {
    let finished = forwarder().run();
    assert_eq!(finished.status.code(), Some(2), "{finished}");
    let default = Path::new("etc/traffic-forwarder.conf").to_str().unwrap();
    for words in [default, "does not exist", "traffic-forwarder demo"] {
        assert!(finished.stderr.contains(words), "{words}: {finished}");
    }
    // An explicit file needs no advice about the default one.
    let named = forwarder().args(["-c", "no.conf"]).run();
    assert!(!named.stderr.contains("traffic-forwarder demo"), "{named}");
}
