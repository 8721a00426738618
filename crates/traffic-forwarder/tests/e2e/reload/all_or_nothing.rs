//! A configuration that fails to apply, or is applied for a while: it is refused, dry-run, or not
//! confirmed.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};
use testkit::{Answer, LIMIT, Listener, Place, Port, wait_until};

use super::{Pair, RELOADED, is_refused};
use crate::support::{forwarder, messages, ping, served_client};

const FAILED: &str = "reload failed; nothing was changed";

#[test]
fn a_taken_port_changes_nothing() {
    let pair = Pair::start("");
    let client = served_client(&pair.ports[1]);
    let taken = Listener::bind(Place::V4);
    let free = Port::v4();
    // One forward is removed, one with a free port is added, and one with a taken port.
    let config = pair.first().forward(free.addr(), pair.echo(), "name = 'free'").forward(
        taken.addr(),
        pair.echo(),
        "name = 'taken'",
    );
    pair.operated.write(config);
    let (status, code, message) = error(&pair.operated.http.post("/v1/reload"));
    assert_eq!((status, code.as_str()), (409, "unfit"));
    assert!(message.contains(&taken.addr().to_string()), "{message}");
    assert!(is_refused(&free));
    ping(&client);
    ping(&served_client(&pair.ports[1]));
    let status = pair.operated.http.json("/v1/status");
    assert_eq!(status["generation"], 1);
    assert_eq!(status["last_reload"]["by"], "admin");
    assert_eq!(status["last_reload"]["error"], message);
}

#[test]
fn an_invalid_file_changes_nothing_and_is_explained() {
    let pair = Pair::start("");
    pair.operated.write(pair.with_second(pair.echo(), "idle_timeout = 'soon'\nidle_timeuot = 1"));
    let (status, code, message) = error(&pair.operated.http.post("/v1/reload"));
    assert_eq!((status, code.as_str()), (422, "invalid_config"));
    assert!(message.contains("soon") && message.contains("idle_timeout"), "{message}");
    assert!(message.contains(":15:") || message.contains("forwarder.conf:"), "{message}");
    assert_eq!(pair.operated.generation(), 1);
    served_client(&pair.ports[1]);
    pair.operated.wait_for_message(FAILED);
    let logged = messages(&pair.operated, FAILED).remove(0);
    let logged = logged["error"].as_str().unwrap();
    assert_eq!(logged.matches("forwarder.conf:").count(), 2, "{logged}");
    assert!(!logged.contains('\n') && !logged.contains("error:"), "{logged}");
    assert_eq!(pair.operated.http.json("/v1/status")["last_reload"]["error"], logged);
}

#[test]
fn a_file_for_two_purposes_is_refused_as_by_check() {
    let pair = Pair::start("");
    let (config, dir) = (pair.operated.config_path(), pair.operated.dir().to_owned());
    symlink(&config, dir.join("linked")).unwrap();
    let log = format!("format = 'json'\nfile = '{}'\n", dir.join("linked").display());
    pair.operated.write(pair.first().log(&log));
    let text = fs::read_to_string(&config).unwrap();
    let (status, code, message) = error(&pair.operated.http.post("/v1/reload"));
    assert_eq!((status, code.as_str()), (422, "invalid_config"));
    assert!(message.contains("the log file `"), "{message}");
    assert!(message.contains("is the same file as the configuration file `"), "{message}");
    assert!(message.contains("help: give the log file another path"), "{message}");
    let planned = error(&pair.operated.http.post("/v1/reload?dry_run=true"));
    assert_eq!(planned, (status, code, message.clone()));
    let checked = forwarder().arg("check").arg("-c").arg(&config).run();
    assert_eq!(checked.status.code(), Some(2), "{checked}");
    assert!(checked.stderr.contains(&message), "{checked}\n{message}");
    assert_eq!(fs::read_to_string(&config).unwrap(), text, "the configuration was written to");
    assert_eq!(pair.operated.generation(), 1);
    served_client(&pair.ports[1]);
    // The same file does not conflict with its own running listeners.
    let socket = format!("unix:{}", dir.join("s").display());
    let config = || pair.first().forward(&socket, pair.echo(), "name = 'unix'");
    for generation in [2, 3] {
        pair.operated.reload(config());
        assert_eq!(pair.operated.generation(), generation);
    }
}

#[test]
fn a_dry_run_changes_nothing() {
    let pair = Pair::start("");
    let _client = served_client(&pair.ports[1]);
    pair.operated.write(pair.first());
    let report = pair.operated.http.post("/v1/reload?dry_run=true").success().json();
    assert_eq!((&report["dry_run"], &report["generation"]), (&json!(true), &json!(1)));
    assert_eq!(
        (&report["removed"][0]["name"], &report["removed"][0]["sessions"]),
        (&json!("second"), &json!(1))
    );
    ping(&served_client(&pair.ports[1]));
    assert_eq!(messages(&pair.operated, RELOADED).len(), 0);
    assert_eq!(pair.operated.http.json("/v1/status")["last_reload"], Value::Null);
}

#[test]
fn a_dry_run_may_compare_with_another_file() {
    let pair = Pair::start("");
    let file = pair.operated.dir().join("other.conf");
    fs::write(&file, pair.first().text()).unwrap();
    let path = format!("/v1/reload?dry_run=true&file={}", file.display());
    let report = pair.operated.http.post(&path).success().json();
    assert_eq!(report["removed"][0]["name"], "second");
}

#[test]
fn an_unconfirmed_configuration_is_reverted() {
    let pair = Pair::start("");
    pair.operated.write(pair.first());
    let mut events = pair.operated.http.events("/v1/events", LIMIT);
    let report = pair.operated.http.post("/v1/reload?confirm=1s").success().json();
    assert!(report["confirm_within"].as_f64().unwrap() <= 1.0, "{report}");
    assert!(is_refused(&pair.ports[1]));
    assert_eq!(events.wait_for("reload")["by"], "admin");
    // Constant requests must not delay the deadline.
    wait_until("it has gone back", LIMIT, || pair.operated.generation() == 3);
    assert_eq!(events.wait_for("reload")["by"], "unconfirmed");
    served_client(&pair.ports[1]);
}

#[test]
fn a_confirmed_configuration_stays() {
    let pair = Pair::start("");
    pair.operated.write(pair.first());
    pair.operated.http.post("/v1/reload?confirm=1m").success();
    assert!(pair.operated.http.json("/v1/status")["confirm_within"].as_f64().unwrap() > 1.0);
    let done = pair.operated.http.post("/v1/confirm").success().json();
    assert_eq!(done, json!({ "state": "confirmed", "changed": true }));
    assert_eq!(pair.operated.http.json("/v1/status")["confirm_within"], Value::Null);
    assert_eq!(error(&pair.operated.http.post("/v1/confirm")).1, "nothing_to_confirm");
    assert!(is_refused(&pair.ports[1]));
}

fn error(answer: &Answer) -> (u16, String, String) {
    let error = &answer.json()["error"];
    let text = |key: &str| error[key].as_str().unwrap().to_owned();
    (answer.status, text("code"), text("message"))
}
