//! Reloading a running process: whoever asks for it, all of it happens or nothing, and no session
//! of an unchanged forward notices.

use std::fs;
use std::net::SocketAddr;

use serde_json::{Value, json};
use testkit::{
    Answer, Behaviour, LIMIT, Listener, Place, Port, Script, Signal, Socket, Target, connect,
    wait_until,
};

use crate::support::{Config, Operated, QUIET, messages, ping, play, served_client};

const RELOADED: &str = "configuration reloaded";
const FAILED: &str = "reload failed; nothing was changed";

/// Two forwards to echoes.
struct Pair {
    operated: Operated,
    target: Target,
    ports: [Port; 2],
}

impl Pair {
    #[track_caller]
    fn start(process: &str) -> Self {
        let (target, ports) = (Target::start(Behaviour::Echo), [Port::v4(), Port::v4()]);
        let config = Config::new().process("workers = 2").process(process);
        let operated = Operated::start(both(config, &ports, &target));
        Self { operated, target, ports }
    }

    /// A configuration with the first forward as it is.
    fn first(&self) -> Config {
        Config::new().process("workers = 2").forward(
            self.ports[0].addr(),
            self.target.addr(),
            "name = 'first'",
        )
    }

    fn with_second(&self, to: SocketAddr, settings: &str) -> Config {
        let settings = format!("name = 'second'\n{settings}");
        self.first().forward(self.ports[1].addr(), to, settings)
    }

    fn echo(&self) -> SocketAddr {
        self.target.addr().tcp()
    }

    fn names(&self) -> Vec<(String, String)> {
        let forwards = self.operated.http.json("/v1/forwards");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let forwards = forwards["forwards"].as_array().unwrap().iter();
        forwards.map(|forward| (text(&forward["name"]), text(&forward["state"]))).collect()
    }
}

fn both(config: Config, ports: &[Port; 2], target: &Target) -> Config {
    let [first, second] = ports;
    config.forward(first.addr(), target.addr(), "name = 'first'").forward(
        second.addr(),
        target.addr(),
        "name = 'second'",
    )
}

fn is_refused(port: &Port) -> bool {
    connect(port).is_err()
}

fn error(answer: &Answer) -> (u16, String, String) {
    let error = &answer.json()["error"];
    let text = |key: &str| error[key].as_str().unwrap().to_owned();
    (answer.status, text("code"), text("message"))
}

/// A target that says one byte to whoever comes.
fn says(listener: &Listener, byte: &str) -> Socket {
    let target = listener.accept();
    play(&target, Script::new().write_bytes(byte));
    target
}

#[test]
fn an_unchanged_forward_keeps_its_listener_and_its_sessions() {
    let pair = Pair::start("");
    let client = served_client(&pair.ports[0]);
    let report = pair.operated.reload(pair.with_second(pair.echo(), "idle_timeout = '7m'"));
    assert_eq!((&report["generation"], &report["unchanged"]), (&json!(2), &json!(1)));
    assert_eq!(report["changed"][0]["name"], "second");
    let change = &report["changed"][0]["changes"][0];
    assert_eq!(
        change,
        &json!({ "key": "idle_timeout", "old": "\"1h\"", "new": "\"7m\"", "effect": "all_sessions" })
    );
    ping(&client);
    ping(&served_client(&pair.ports[0]));
    let opened = pair.operated.http.json("/v1/forwards/first")["opened"].clone();
    assert_eq!(opened, 2, "its counters go on");
}

#[test]
fn a_changed_target_is_for_new_sessions() {
    let (old, new) = (Listener::bind(Place::V4), Listener::bind(Place::V4));
    let port = Port::v4();
    let config = |to: &Listener| Config::new().forward(port.addr(), to.addr(), "name = 'moved'");
    let operated = Operated::start(config(&old));
    let first = connect(&port).unwrap();
    let kept = says(&old, "1");
    play(&first, Script::new().read_exactly(1));
    operated.reload(config(&new));
    let second = connect(&port).unwrap();
    let _moved = says(&new, "2");
    assert_eq!(play(&second, Script::new().read_exactly(1)).bytes, b"2");
    play(&kept, Script::new().write_bytes("3"));
    assert_eq!(play(&first, Script::new().read_exactly(1)).bytes, b"3");
}

#[test]
fn a_changed_idle_timeout_holds_for_living_sessions() {
    let pair = Pair::start("");
    let client = served_client(&pair.ports[1]);
    let other = served_client(&pair.ports[0]);
    pair.operated.reload(pair.with_second(pair.echo(), "idle_timeout = '300ms'"));
    play(&client, Script::new().expect_reset());
    let record = pair.operated.wait_for_records(1).remove(0);
    assert_eq!(record.close_reason(), "limit/relay/idle_timeout");
    ping(&other);
}

#[test]
fn a_removed_forward_lets_its_sessions_end_and_gives_its_port_back() {
    let pair = Pair::start("");
    let client = served_client(&pair.ports[1]);
    let report = pair.operated.reload(pair.first());
    assert_eq!(report["removed"][0]["name"], "second");
    assert_eq!(report["removed"][0]["sessions"], 1);
    assert!(is_refused(&pair.ports[1]));
    ping(&client);
    let state = |name: &str, state: &str| (name.to_owned(), state.to_owned());
    assert_eq!(pair.names(), [state("first", "active"), state("second", "removed")]);
    drop(client);
    wait_until("it is forgotten", LIMIT, || pair.names() == [state("first", "active")]);
    let status = pair.operated.http.json("/v1/status");
    assert_eq!(status["sessions_opened"], 1, "what is forgotten was counted all the same");
}

#[test]
fn removed_sessions_may_be_given_a_time() {
    let pair = Pair::start("");
    let client = served_client(&pair.ports[1]);
    pair.operated.reload(pair.first().process("removed_timeout = '100ms'"));
    play(&client, Script::new().expect_reset());
    let record = pair.operated.wait_for_records(1).remove(0);
    assert_eq!(record.close_reason(), "operator/drain/drained");
}

#[test]
fn an_added_forward_takes_clients_at_once() {
    let pair = Pair::start("");
    let port = Port::v4();
    let config =
        pair.with_second(pair.echo(), "").forward(port.addr(), pair.echo(), "name = 'new'");
    let report = pair.operated.reload(config);
    assert_eq!((&report["added"][0]["name"], &report["unchanged"]), (&json!("new"), &json!(2)));
    ping(&served_client(&port));
}

#[test]
fn a_taken_port_changes_nothing() {
    let pair = Pair::start("");
    let client = served_client(&pair.ports[1]);
    let taken = Listener::bind(Place::V4);
    let free = Port::v4();
    // The second is gone, one comes that could be bound, and one that cannot.
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
fn a_wrong_file_changes_nothing_and_is_explained() {
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
fn an_unconfirmed_configuration_goes_away_by_itself() {
    let pair = Pair::start("");
    pair.operated.write(pair.first());
    let mut events = pair.operated.http.events("/v1/events", LIMIT);
    let report = pair.operated.http.post("/v1/reload?confirm=1s").success().json();
    assert!(report["confirm_within"].as_f64().unwrap() <= 1.0, "{report}");
    assert!(is_refused(&pair.ports[1]));
    assert_eq!(events.wait_for("reload")["by"], "admin");
    // Asking all the time must not make time stand still.
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

#[test]
fn sighup_reloads() {
    let pair = Pair::start("");
    let client = served_client(&pair.ports[0]);
    pair.operated.write(pair.first());
    pair.operated.signal(Signal::HUP);
    pair.operated.wait_for_message(RELOADED);
    assert_eq!(messages(&pair.operated, RELOADED)[0]["by"], "SIGHUP");
    assert!(is_refused(&pair.ports[1]));
    ping(&client);
}

#[test]
fn a_watched_file_is_reloaded_when_it_is_replaced() {
    let pair = Pair::start("watch = true");
    pair.operated.write(pair.first().process("watch = true"));
    pair.operated.wait_for_message(RELOADED);
    assert_eq!(messages(&pair.operated, RELOADED)[0]["by"], "watch");
    pair.operated.write(pair.with_second(pair.echo(), "").process("watch = true"));
    wait_until("the second reload", LIMIT, || pair.operated.generation() == 3);
    served_client(&pair.ports[1]);
}

#[test]
fn a_watched_file_that_is_gone_is_warned_of_once_and_what_runs_goes_on() {
    const GONE: &str =
        "the watched file is gone: what runs goes on, and it is read again when it is back";
    let pair = Pair::start("watch = true");
    let client = served_client(&pair.ports[0]);
    fs::remove_file(pair.operated.config_path()).unwrap();
    pair.operated.wait_for_message(GONE);
    ping(&client);
    pair.operated.write(pair.with_second(pair.echo(), "").process("watch = true"));
    pair.operated.wait_for_message(RELOADED);
    assert_eq!(messages(&pair.operated, GONE).len(), 1);
}

#[test]
fn an_unwatched_file_is_left_alone() {
    let pair = Pair::start("");
    pair.operated.write(pair.first());
    let client = served_client(&pair.ports[1]);
    play(&client, Script::new().expect_silence(4 * QUIET));
    assert_eq!(pair.operated.generation(), 1);
}

#[test]
fn a_drained_forward_stays_drained_over_a_reload() {
    let pair = Pair::start("");
    pair.operated.http.post("/v1/forwards/second/drain").success();
    pair.operated.reload(pair.with_second(pair.echo(), "idle_timeout = '7m'"));
    assert!(is_refused(&pair.ports[1]));
    pair.operated.http.post("/v1/forwards/second/resume").success();
    served_client(&pair.ports[1]);
    let forward = pair.operated.http.json("/v1/forwards/second");
    assert_eq!(forward["settings"]["idle_timeout"], "\"7m\"");
}

#[test]
fn many_reloads_disturb_no_client_and_leak_nothing() {
    const ROUNDS: usize = 40;
    let pair = Pair::start("");
    let client = served_client(&pair.ports[0]);
    let open_files = || pair.operated.http.json("/v1/status")["open_files"].as_u64().unwrap();
    let before = open_files();
    for round in 0..ROUNDS {
        let config = match round % 3 {
            0 => pair.first(),
            1 => pair.with_second(pair.echo(), "idle_timeout = '7m'"),
            _ => pair.with_second(pair.echo(), ""),
        };
        pair.operated.reload(config);
        ping(&served_client(&pair.ports[0]));
        ping(&client);
    }
    pair.operated.reload(pair.with_second(pair.echo(), ""));
    pair.operated.wait_for_sessions(1);
    wait_until("no descriptor is left over", LIMIT, || open_files() <= before);
}
