//! Files given to commands: by position, on standard input, and those of other programs.

use std::fs;

use tempfile::TempDir;
use testkit::{Forwarder, Listener, Place, Port};

use crate::support::{BINARY, Console, forwarder, ping};

const GOOD: &str = "18080 | 127.0.0.1 | 8080\n";

/// Runs a line of a shell in which `$tf` is the program.
#[track_caller]
fn shell(dir: &TempDir, line: &str) -> testkit::Finished {
    let script = format!("cd '{}' && tf={BINARY} && {line}", dir.path().display());
    Forwarder::binary("sh").args(["-c", &script]).run()
}

fn directory(name: &str, text: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join(name), text).unwrap();
    dir
}

#[test]
fn check_takes_a_file_by_position_and_from_standard_input() {
    let dir = directory("good.conf", GOOD);
    let own = dir.path().join("good.conf").display().to_string();
    for (line, name) in [
        ("$tf check good.conf", &*own),
        ("$tf check -c good.conf", &own),
        ("$tf check -config good.conf", &own),
        ("$tf check --config=good.conf", &own),
        ("$tf check - <good.conf", "standard input"),
        ("$tf check -c - <good.conf", "standard input"),
        ("cat good.conf | $tf check /dev/stdin", "/dev/stdin"),
        ("$tf check /dev/stdin <good.conf", "/dev/stdin"),
    ] {
        let finished = shell(&dir, line).success();
        assert_eq!(finished.text(), format!("ok: {name}: 1 forward, 1 listener\n"), "{line}");
    }
    let wrong = shell(&dir, "echo 'x | h | 80' | $tf check -");
    assert!(wrong.stderr.contains("standard input:1:1"), "{wrong}");
    let missing = shell(&dir, "$tf check ./missing.conf");
    assert!(missing.stderr.contains("`./missing.conf` does not exist"), "{missing}");
}

/// What is wrong with a file that is named in place of a forward, and what helps.
#[test]
fn a_file_that_cannot_be_read_is_not_taken_for_a_forward() {
    let dir = directory("good.conf", GOOD);
    let path = "check the path, which starts at the present directory";
    for (line, error, hint) in [
        ("$tf check nofile.toml", "`nofile.toml` does not exist", path),
        ("$tf doctor no/file", "`no/file` does not exist", path),
        ("$tf check /no/file.yaml", "`/no/file.yaml` does not exist", "check the path;"),
        ("$tf check .", "`.` is a directory", "name a file in it"),
        ("mkdir d && $tf check d", "`d` is a directory", "name a file in it"),
        ("$tf check /dev/null", "`/dev/null` is not a regular file", "pipe it to `check -`"),
        (
            "chmod 000 good.conf && chmod 755 . && \
             setpriv --reuid=65534 --clear-groups --inh-caps=-all $tf check good.conf",
            "`good.conf` cannot be read: permission denied",
            "or sudo",
        ),
    ] {
        let refused = shell(&dir, line);
        assert_eq!(refused.status.code(), Some(2), "{line}: {refused}");
        let expected = format!("error: {error}");
        assert_eq!(refused.stderr.lines().next(), Some(&*expected), "{line}: {refused}");
        assert!(refused.stderr.contains(hint), "{line}: {refused}");
    }
}

#[test]
fn a_hint_names_standard_input_as_an_argument() {
    let dir = directory("rinetd.conf", "0.0.0.0 18080 10.0.0.5 80\n");
    let refused = shell(&dir, "$tf check - <rinetd.conf");
    assert!(refused.stderr.contains("import --from rinetd -\n"), "{refused}");
}

/// One line each: neither an empty line behind it nor the number of the system's error.
#[test]
fn errors_of_files_have_one_line_and_no_number() {
    let dir = directory("rinetd.conf", "0.0.0.0 18080 10.0.0.5 80\n");
    for (line, error) in [
        ("$tf import --from rinetd ./missing.conf", "`./missing.conf` does not exist"),
        ("$tf import --from rinetd ./", "`./` is a directory"),
        ("$tf check /proc/self/mem", "`/proc/self/mem` cannot be read: input/output error"),
        (
            "$tf import --from rinetd -o none/x rinetd.conf 2>&1 >&2 | grep -v '^note\\|^ ' >&2; false",
            "write `none/x`: no such file or directory",
        ),
        ("$tf man none/x/y", "write manual pages into none/x/y: no such file or directory"),
    ] {
        let finished = shell(&dir, line);
        assert!(!finished.status.success(), "{finished}");
        assert_eq!(finished.stderr, format!("error: {error}\n"), "{line}");
    }
}

#[test]
fn a_forwarding_process_refuses_standard_input() {
    let dir = directory("good.conf", GOOD);
    let refused = shell(&dir, "$tf -c - <good.conf");
    assert_eq!(refused.status.code(), Some(2), "{refused}");
    assert!(refused.stderr.contains("reads its file again at each reload"), "{refused}");
}

#[test]
fn import_reads_standard_input_and_comments_in_any_encoding() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("a.conf"), b"# f\xfcr\n127.0.0.1 24062 127.0.0.1 9\n").unwrap();
    for line in ["$tf import --from rinetd a.conf", "$tf import --from rinetd - <a.conf"] {
        let imported = shell(&dir, line).success();
        assert!(imported.text().contains("listen = \"127.0.0.1:24062\""), "{imported}");
    }
}

#[test]
fn files_of_other_programs_are_recognised_and_not_printed() {
    let nginx = "stream {\n  server {\n    listen 18080;\n    proxy_pass secret:80;\n  }\n}\n";
    let dir = directory("stream.conf", nginx);
    for line in ["$tf -c stream.conf", "$tf check stream.conf", "$tf doctor stream.conf"] {
        let refused = shell(&dir, line);
        assert_eq!(refused.status.code(), Some(2), "{refused}");
        assert!(refused.stderr.contains("import --from nginx"), "{refused}");
        assert!(!refused.stderr.contains("secret"), "{refused}");
    }
    let dir = directory("shadow", "root:$6$secret:19000:0:99999:7:::\n");
    let refused = shell(&dir, "$tf check -c shadow");
    assert!(!refused.stderr.contains("secret"), "{refused}");
    assert!(refused.stderr.contains("is not a configuration of this program"), "{refused}");
}

// === options of one-line forwards ===

#[test]
fn forwards_on_the_command_line_have_an_admin_interface_if_it_is_named() {
    let (console, port, target) = (Console::new(), Port::v4(), Listener::bind(Place::V4));
    let forward = format!("{}={}", port.addr(), target.addr());
    let options = ["--admin", &console.admin(), "--log-level", "debug", "--log-format", "json"];
    let running = forwarder().args(options).arg(&forward).start();
    assert!(running.ready().wait_for_message("ready").starts_with('{'));
    let status = console.json(&["status"]);
    assert_eq!(status["status"]["pid"], running.pid());
    assert_eq!(status["forwards"][0]["listen"][0], port.addr().to_string());
    let refused = console.refused(&["reload", "-c", &console.file("x.toml", "")], 2);
    assert!(refused.contains("has no file to reload"), "{refused}");
    for (value, words) in [
        ("127.0.0.1:9180", "--admin unix:/PATH"),
        ("auto", "--admin unix:/PATH"),
        ("0.0.0.0:9180", "takes no address that others can reach"),
    ] {
        let refused = forwarder().args(["--admin", value, &forward]).run();
        assert_eq!(refused.status.code(), Some(2), "{refused}");
        assert!(refused.stderr.contains(words), "{refused}");
    }
    let refused = forwarder().args(["--log-level", "verbose", &forward]).run();
    assert!(refused.stderr.contains("`verbose` is none of"), "{refused}");
}

#[test]
fn options_of_the_command_line_replace_those_of_the_file() {
    let (console, port) = (Console::new(), Port::v4());
    let target = testkit::Target::start(testkit::Behaviour::Echo);
    let config = crate::support::Config::new().forward(port.addr(), target.addr(), "");
    let forwarder = forwarder().args(["--admin", &console.admin()]).config(config.text());
    let running = forwarder.args(["--log-level", "warn"]).start();
    testkit::wait_until("the process", testkit::LIMIT, || {
        console.ask(&["status"]).status.success()
    });
    ping(&testkit::connect(&port).unwrap());
    console.done(&["reload"]);
    assert!(
        running.stderr().iter().all(|line| !line.contains("\"INFO\"")),
        "{:?}",
        running.stderr()
    );
}

#[test]
fn options_of_other_programs_are_explained() {
    for (arguments, words) in [
        (&["--verbose", "1=h:2"][..], "--log-level debug"),
        (&["-L", "1:h:2"], "write the forward without -L"),
        (&["-l", "80"], "LISTEN=TARGET"),
        (&["-f", "x.toml"], "-c FILE"),
        (&["stop"], "Ctrl-C"),
        (&["check", "18080 -> h:80"], "write `18080=h:80`"),
    ] {
        let refused = forwarder().args(arguments).run();
        assert_eq!(refused.status.code(), Some(2), "{refused}");
        assert!(refused.stderr.contains(words), "{words}: {refused}");
        assert!(!refused.stderr.contains("'-- -"), "{refused}");
    }
}
