//! Invalid input: each mistake gets a clear message with its position and exit code 2, or, in the
//! older format, is skipped with a warning. Nothing panics.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use tempfile::TempDir;
use testkit::{
    Behaviour, Finished, Forwarder, Listener, Place, Port, Target, connect, copy_program,
};

use crate::support::{BINARY, Config, forwarder, ping};

/// Asserts that `check` and `run` both refuse this file with these words.
#[track_caller]
fn refused_file(path: &Path, words: &[&str]) {
    for command in ["check", "run"] {
        refused(&forwarder().arg(command).arg("-c").arg(path).run(), words);
    }
}

#[track_caller]
fn refused(finished: &Finished, words: &[&str]) {
    failed(finished, 2, words);
}

#[track_caller]
fn failed(finished: &Finished, code: i32, words: &[&str]) {
    assert_eq!(finished.status.code(), Some(code), "{finished}");
    assert!(!finished.stderr.contains("panicked"), "{finished}");
    assert!(finished.stdout.is_empty(), "{finished}");
    for word in words {
        assert!(finished.stderr.contains(word), "`{word}` is missing: {finished}");
    }
    let longest = finished.stderr.lines().map(str::len).max().unwrap_or(0);
    assert!(longest < 2000, "a line of {longest} bytes is no message");
}

#[track_caller]
fn refused_text(text: impl AsRef<[u8]>, words: &[&str]) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("bad.conf");
    fs::write(&path, text).unwrap();
    refused_file(&path, words);
}

fn toml(listen: &str, to: &str, more: &str) -> String {
    format!("[[forward]]\nlisten = {listen}\nto = {to}\n{more}\n")
}

// === files that are not configurations ===

#[test]
fn an_empty_file() {
    refused_text("", &["bad.conf", "18080 | 127.0.0.1 | 8080", "[[forward]]"]);
}

#[test]
fn a_directory() {
    let dir = TempDir::new().unwrap();
    refused_file(dir.path(), &["is a directory"]);
}

#[test]
fn a_file_of_100_mib() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("large");
    File::create(&path).unwrap().set_len(100 * 1024 * 1024).unwrap();
    refused_file(&path, &["is larger than"]);
}

#[test]
fn binary_junk() {
    refused_text(b"\x7fELF\x02\x01\x01\0\0", &["bad.conf:1:8", "NUL byte"]);
    refused_text(b"\x7fELF\x02\x01\x01\0\xff", &["bad.conf:1:8", "NUL byte"]);
    refused_text(b"[[forward]]\nlisten = ':1'\n# \xff\n", &["bad.conf:3:3", "is not UTF-8"]);
    refused_text(b"\xff\xfe | h | 80\n", &["bad.conf:1:1", "this line is not UTF-8"]);
}

#[test]
fn a_line_of_1_mib() {
    refused_text("x".repeat(1 << 20), &["bad.conf` is not a configuration of this program"]);
    let long = format!("18080 | {} | 80\n", "h".repeat(1 << 20));
    refused_text(long, &["bad.conf:1:", "is not a host name"]);
    refused_text(toml("':1'", &format!("'{}:80'", "h".repeat(1 << 20)), ""), &["bad.conf:3:"]);
}

#[test]
fn a_missing_file_or_a_device() {
    refused_file(Path::new("/no/such/file"), &["/no/such/file", "does not exist"]);
    refused_file(Path::new("/dev/zero"), &["is not a regular file"]);
}

// === invalid values ===

#[test]
fn invalid_ports() {
    for port in ["0", "65536", "-1", "abc"] {
        let problem = format!("`{port}` is not a port");
        refused_text(toml(&format!("':{port}'"), "'h:80'", ""), &["bad.conf:2:", &problem]);
        refused_text(toml("':1'", &format!("'h:{port}'"), ""), &["bad.conf:3:", &problem]);
        refused_text(format!("{port} | h | 80\n"), &["bad.conf:1:1", &problem]);
        refused_text(format!("1 | h | {port}\n"), &["bad.conf:1:9", &problem]);
    }
}

#[test]
fn the_same_listen_address_twice() {
    let twice = [toml("':7001'", "'h:80'", ""), toml("'127.0.0.1:7001'", "'h:81'", "")].concat();
    refused_text(twice, &["bad.conf:6:", "is already listened on", "(line 1)"]);
    refused_text(toml("[':7001', ':7001']", "'h:80'", ""), &["bad.conf:2:", "twice"]);
}

#[test]
fn an_unknown_key_and_a_wrong_type() {
    let unknown = toml("':1'", "'h:80'", "idle_timout = '5s'");
    refused_text(unknown, &["bad.conf:4:1", "idle_timout", "did you mean `idle_timeout`?"]);
    let wrong = toml("':1'", "'h:80'", "max_sessions = 'many'");
    refused_text(wrong, &["bad.conf:4:", "many", "whole number"]);
    refused_text("[log]\nsessions = 'yes'\n", &["bad.conf:2:", "true or false"]);
}

#[test]
fn a_target_equal_to_our_own_listener() {
    let own = "is this forward's own listener";
    refused_text(toml("':7001'", "'127.0.0.1:7001'", ""), &["bad.conf:3:", own]);
    let others = [toml("':7001'", "'localhost:7002'", ""), toml("':7002'", "'h:80'", "")].concat();
    refused_text(others, &["bad.conf:3:", "is a listener of this process"]);
}

// === errors that depend on the host ===

/// By another spelling, a link, a hard link, or relative to the working directory: the process
/// never appends to or replaces a file of another purpose.
#[test]
fn one_file_for_two_purposes() {
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let (config, secret) = (dir.path().join("bad.conf"), "0123456789abcdef0123456789abcdef");
    fs::write(&config, "").unwrap();
    fs::write(dir.path().join("token"), secret).unwrap();
    fs::hard_link(&config, dir.path().join("hard")).unwrap();
    symlink("bad.conf", dir.path().join("soft")).unwrap();

    let log = |name: &str| format!("[log]\nfile = '{}'\n", at(name));
    let token = |name: &str| {
        format!("[process]\nadmin = '127.0.0.1:1'\nadmin_token_file = '{}'\n", at(name))
    };
    let socket = |name: &str| toml(&format!("'unix:{}'", at(name)), "'h:80'", "");
    let rotated = log("x") + "rotate_size = '1MiB'\n";
    let is_config = "is the same file as the configuration file `";
    let cases = [
        (log("bad.conf"), "2:9", "the log file `", is_config),
        (log("hard"), "2:9", "the log file `", is_config),
        (log("soft"), "2:9", "the log file `", is_config),
        (token("../bad.conf"), "3:21", "the token file `", is_config),
        (socket("bad.conf"), "2:11", "the listener's socket `", is_config),
        (token("token") + &log("./token"), "5:9", "the log file `", "the token file `"),
        (log("s") + &socket("./s"), "4:11", "the listener's socket `", "(line 2)"),
        (rotated.clone() + &socket("x.1"), "5:11", "the listener's socket `", "the rotation of"),
        (rotated + &token("x.new"), "6:21", "the token file `", "the rotation of"),
    ];
    for (text, place, later, earlier) in cases {
        // A path back to the same directory.
        let name = dir.path().file_name().unwrap().to_string_lossy();
        let text = text.replace("../", &format!("../{name}/")) + &toml("':7001'", "'h:80'", "");
        fs::write(&config, &text).unwrap();
        refused_file(&config, &[&format!("bad.conf:{place}\n"), later, earlier, "another path"]);
        assert_eq!(fs::read_to_string(&config).unwrap(), text, "the configuration was written to");
    }
    assert_eq!(fs::read_to_string(dir.path().join("token")).unwrap(), secret);
    // Relative to the working directory, and by a line of the older format.
    let within = || forwarder().through("env", ["-C", dir.path().to_str().unwrap()]);
    fs::write(
        &config,
        log("bad.conf").replace(&at("bad.conf"), "bad.conf") + &toml("':1'", "'h:1'", ""),
    )
    .unwrap();
    refused(&within().args(["check", "-c", "./bad.conf"]).run(), &["bad.conf:2:9", is_config]);
    fs::write(&config, "18080 | h | 80\n").unwrap();
    let forward = format!("unix:{}=h:80", at("soft"));
    refused(
        &within().args(["check", "-c", "bad.conf", &forward]).run(),
        &["command line", is_config],
    );
}

/// It may come later: another start may succeed.
#[test]
fn an_address_of_another_host() {
    let port = Port::every_address();
    let config = Config::new().forward(format!("192.0.2.1:{port}"), "h:80", "");
    let words = ["192.0.2.1", "no interface of this host has that address", "forwarder.conf:"];
    failed(&forwarder().config(config.text()).run(), 1, &words);
}

#[test]
fn an_interface_that_does_not_exist() {
    let port = Port::every_address();
    let config = Config::new().forward(format!("[fe80::1%none0]:{port}"), "h:80", "");
    let words = ["[fe80::1%none0]", "there is no interface `none0`", "`ip link`"];
    failed(&forwarder().config(config.text()).run(), 1, &words);
}

/// As a user without privileges, whether the tests run as root or not.
#[test]
fn a_privileged_port_without_the_capability() {
    let start = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap();
    assert_ne!(start.trim(), "0", "every port may be bound on this host");
    let dir = TempDir::new().unwrap();
    fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let copy = dir.path().join("traffic-forwarder");
    copy_program(BINARY, &copy);
    let is_root = fs::metadata("/proc/self").is_ok_and(|meta| {
        use std::os::unix::fs::MetadataExt;
        meta.uid() == 0
    });
    let builder = if is_root {
        let unprivileged = ["--reuid=65534", "--regid=65534", "--clear-groups"];
        Forwarder::binary("setpriv").args(unprivileged).arg(copy)
    } else {
        Forwarder::binary(copy)
    };
    refused(&builder.arg("127.0.0.1:1=h:80").run(), &["127.0.0.1:1", "CAP_NET_BIND_SERVICE"]);
}

#[test]
fn a_port_in_use_is_a_runtime_failure() {
    let taken = Listener::bind(Place::V4);
    let finished = forwarder().arg(format!("{}=h:80", taken.addr())).run();
    assert_eq!(finished.status.code(), Some(1), "{finished}");
    for words in [&taken.addr().to_string(), "another process listens there"] {
        assert!(finished.stderr.contains(words), "{finished}");
    }
}

#[test]
fn every_failed_bind_is_reported_and_no_listener_serves() {
    let (free, taken) = (Port::v4(), [(); 2].map(|()| Listener::bind(Place::V4)));
    let config = Config::new().forward(free.addr(), "h:80", "");
    let config = taken.iter().fold(config, |all, taken| all.forward(taken.addr(), "h:80", ""));
    let finished = forwarder().config(config.text()).run();
    assert_eq!(finished.status.code(), Some(1), "{finished}");
    for taken in taken {
        assert!(finished.stderr.contains(&taken.addr().to_string()), "{finished}");
    }
    assert!(!finished.stderr.contains("\"ready\""), "{finished}");
}

// === skipped lines of the older format ===

#[test]
fn invalid_lines_of_the_older_format_are_skipped_with_a_warning() {
    let (target, port, taken) =
        (Target::start(Behaviour::Echo), Port::every_address(), Port::every_address());
    let _listener = Listener::bind(Place::At(taken.addr()));
    let to = target.addr().tcp().port();
    let good = format!("{port} | 127.0.0.1 | {to}\n");
    let lines = [
        "0 | h | 80\n",
        "65536 | h | 80\n",
        "-1 | h | 80\n",
        "abc | h | 80\n",
        "one field\n",
        "7 | h | 80 | 81\n",
        &format!("{port} | h | 80\n"),
        &format!("7 | 127.0.0.1 | {port}\n"),
        &format!("{taken} | h | 80\n"),
    ];
    let forwarder = forwarder().config(format!("{good}{}", lines.concat())).start();
    forwarder.ready();
    ping(&connect(&port).unwrap());
    for number in 2..2 + lines.len() {
        let place = format!("forwarder.conf:{number}:");
        let is_warning = |line: &str| line.contains(" WARN ") && line.contains(&place);
        assert_eq!(forwarder.count_lines(is_warning), 1, "one warning for line {number}");
    }
    assert_eq!(forwarder.count_lines(|line| line.contains("panicked")), 0);
}
