//! States at run time. Each test makes all four transitions and asserts the cells of its table row.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::crossings::{Crossing, STATES};
use testkit::{Behaviour, Http, LIMIT, Listener, Place, Port, Signal, Target, wait_until};

use super::TRIAL;
use crate::support::{BINARY, Config, Operated, ping, served_client, with_run};

/// Two forwards, `kept` and `gone`; the other configuration has only `kept`.
struct Pair {
    operated: Operated,
    target: Target,
    ports: [Port; 2],
}

impl Pair {
    fn start() -> Self {
        let (target, ports) = (Target::start(Behaviour::Echo), [(); 2].map(|()| Port::v4()));
        let operated = Operated::start(both(&ports, &target));
        Self { operated, target, ports }
    }

    fn both(&self) -> Config {
        both(&self.ports, &self.target)
    }

    fn kept(&self) -> Config {
        kept(&self.ports, &self.target)
    }

    /// Restores the first state, for the next transition.
    fn reset(&self) {
        self.operated.reload(self.both());
        for name in ["kept", "gone"] {
            self.switch(name, "resume");
        }
    }

    fn switch(&self, name: &str, to: &str) {
        self.operated.http.post(&format!("/v1/forwards/{name}/{to}")).success();
    }

    #[track_caller]
    fn is(&self, name: &str, state: &str) {
        let forward = self.operated.http.json(&format!("/v1/forwards/{name}"));
        assert_eq!(forward["state"], state, "{forward}");
        let port = &self.ports[usize::from(name == "gone")];
        assert_eq!(testkit::connect(port).is_ok(), state == "active", "{name}");
    }
}

fn kept(ports: &[Port; 2], target: &Target) -> Config {
    Config::new().forward(ports[0].addr(), target.addr(), "name = 'kept'")
}

fn both(ports: &[Port; 2], target: &Target) -> Config {
    kept(ports, target).forward(ports[1].addr(), target.addr(), "name = 'gone'")
}

#[track_caller]
fn is_in_the_table(row: usize, state: &str) {
    assert_eq!(STATES[row].0, state);
}

#[test]
fn each_state_has_a_test() {
    assert_eq!(STATES.len(), 8, "a row that is new needs a test that plays it");
}

#[test]
fn a_drained_forward() {
    is_in_the_table(0, "a drained forward");
    let pair = Pair::start();
    for crossing in Crossing::ALL {
        pair.switch("kept", "drain");
        pair.switch("gone", "drain");
        pair.operated.cross(crossing, pair.kept());
        pair.is("kept", "draining");
        if matches!(crossing, Crossing::FallBack | Crossing::FallBackAfterUpgrade) {
            pair.is("gone", "draining");
        }
        pair.reset();
        pair.is("gone", "active");
    }
}

/// A forward kept by the trial stays as the operator last set it.
#[test]
fn a_forward_that_was_resumed_during_the_trial() {
    is_in_the_table(1, "a forward that was resumed during the trial");
    let pair = Pair::start();
    for crossing in Crossing::ALL {
        pair.switch("kept", "drain");
        pair.operated.write(pair.kept());
        pair.operated.cross_to_file(crossing, || pair.switch("kept", "resume"));
        pair.is("kept", "active");
        pair.reset();
    }
}

#[test]
fn a_removed_forward_with_sessions() {
    is_in_the_table(2, "a removed forward with sessions");
    let pair = Pair::start();
    for crossing in Crossing::ALL {
        let client = served_client(&pair.ports[1]);
        pair.operated.cross(crossing, pair.kept());
        ping(&client);
        let forward = pair.operated.http.json("/v1/forwards/gone");
        let back = matches!(crossing, Crossing::FallBack | Crossing::FallBackAfterUpgrade);
        assert_eq!(forward["state"], if back { "active" } else { "removed" });
        assert_eq!(forward["sessions"], 1);
        pair.reset();
        ping(&client);
    }
}

/// A forwarder of the older format: the first line can be bound, the second cannot.
struct Older {
    forwarder: testkit::Forwarder,
    http: Http,
    _run: TempDir,
    lines: [String; 2],
    ports: [Port; 2],
    holder: Option<Listener>,
    _target: Target,
}

impl Older {
    fn start() -> Self {
        let (run, target) = (TempDir::new().unwrap(), Target::start(Behaviour::Echo));
        let ports = [(); 2].map(|()| Port::every_address());
        let holder = Some(Listener::bind(Place::At(ports[1].addr())));
        let to = target.addr().tcp().port();
        let lines = [0, 1].map(|at| format!("{} | 127.0.0.1 | {to}\n", &ports[at]));
        let forwarder = with_run(run.path()).config(lines.concat()).start();
        forwarder.ready();
        let http = Http::new(run.path().join("traffic-forwarder/admin.sock"));
        Self { forwarder, http, _run: run, lines, ports, holder, _target: target }
    }

    fn state(&self) -> Value {
        self.http.json(&format!("/v1/forwards/:{}", self.ports[1]))["state"].clone()
    }

    fn cross(&self, crossing: Crossing) {
        // The same lines in another order, and a comment.
        let text = format!("# other\n{}{}", self.lines[1], self.lines[0]);
        self.forwarder.write_config(&text);
        let back = matches!(crossing, Crossing::FallBack | Crossing::FallBackAfterUpgrade);
        let report = self.http.post(if back { TRIAL } else { "/v1/reload" }).success().json();
        if matches!(crossing, Crossing::Upgrade | Crossing::FallBackAfterUpgrade) {
            let before = self.http.json("/v1/status")["upgrades"].as_u64().unwrap();
            self.http.post(&format!("/v1/upgrade?binary={BINARY}")).status(202);
            let arrived = |line: &str| line.contains(" INFO upgraded ");
            let count = || self.forwarder.count_lines(arrived) as u64;
            wait_until("the upgrade", LIMIT, || count() > before);
        }
        if back {
            wait_until("the fall-back", LIMIT, || {
                self.http.json("/v1/status")["generation"] != report["generation"]
            });
        }
    }
}

#[test]
fn a_skipped_line_of_the_older_format() {
    is_in_the_table(3, "a skipped line of the older format");
    let older = Older::start();
    for crossing in Crossing::ALL {
        assert_eq!(older.state(), "skipped");
        older.cross(crossing);
        assert_eq!(older.state(), "skipped", "its port is taken still");
    }
    for crossing in Crossing::ALL {
        let mut older = Older::start();
        older.holder = None;
        older.cross(crossing);
        assert_eq!(older.state(), "active", "{crossing:?}");
    }
}

/// Another process takes one of three ports during the trial: two listen at once, the third as soon
/// as its port is free.
#[test]
fn a_forward_that_a_fall_back_could_not_bind() {
    is_in_the_table(4, "a forward that a fall-back could not bind");
    for crossing in Crossing::ALL {
        let pair = Pair::start();
        pair.operated.write(pair.kept());
        let report = pair.operated.http.post("/v1/reload?confirm=500ms").success().json();
        let holder = Listener::bind(Place::At(pair.ports[1].addr()));
        pair.operated.wait_for_fall_back(report["generation"].as_u64().unwrap());
        pair.is("kept", "active");
        is_missing(&pair);
        match crossing {
            Crossing::Upgrade => _ = pair.operated.upgrade(),
            crossing => {
                pair.operated.cross(crossing, pair.both().process("removed_timeout = '9m'"));
            }
        }
        is_missing(&pair);
        drop(holder);
        wait_until("it listens", LIMIT, || pair.operated.status()["restoring"] == 0);
        pair.is("gone", "active");
        let status = pair.operated.status();
        assert_eq!(status["last_reload"]["error"], Value::Null);
        assert_eq!(metric(&pair, "traffic_forwarder_config_last_reload_success"), "1");
        pair.operated.wait_for_message("all forwards of the configuration listen again");
    }
}

/// Asserts that the status lists `gone` as a forward to be restored.
#[track_caller]
fn is_missing(pair: &Pair) {
    assert_eq!(pair.operated.status()["restoring"], 1);
    let forward = pair.operated.http.json("/v1/forwards/gone");
    assert_eq!(forward["state"], "skipped");
    assert!(forward["error"].as_str().unwrap().contains("address already in use"), "{forward}");
    assert_eq!(metric(pair, "traffic_forwarder_config_restoring_forwards"), "1");
    assert_eq!(metric(pair, "traffic_forwarder_forward_skipped{forward=\"gone\"}"), "1");
}

fn metric(pair: &Pair, series: &str) -> String {
    let text = pair.operated.http.get("/metrics").success().body;
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{series} ")));
    line.unwrap_or_else(|| panic!("no {series}:\n{text}")).to_owned()
}

/// After SIGUSR1, lines go to the file at the configured path.
#[test]
fn a_log_file_that_was_reopened() {
    is_in_the_table(7, "a log file that was reopened");
    let (dir, target, port) = (TempDir::new().unwrap(), Target::start(Behaviour::Echo), Port::v4());
    let (log, old) = (dir.path().join("log"), dir.path().join("old"));
    let config = |more: &str| {
        let log = format!("format = 'json'\nfile = '{}'\n", log.display());
        let config = Config::new().log(&log).process(more);
        config.forward(port.addr(), target.addr(), "name = 'web'")
    };
    let operated = Operated::start_unready(crate::support::forwarder(), config(""));
    let read = || fs::read_to_string(&log).unwrap_or_default();
    let has = |text: &str| wait_until(text, LIMIT, || read().contains(text));
    has("\"ready\"");
    for (at, crossing) in Crossing::ALL.into_iter().enumerate() {
        fs::rename(&log, &old).unwrap();
        operated.signal(Signal::USR1);
        wait_until("a new file", LIMIT, || log.exists());
        let left = fs::read_to_string(&old).unwrap();
        operated.write(config(&format!("removed_timeout = '{}m'", at + 1)));
        let back = matches!(crossing, Crossing::FallBack | Crossing::FallBackAfterUpgrade);
        operated.http.post(if back { "/v1/reload?confirm=1s" } else { "/v1/reload" }).success();
        has("configuration reloaded");
        if matches!(crossing, Crossing::Upgrade | Crossing::FallBackAfterUpgrade) {
            operated.http.post(&format!("/v1/upgrade?binary={BINARY}")).status(202);
            has("\"upgraded\"");
        }
        if back {
            has("was not confirmed");
        }
        assert_eq!(fs::read_to_string(&old).unwrap(), left, "{crossing:?}");
    }
    let forward = operated.http.json("/v1/forwards/web");
    assert_eq!(forward["state"], json!("active"));
}
