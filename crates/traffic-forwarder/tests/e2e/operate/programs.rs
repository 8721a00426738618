//! Output of the commands for programs: repeated, and for failed requests.

use serde_json::Value;
use testkit::{Forwarder, LIMIT, Signal, wait_until};

use super::{Fixture, session, started};
use crate::support::{Console, forwarder};

#[test]
fn a_json_watch_prints_one_line_per_update() {
    let fixture = Fixture::new();
    let (console, text) = (&fixture.console, fixture.config(&[]));
    let running = started(text.clone());
    let arguments = ["--json", "--watch", "0.1", "--admin", &console.admin()];
    let watches =
        ["status", "sessions"].map(|command| forwarder().arg(command).args(arguments).start());
    let value = |line: &String| serde_json::from_str::<Value>(line).unwrap();
    let wait = |watch: &Forwarder, what: &str, is_it: &dyn Fn(&Value) -> bool| {
        wait_until(what, LIMIT, || watch.stdout().iter().map(value).any(|line| is_it(&line)));
    };
    wait(&watches[0], "the process", &|line| line["status"]["generation"] == 1);
    wait(&watches[1], "no sessions", &|line| line["total"] == 0);
    drop(running);
    for watch in &watches {
        wait(watch, "that it is away", &|line| line["error"]["code"] == "no_process");
    }
    let again = started(text);
    wait(&watches[0], "the next process", &|line| line["status"]["pid"] == again.pid());
    for watch in watches {
        watch.signal(Signal::INT);
        assert_eq!(watch.wait_exit(LIMIT).code(), Some(0));
    }
}

#[test]
fn errors_are_json_in_json_mode() {
    let console = Console::new();
    let error = |arguments: &[&str], code: i32| {
        let refusal = console.refused(&[arguments, &["--json"]].concat(), code);
        serde_json::from_str::<Value>(&refusal).unwrap()["error"].clone()
    };
    let absent = error(&["status"], 1);
    assert_eq!(absent["code"], "no_process", "{absent}");
    assert!(absent["message"].as_str().unwrap().starts_with("no running"), "{absent}");
    let session = session(&console);
    assert_eq!(error(&["kill", "99"], 1)["code"], "not_found");
    session.forward.write_config("nonsense");
    let file = session.forward.config_path();
    let compared = forwarder().args(["plan", "--json", "-c"]).arg(file).run();
    let value: Value = serde_json::from_str(&compared.stderr).unwrap();
    assert_eq!(value["error"]["code"], "invalid_config", "{compared}");
    assert_eq!(error(&["reload"], 2)["code"], "invalid_config");
}
