//! A configuration on trial: only its confirmation makes it permanent.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::crossings::STATES;
use testkit::{
    Addr, Answer, Behaviour, Forwarder, Http, LIMIT, Listener, Place, Port, Signal, Target,
    connect, wait_until,
};

use super::TRIAL;
use crate::support::{Config, Operated, forwarder, messages, served_client};

const RELOADED: &str = "configuration reloaded";
const REVERTED: &str = "the new configuration was not confirmed: reverted to the previous one";

/// A process that starts with the first of these forwards.
struct Fixture {
    operated: Operated,
    target: Target,
    ports: [Port; 3],
}

impl Fixture {
    fn start() -> Self {
        Self::start_with("")
    }

    fn start_with(process: &str) -> Self {
        let (target, ports) = (Target::start(Behaviour::Echo), [(); 3].map(|()| Port::v4()));
        let config = Config::new().process(process);
        let config = config.forward(ports[0].addr(), target.addr(), "");
        Self { operated: Operated::start(config), target, ports }
    }

    /// The configuration with this forward only.
    fn with(&self, at: usize) -> Config {
        Config::new().forward(self.ports[at].addr(), self.target.addr(), "")
    }

    fn post(&self, path: &str) -> Answer {
        self.operated.http.post(path)
    }

    /// Asserts that this forward, and no other, listens.
    #[track_caller]
    fn runs(&self, at: usize) {
        served_client(&self.ports[at]);
        assert_eq!(self.operated.status()["listeners"], 1);
    }
}

#[track_caller]
fn refused(answer: &Answer, code: &str, says: &str) {
    let error = &answer.json()["error"];
    assert_eq!((answer.status, &error["code"]), (409, &json!(code)), "{error}");
    assert!(error["message"].as_str().unwrap().contains(says), "{error}");
}

#[test]
fn a_trial_crosses_as_documented() {
    assert_eq!(STATES[5].0, "a configuration on trial");
    let fixture = Fixture::start();
    fixture.operated.write(fixture.with(1));
    fixture.post("/v1/reload?confirm=4s").success();
    // An operator's reload is refused.
    fixture.operated.write(fixture.with(2));
    refused(&fixture.post("/v1/reload"), "on_trial", "traffic-forwarder confirm 2");
    fixture.runs(1);
    fixture.post("/v1/reload?dry_run=true").success();
    // An unattended reload is part of the trial, as is an upgrade.
    fixture.operated.signal(Signal::HUP);
    wait_until("SIGHUP", LIMIT, || messages(&fixture.operated, RELOADED).len() == 2);
    fixture.runs(2);
    let last = messages(&fixture.operated, RELOADED).pop().unwrap();
    assert!((0.1..4.0).contains(&last["on_trial_for"].as_f64().unwrap()), "{last}");
    fixture.operated.upgrade();
    assert!(fixture.operated.status()["confirm_within"].as_f64().unwrap() < 4.0);
    fixture.operated.wait_for_fall_back(3);
    fixture.runs(0);
}

/// A refusal is no verdict on a configuration: the last reload, the metric and the events stay
/// those of the previous reload.
#[test]
fn a_refused_reload_does_not_count_as_failed() {
    let fixture = Fixture::start();
    fixture.operated.write(fixture.with(1));
    fixture.post("/v1/reload?confirm=1m").success();
    let last = || fixture.operated.status()["last_reload"].clone();
    let before = last();
    let mut events = fixture.operated.http.events("/v1/events", LIMIT);
    let message = "`traffic-forwarder reload --confirm 60s`";
    refused(&fixture.post("/v1/reload"), "on_trial", message);
    assert_eq!(last(), before);
    let metrics = fixture.operated.http.get("/metrics").success().body;
    let good = "\ntraffic_forwarder_config_last_reload_success 1\n";
    assert!(metrics.contains(good), "{metrics}");
    fixture.operated.wait_for_message("reload refused");
    let line = messages(&fixture.operated, "reload refused").remove(0);
    assert_eq!((&line["level"], &line["by"]), (&json!("warn"), &json!("admin")), "{line}");
    assert!(messages(&fixture.operated, "reload failed; nothing was changed").is_empty());
    fixture.post("/v1/confirm?generation=2").success();
    assert_eq!(last(), before);
    // The first event is that of the next reload.
    fixture.post("/v1/reload").success();
    let event = events.wait_for("reload");
    assert_eq!((&event["generation"], &event["error"]), (&json!(3), &Value::Null), "{event}");
}

/// A shutdown cancels the trial.
#[test]
fn a_reload_during_a_shutdown_is_refused() {
    let fixture = Fixture::start();
    let _client = served_client(&fixture.ports[0]);
    fixture.operated.signal(Signal::TERM);
    fixture.operated.wait_for_message("draining");
    refused(&fixture.post("/v1/reload"), "draining", "shutting down");
    assert_eq!(fixture.operated.status()["last_reload"], Value::Null);
    fixture.operated.wait_for_message("reload refused");
}

/// A file saved unchanged, as by an operator's editor.
#[test]
fn touching_a_watched_file_does_not_end_a_trial() {
    let fixture = Fixture::start_with("watch = true");
    fixture.operated.write(fixture.with(1).process("watch = true"));
    let report = fixture.post("/v1/reload?confirm=3s").success().json();
    fixture.operated.write(fixture.with(1).process("watch = true"));
    wait_until("watch", LIMIT, || messages(&fixture.operated, RELOADED).len() == 2);
    assert!(fixture.operated.status()["confirm_within"].as_f64().is_some());
    fixture.operated.wait_for_fall_back(report["generation"].as_u64().unwrap() + 1);
    fixture.runs(0);
}

/// A trial of whole seconds must not end half a second late.
#[test]
fn the_deadline_stays_exact_over_an_upgrade() {
    let fixture = Fixture::start();
    for with_upgrade in [false, true] {
        fixture.operated.write(fixture.with(1));
        fixture.post("/v1/reload?confirm=2s").success();
        if with_upgrade {
            fixture.operated.upgrade();
        }
        let at = |message: &str| {
            let last = messages(&fixture.operated, message).pop().unwrap();
            second_of_day(last["time"].as_str().unwrap())
        };
        let count = 1 + usize::from(with_upgrade);
        wait_until("reloaded", LIMIT, || messages(&fixture.operated, RELOADED).len() == count);
        let begun = at(RELOADED);
        wait_until("the revert", LIMIT, || messages(&fixture.operated, REVERTED).len() == count);
        let took = at(REVERTED) - begun;
        // Allows for a busy machine, but not for ticks of half a second.
        assert!((1.995..2.2).contains(&took), "{took}");
    }
}

/// Seconds of the day.
fn second_of_day(text: &str) -> f64 {
    let time = text.split(['T', 'Z']).nth(1).unwrap();
    let parts: Vec<f64> = time.split(':').map(|part| part.parse().unwrap()).collect();
    (parts[0] * 60.0 + parts[1]) * 60.0 + parts[2]
}

#[test]
fn a_confirmation_applies_to_the_named_generation() {
    let fixture = Fixture::start();
    fixture.operated.write(fixture.with(1));
    fixture.post("/v1/reload?confirm=1m").success();
    refused(
        &fixture.post("/v1/confirm?generation=1"),
        "other_generation",
        "generation 2 is on trial",
    );
    // Another operator starts a trial.
    fixture.operated.write(fixture.with(2));
    fixture.post("/v1/reload?confirm=1m").success();
    refused(&fixture.post("/v1/confirm?generation=2"), "other_generation", "confirm 3");
    refused(&fixture.post("/v1/confirm"), "other_generation", "has replaced another one");
    fixture.operated.upgrade();
    refused(&fixture.post("/v1/confirm"), "other_generation", "has replaced another one");
    refused(&fixture.post("/v1/confirm?generation=2"), "other_generation", "confirm 3");
    fixture.post("/v1/confirm?generation=3").success();
    refused(&fixture.post("/v1/confirm?generation=3"), "nothing_to_confirm", "");
    fixture.runs(2);
}

/// A signal reads the same file again: the generation printed before can still be confirmed.
#[test]
fn a_reread_configuration_can_still_be_confirmed() {
    let fixture = Fixture::start();
    fixture.operated.write(fixture.with(1));
    fixture.post("/v1/reload?confirm=1m").success();
    fixture.operated.signal(Signal::HUP);
    wait_until("SIGHUP", LIMIT, || fixture.operated.generation() == 3);
    fixture.operated.upgrade();
    fixture.post("/v1/confirm?generation=2").success();
    fixture.runs(1);
}

#[test]
fn a_second_trial_falls_back_to_the_configuration_before_the_first() {
    let fixture = Fixture::start();
    fixture.operated.write(fixture.with(1));
    fixture.post("/v1/reload?confirm=1m").success();
    fixture.operated.write(fixture.with(2));
    fixture.post("/v1/reload?confirm=500ms").success();
    fixture.operated.wait_for_fall_back(3);
    fixture.runs(0);
}

/// Narrows an address as the documentation advises, each step on trial.
/// Targets stay drained as forwards do, also over an upgrade within the trial.
#[test]
fn a_fall_back_keeps_the_drained_targets_of_a_removed_forward() {
    let (port, other) = (Port::v4(), Port::v4());
    let targets = [(); 2].map(|()| Target::start(Behaviour::Echo));
    let to: Vec<Addr> = targets.iter().map(Into::into).collect();
    let settings = "name = 'db'\nbalance = 'first'";
    let config = Config::new().forward_to_several(port.addr(), &to, settings);
    let operated = Operated::start(config);
    let drained = targets[0].addr().to_string();
    let drain = format!("/v1/forwards/db/drain?target={drained}");
    operated.http.post(&drain).success();
    let state = || operated.http.json("/v1/forwards/db")["targets"][0]["state"].clone();
    for upgrades in 0..2 {
        let generation = operated.status()["generation"].as_u64().unwrap();
        operated.write(Config::new().forward(other.addr(), targets[1].addr(), ""));
        operated.http.post("/v1/reload?confirm=2s").success();
        (0..upgrades).for_each(|_| _ = operated.upgrade());
        assert!(connect(&port).is_err(), "it is removed");
        operated.wait_for_fall_back(generation + 1);
        assert_eq!(state(), "drained", "after {upgrades} upgrades");
        served_client(&port);
        assert_eq!(targets[0].accepted(), 0);
    }
    // A confirmed removal is forgotten: a forward of this name is a new one.
    operated.http.post("/v1/reload?confirm=1m").success();
    let generation = operated.status()["generation"].clone();
    operated.http.post(&format!("/v1/confirm?generation={generation}")).success();
    wait_until("it is forgotten", LIMIT, || operated.http.json("/v1/forwards")["total"] == 1);
}

#[test]
fn a_fall_back_is_not_blocked_by_an_address_of_our_own() {
    let (target, port, other) = (Target::start(Behaviour::Echo), Port::every_address(), Port::v4());
    let config = |listen: Option<String>| {
        let config = Config::new().forward(other.addr(), target.addr(), "name = 'b'");
        match listen {
            Some(listen) => config.forward(listen, target.addr(), "name = 'a'"),
            None => config,
        }
    };
    let operated = Operated::start(config(Some(format!(":{port}"))));
    operated.write(config(None));
    operated.http.post("/v1/reload?confirm=1m").success();
    operated.write(config(Some(format!("127.0.0.1:{port}"))));
    operated.http.post("/v1/reload?confirm=500ms").success();
    operated.wait_for_fall_back(3);
    wait_until("it listens", LIMIT, || operated.status()["restoring"] == 0);
    assert_eq!(operated.http.json("/v1/forwards/a")["listen"][0], format!(":{port}"));
    served_client(port.addr());
}

/// All ports of the previous configuration are taken: the unconfirmed one is removed all the same.
#[test]
fn a_fall_back_happens_even_if_nothing_can_be_bound() {
    let fixture = Fixture::start();
    fixture.operated.write(fixture.with(1));
    fixture.post("/v1/reload?confirm=500ms").success();
    let holder = Listener::bind(Place::At(fixture.ports[0].addr()));
    fixture.operated.wait_for_fall_back(2);
    let status = fixture.operated.status();
    assert_eq!((&status["listeners"], &status["restoring"]), (&json!(0), &json!(1)));
    let error = status["last_reload"]["error"].as_str().unwrap();
    assert!(error.starts_with("1 forward cannot be bound yet: listen "), "{error}");
    // An operator may also end the trial by another reload.
    fixture.operated.reload(fixture.with(2));
    assert_eq!(fixture.operated.status()["restoring"], 0);
    drop(holder);
    fixture.runs(2);
}

/// Each unbound line of the older format is retried.
#[test]
fn lines_of_the_older_format_return_when_their_ports_are_free() {
    let (target, run) = (Target::start(Behaviour::Echo), tempfile::TempDir::new().unwrap());
    let ports = [(); 3].map(|()| Port::every_address());
    let to = target.addr().tcp().port();
    let lines = |ports: &[Port]| {
        let lines = ports.iter().map(|port| format!("{port} | 127.0.0.1 | {to}\n"));
        lines.collect::<Vec<_>>().concat()
    };
    let forwarder = older(run.path(), &lines(&ports[..2]));
    let http = Http::new(run.path().join("traffic-forwarder/admin.sock"));
    forwarder.write_config(&lines(&ports[2..]));
    http.post("/v1/reload?confirm=500ms").success();
    let holder = Listener::bind(Place::At(ports[0].addr()));
    wait_until("the fall-back", LIMIT, || http.json("/v1/status")["generation"] == 3);
    served_client(ports[1].addr());
    assert_eq!(http.json("/v1/status")["restoring"], 1);
    drop(holder);
    wait_until("it listens", LIMIT, || http.json("/v1/status")["restoring"] == 0);
    served_client(ports[0].addr());
}

fn older(run: &std::path::Path, text: &str) -> Forwarder {
    let forwarder = crate::support::with_run(run).config(text).start();
    forwarder.ready();
    forwarder
}

#[test]
fn status_and_metrics_show_trials_and_waiting_settings() {
    let fixture = Fixture::start();
    let metrics = || fixture.operated.http.get("/metrics").success().body;
    assert!(!metrics().contains("\ntraffic_forwarder_config_trial_seconds "), "{}", metrics());
    fixture.operated.write(fixture.with(1).process("workers = 7"));
    fixture.post(TRIAL).success();
    let text = metrics();
    assert!(text.contains("\ntraffic_forwarder_config_trial_seconds "), "{text}");
    let waits = "\ntraffic_forwarder_config_setting_waiting{key=\"workers\"} 1\n";
    assert!(text.contains(waits), "{text}");
    let workers: &Value = &fixture.operated.status()["waiting"][0];
    assert_eq!((&workers["key"], &workers["new"]), (&json!("workers"), &json!("7")));
    // A dry run lists the waiting setting.
    let report = fixture.post("/v1/reload?dry_run=true").success().json();
    assert_eq!(report["settings"][0]["key"], "workers");
    let admin = fixture.operated.socket().to_string();
    let shown = forwarder().args(["status", "--admin", &admin]).run().success().text();
    let waits_for = "[process] workers = 7 (in force: ";
    assert!(shown.contains(&format!("for a restart: {waits_for}")), "{shown}");
    let planned = forwarder().args(["plan", "--admin", &admin]).run().success().text();
    assert!(planned.contains("a reload would change nothing\n"), "{planned}");
    assert!(planned.contains(&format!("\nwaits for a restart: {waits_for}")), "{planned}");
    let line = messages(&fixture.operated, "this setting changes with a restart only").remove(0);
    assert_eq!(
        (&line["key"], &line["configured"]),
        (&json!("[process] workers"), &json!("7")),
        "{line}"
    );
    assert!(line["in_force"].is_string(), "{line}");
    let confirm = format!("traffic-forwarder confirm 2 --admin {admin}");
    assert!(shown.contains(&format!("unless you run `{confirm}`")), "{shown}");
    forwarder().args(confirm.split(' ').skip(1)).run().success();
    let begun = Instant::now();
    fixture.runs(1);
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(metrics().contains(waits));
}
