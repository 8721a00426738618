//! The log: text without colours when not on a terminal, JSON that always parses, levels that
//! filter, and lines that no outside input can break.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;
use testkit::{Addr, Behaviour, Forwarder, LIMIT, Port, Script, Signal, Target, connect};

use crate::support::{Config, forwarder, ping};

/// Runs one session of an echo under this `[log]`, and ends the process.
fn logged(log: &str, settings: &str) -> Forwarder {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let config = Config::new().log(log).forward(port.addr(), target.addr(), settings);
    let forwarder = forwarder().config(config.text()).start();
    let client = testkit::wait_for("a listener", LIMIT, || connect(&port).ok());
    ping(&client);
    drop(client);
    testkit::wait_until("the end of the session", LIMIT, || target.open() == 0);
    forwarder.signal(Signal::TERM);
    assert_eq!(forwarder.wait_exit(LIMIT).code(), Some(0));
    assert!(forwarder.stdout().is_empty(), "the log is for stderr");
    forwarder
}

fn count(forwarder: &Forwarder, words: &str) -> usize {
    forwarder.count_lines(|line| line.contains(words))
}

#[test]
fn text_has_time_level_message_and_fields_and_no_colours() {
    let forwarder = logged("", "name = 'db'");
    for line in forwarder.stderr() {
        assert!(!line.contains('\x1b'), "{line:?}");
        let (time, rest) = line.split_once(' ').unwrap();
        assert!(time.len() == 24 && time.ends_with('Z'), "{line}");
        let level = rest.trim_start().split(' ').next().unwrap();
        assert!(["ERROR", "WARN", "INFO"].contains(&level), "{line}");
    }
    let record = forwarder.wait_for_line("a record", LIMIT, |line| line.contains(" closed #1 db "));
    assert!(record.ends_with("s up=1 down=1 client/relay/fin"), "{record}");
    assert!(record.len() <= 120, "{} characters: {record}", record.len());
}

#[test]
fn every_line_of_json_parses() {
    let forwarder = logged("format = 'json'\nlevel = 'trace'", "");
    for line in forwarder.stderr() {
        let json: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let level = json["level"].as_str().unwrap();
        assert!(["error", "warn", "info", "debug", "trace"].contains(&level), "{line}");
        assert!(json["time"].is_string() && json["message"].is_string(), "{line}");
    }
    assert_eq!(forwarder.records().len(), 1);
}

#[test]
fn levels_filter() {
    for (level, info, debug) in
        [("error", 0, 0), ("warn", 0, 0), ("info", 1, 0), ("debug", 1, 1), ("trace", 1, 1)]
    {
        let forwarder = logged(&format!("format = 'json'\nlevel = '{level}'"), "");
        for message in
            ["\"listening\"", "\"ready\"", "\"draining\"", "\"stopped\"", "\"session ended\""]
        {
            assert_eq!(count(&forwarder, message), info, "{message} at {level}");
        }
        for message in ["\"client connected\"", "\"connecting\"", "\"forwarding\""] {
            assert_eq!(count(&forwarder, message), debug, "{message} at {level}");
        }
    }
}

#[test]
fn without_session_records_other_lines_remain() {
    let forwarder = logged("format = 'json'\nsessions = false\nlevel = 'debug'", "");
    assert_eq!(count(&forwarder, "session ended"), 0);
    for message in ["\"ready\"", "\"client connected\"", "\"forwarding\"", "\"stopped\""] {
        assert_eq!(count(&forwarder, message), 1, "{message}");
    }
}

/// As hostile as the configuration permits: it refuses control characters.
#[test]
fn a_hostile_name_or_path_breaks_no_line() {
    const HOSTILE: &str = "\"},{\"b\":='\\n\u{202e}\u{200f}";
    const TURNING: [char; 2] = ['\u{202e}', '\u{200f}'];
    // A JSON string is a TOML string, too.
    let quoted = |text: &str| Value::from(text).to_string();
    for format in ["text", "json"] {
        let (dir, target) = (TempDir::new().unwrap(), Target::start(Behaviour::Echo));
        let listen = Addr::Unix(dir.path().join(format!("{HOSTILE} x=1")));
        let text = format!(
            "[log]\nformat = '{format}'\nlevel = 'debug'\n\
             [[forward]]\nname = {}\nlisten = {}\nto = '{}'\n",
            quoted(HOSTILE),
            quoted(&listen.to_string()),
            target.addr()
        );
        let forwarder = forwarder().config(text).start();
        forwarder.ready();
        ping(&connect(&listen).unwrap());
        forwarder.wait_for_line("a record", LIMIT, |line| {
            line.contains(" closed #1 ") || line.contains("session ended")
        });
        for line in forwarder.stderr() {
            match format {
                "json" => assert!(serde_json::from_str::<Value>(&line).is_ok(), "{line:?}"),
                _ => assert!(line.starts_with("20") && !line.contains(TURNING), "{line:?}"),
            }
            assert!(!line.contains(" x=1 "), "a value became a field: {line:?}");
        }
        if format == "json" {
            let record = forwarder.records().remove(0);
            assert_eq!((record.forward.as_str(), record.listener), (HOSTILE, listen.to_string()));
        }
    }
}

#[test]
fn a_hostile_configuration_breaks_no_message() {
    let text = "18080 | h\x1b[31m\u{202e} | 80\n7\x1b[2J | h | 80\n";
    for command in ["check", "run"] {
        let finished = forwarder().arg(command).config(text).run();
        assert!(!finished.stderr.contains(['\x1b', '\u{202e}']), "{finished}");
    }
    let finished = forwarder().args(["-c", "no\nsuch\x1b[31mfile"]).run();
    assert!(!finished.stderr.contains('\x1b'), "{finished}");
    assert!(!finished.stderr.contains("no\nsuch"), "{finished}");
}

/// The reader of the log may exit: sessions continue.
#[test]
fn a_log_without_a_reader_stops_nothing() {
    let (target, port, dir) = (Target::start(Behaviour::Echo), Port::v4(), TempDir::new().unwrap());
    let config = Config::new().log("level = 'debug'").forward(port.addr(), target.addr(), "");
    let file = dir.path().join("config");
    fs::write(&file, config.text()).unwrap();
    let program = crate::support::BINARY;
    // Its log goes into a pipe whose reader exits after one line.
    let script = format!("exec {program} -c {} 2> >(head -n 1)", file.display());
    let forwarder = Forwarder::binary("bash").args(["-c", &script]).start();
    for _ in 0..5 {
        let client = testkit::wait_for("a listener", LIMIT, || connect(&port).ok());
        ping(&client);
        crate::support::play(&client, Script::new().shutdown_write().expect_eof());
    }
    forwarder.signal(Signal::TERM);
    testkit::wait_until("its end", LIMIT, || forwarder.exit_status().is_some());
    assert_eq!(forwarder.exit_status().unwrap().code(), Some(0));
}
