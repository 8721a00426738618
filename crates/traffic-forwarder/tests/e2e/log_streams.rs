//! The log in a stream: standard output, a named pipe, the journal of systemd, a terminal.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use testkit::{
    Behaviour, Forwarder, ForwarderBuilder, LIMIT, Port, Signal, Target, Terminal, Tool,
    is_listening, wait_until,
};

use crate::support::{BINARY, Config, forwarder, served_client, unshare_arguments};

/// Has a shell set the variable as a service manager does whose journal is at standard error.
const TO_JOURNAL: &str =
    r#"export JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2); exec "$0" "$@""#;

/// A forwarder in front of an echo.
struct Scene {
    port: Port,
    target: Target,
}

impl Scene {
    fn new() -> Self {
        Self { port: Port::v4(), target: Target::start(Behaviour::Echo) }
    }

    fn config(&self, log: &str) -> String {
        self.complete(Config::new().log(log))
    }

    fn complete(&self, config: Config) -> String {
        config.forward(self.port.addr(), self.target.addr(), "name = 'web'").text()
    }

    fn session(&self) {
        drop(served_client(self.port.addr()));
        wait_until("the end of the session", LIMIT, || self.target.open() == 0);
    }
}

fn stop(forwarder: &Forwarder) {
    forwarder.signal(Signal::TERM);
    assert_eq!(forwarder.wait_exit(LIMIT).code(), Some(0));
}

fn has(lines: &[String], words: &str) -> bool {
    lines.iter().any(|line| line.contains(words))
}

/// Runs a session, a reopen, an upgrade and another session; all lines are in `lines`.
fn outlives_reopen_and_upgrade(
    scene: &Scene,
    forwarder: &Forwarder,
    lines: &dyn Fn() -> Vec<String>,
) {
    wait_until("ready", LIMIT, || has(&lines(), " ready "));
    scene.session();
    wait_until("the record", LIMIT, || has(&lines(), " closed #1 web "));
    forwarder.signal(Signal::USR1);
    forwarder.signal(Signal::USR2);
    wait_until("the upgrade", LIMIT, || has(&lines(), " upgraded "));
    scene.session();
    wait_until("the record", LIMIT, || has(&lines(), " closed #2 web "));
    stop(forwarder);
    wait_until("the last line", LIMIT, || has(&lines(), " stopped "));
    assert_eq!(forwarder.stderr(), [""; 0], "all of it is in the stream");
}

#[test]
fn standard_output_is_a_destination() {
    for path in ["/dev/stdout", "/proc/self/fd/1", "/dev/fd/1"] {
        let scene = Scene::new();
        let log = format!("file = '{path}'\nrotate_size = '1KiB'");
        let forwarder = forwarder().config(scene.config(&log)).start();
        outlives_reopen_and_upgrade(&scene, &forwarder, &|| forwarder.stdout());
    }
}

#[test]
fn standard_error_is_a_destination_and_so_is_a_file_behind_it() {
    let scene = Scene::new();
    let text = scene.config("file = '/dev/stderr'");
    let forwarder = forwarder().config(text).start();
    forwarder.ready();
    stop(&forwarder);
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    let script = format!(r#"exec "$0" "$@" >>"{}""#, file.display());
    let text = scene.config("file = '/dev/stdout'\nrotate_size = '1KiB'");
    let forwarder = self::forwarder().through("sh", ["-c", &script]).config(text).start();
    let lines =
        || fs::read_to_string(&file).unwrap_or_default().lines().map(str::to_owned).collect();
    outlives_reopen_and_upgrade(&scene, &forwarder, &lines);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "it is not rotated");
}

/// In the sandbox and as another user, too: the stream is open before.
#[test]
fn standard_output_needs_no_permission_of_its_path() {
    let scene = Scene::new();
    let config = Config::new().process("sandbox = true").log("file = '/dev/stdout'");
    let text = scene.complete(config);
    let forwarder = forwarder().config(text).start();
    outlives_reopen_and_upgrade(&scene, &forwarder, &|| forwarder.stdout());
}

#[test]
fn check_and_doctor_accept_streams() {
    let scene = Scene::new();
    for path in ["/dev/stdout", "/dev/stderr"] {
        let text = scene.config(&format!("file = '{path}'"));
        forwarder().arg("check").config(&text).run().success();
        let report = forwarder().args(["doctor", "--no-connect"]).config(&text).run();
        let found = String::from_utf8_lossy(&report.stdout);
        assert!(found.contains(&format!("can be written to {path}")), "{report}");
    }
}

fn make_pipe(path: &Path) {
    Tool::find("mkfifo").run([path], LIMIT).success();
}

#[test]
fn a_named_pipe_keeps_lines_until_a_program_reads() {
    let (scene, dir) = (Scene::new(), TempDir::new().unwrap());
    let pipe = dir.path().join("pipe");
    make_pipe(&pipe);
    let log = format!("file = '{}'\nrotate_size = '1KiB'", pipe.display());
    let forwarder = forwarder().config(scene.config(&log)).start();
    wait_until("a listener", LIMIT, || is_listening(scene.port.addr()));
    scene.session();
    let read = |words: &str| {
        let reader = File::options().read(true).custom_flags(O_NONBLOCK).open(&pipe).unwrap();
        let mut lines = Vec::new();
        wait_until(words, LIMIT, || {
            // An empty pipe is an error, which ends the iteration.
            lines.extend(BufReader::new(&reader).lines().map_while(Result::ok));
            has(&lines, words)
        });
    };
    read(" closed #1 web ");
    // The reader has gone, and another one comes.
    forwarder.signal(Signal::USR1);
    forwarder.signal(Signal::USR2);
    read(" upgraded ");
    scene.session();
    stop(&forwarder);
}

/// The same on x86-64 and aarch64.
const O_NONBLOCK: i32 = 0o4000;

fn under_journal(log: &str, scene: &Scene) -> ForwarderBuilder {
    forwarder().through("sh", ["-c", TO_JOURNAL]).config(scene.config(log))
}

#[test]
fn lines_for_the_journal_have_priorities() {
    for (log, debug, ready) in [
        ("level = 'debug'", "<7>DEBUG client connected id=1 ", "<6>INFO ready version="),
        ("level = 'debug'\nformat = 'json'", "<7>{\"time\":\"", "<6>{\"time\":\""),
    ] {
        let scene = Scene::new();
        let forwarder = under_journal(log, &scene).start();
        forwarder.wait_for_line("ready", LIMIT, |line| line.contains("ready"));
        scene.session();
        forwarder.signal(Signal::USR2);
        forwarder.wait_for_line("the upgrade", LIMIT, |line| line.contains("upgraded"));
        stop(&forwarder);
        let lines = forwarder.stderr();
        for words in [debug, ready] {
            assert!(lines.iter().any(|line| line.starts_with(words)), "{words}: {lines:?}");
        }
        assert!(lines.iter().all(|line| line.starts_with('<')), "{lines:?}");
    }
    let failed = forwarder().through("sh", ["-c", TO_JOURNAL]).args(["-c", "/none"]).run();
    assert!(failed.stderr.lines().all(|line| line.starts_with("<3>")), "{failed}");
}

#[test]
fn a_redirected_log_is_not_for_the_journal() {
    let (scene, dir) = (Scene::new(), TempDir::new().unwrap());
    let file = dir.path().join("file");
    let in_file = under_journal(&format!("file = '{}'", file.display()), &scene).start();
    let text = || fs::read_to_string(&file).unwrap_or_default();
    wait_until("ready", LIMIT, || text().contains(" INFO ready "));
    stop(&in_file);
    assert!(!text().contains('<'), "{}", text());
    let in_stream = under_journal("file = '/dev/stdout'", &scene).start();
    wait_until("ready", LIMIT, || has(&in_stream.stdout(), " INFO ready "));
    stop(&in_stream);
    assert!(!has(&in_stream.stdout(), "<"), "{:?}", in_stream.stdout());
}

/// Real journald, in separate namespaces.
#[test]
fn the_journal_finds_lines_by_priority() {
    let daemon = Path::new("/lib/systemd/systemd-journald");
    if unshare_arguments("--mount").len() > 1 || !daemon.exists() {
        return;
    }
    let scene = Scene::new();
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("forwarder.conf");
    // The limit is reached by the second client.
    fs::write(&file, scene.config("level = 'debug'") + "max_sessions = 1\n").unwrap();
    let arguments = [JOURNALD, daemon.to_str().unwrap(), BINARY, file.to_str().unwrap()];
    let unshare = Forwarder::binary(Tool::find("unshare").path());
    let all = unshare.args(["--mount", "sh", "-c"]).args(arguments).start();
    all.wait_for_line("ready", LIMIT, |line| line.contains(" ready version="));
    let first = served_client(scene.port.addr());
    let _refused = testkit::connect(&scene.port);
    all.wait_for_line("the warning", LIMIT, |line| line.contains("max_sessions is reached"));
    drop(first);
    // Ends the shell's `read`.
    fs::write(dir.path().join("end"), "").unwrap();
    all.wait_exit(LIMIT + Duration::from_secs(10));
    let found = all.stdout();
    let warnings = found.iter().filter(|line| line.contains("tf[")).collect::<Vec<_>>();
    assert_eq!(warnings.len(), 1, "{found:?}");
    assert!(warnings[0].contains(": WARN connections refused: "), "{found:?}");
    assert!(!warnings[0].contains("<4>"), "{found:?}");
}

/// `$0` is journald, `$1` the program, `$2` its configuration file. Copies the program's lines to
/// standard error, and ends when a file `end` is beside that.
const JOURNALD: &str = r#"
    mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal /run/log/journal || exit 1
    echo 0123456789abcdef0123456789abcdef >/run/id
    [ -s /etc/machine-id ] || mount --bind /run/id /etc/machine-id || exit 1
    "$0" >/dev/null 2>&1 & journald=$!
    tenths=100
    until [ -S /run/systemd/journal/stdout ]; do sleep 0.1; : $((tenths -= 1)); [ $tenths -gt 0 ] || exit 1; done
    systemd-cat -t tf sh -c 'export JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2)
        exec "$0" -c "$1"' "$1" "$2" & program=$!
    journalctl -q -f -n all -t tf >&2 & follower=$!
    tenths=300
    until [ -e "${2%/*}/end" ] || [ $tenths = 0 ]; do sleep 0.1; : $((tenths -= 1)); done
    kill $program; wait $program
    journalctl -q --sync; journalctl -q --no-pager -p warning -t tf
    kill $follower $journald
"#;

#[test]
fn a_session_fits_into_a_row_of_a_terminal() {
    let (scene, dir) = (Scene::new(), TempDir::new().unwrap());
    let file = dir.path().join("forwarder.conf");
    fs::write(&file, scene.config("")).unwrap();
    let terminal = Terminal::open(80, 20);
    terminal.run(&format!("clear; {BINARY} -c {}", file.display()));
    terminal.shows("Z ready version=");
    scene.session();
    let row =
        |screen: &str| screen.lines().find(|row| row.contains(" closed #1 ")).map(str::to_owned);
    let row = row(&terminal.shows(" closed #1 ")).unwrap();
    assert!(row.ends_with(" 1B/1B fin"), "{row}");
    assert_eq!(row.find(" closed #1 web 127.0.0.1:"), Some("00:00:00Z".len()), "{row}");
    terminal.press(["C-c"]);
    terminal.shows("Z stopped ended=");
}
