//! Lines of the older format that could not be bound at the start: they stay visible, and are bound
//! when possible. A reload skips only lines that were already skipped.

use std::net::{Ipv6Addr, SocketAddr};

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{
    Answer, Behaviour, Finished, Forwarder, Http, LIMIT, Listener, Place, Port, Target, wait_until,
};

use crate::support::{Config, forwarder, served_client, with_run};

/// A forwarder of the older format, with an admin socket and a client of it.
struct Older {
    forwarder: Forwarder,
    target: Target,
    http: Http,
    run: TempDir,
}

impl Older {
    /// Starts with a line for each of these ports, followed by this text.
    #[track_caller]
    fn start(ports: &[&Port], text: &str) -> Self {
        let (run, target) = (TempDir::new().unwrap(), Target::start(Behaviour::Echo));
        let config = lines(ports, &target) + text;
        let forwarder = with_run(run.path()).config(config).start();
        forwarder.ready();
        let http = Http::new(run.path().join("traffic-forwarder/admin.sock"));
        Self { forwarder, target, http, run }
    }

    fn write(&self, ports: &[&Port], text: &str) {
        self.forwarder.write_config(&(lines(ports, &self.target) + text));
    }

    fn reload(&self) -> Answer {
        self.http.post("/v1/reload")
    }

    fn command(&self, words: &[&str]) -> Finished {
        let socket = self.run.path().join("traffic-forwarder/admin.sock");
        let admin = format!("unix:{}", socket.display());
        forwarder().args(words.iter().copied()).args(["--admin", &admin]).run()
    }

    #[track_caller]
    fn forward(&self, port: &Port) -> Value {
        self.http.json(&format!("/v1/forwards/:{port}"))
    }

    #[track_caller]
    fn upgrade(&self) {
        self.http.post("/v1/upgrade").status(202);
        let arrived = |line: &str| line.contains(" INFO upgraded ");
        wait_until("the upgrade", LIMIT, || self.forwarder.count_lines(arrived) == 1);
    }

    fn listeners(&self) -> Value {
        self.http.json("/v1/status")["listeners"].clone()
    }

    /// Whether the metrics list it as skipped.
    #[track_caller]
    fn is_skipped_in_metrics(&self, port: &Port) -> bool {
        let series = format!("traffic_forwarder_forward_skipped{{forward=\":{port}\"}} ");
        let text = self.http.get("/metrics").success().body;
        text.lines().any(|line| line.strip_prefix(&series) == Some("1"))
    }
}

fn lines(ports: &[&Port], target: &Target) -> String {
    let to = target.addr().tcp().port();
    let lines = ports.iter().map(|port| format!("{port} | 127.0.0.1 | {to}\n"));
    lines.collect::<Vec<_>>().concat()
}

/// A port, and the listener that occupies it.
fn taken() -> (Port, Listener) {
    let port = Port::every_address();
    let listener = Listener::bind(Place::At(port.addr()));
    (port, listener)
}

fn message(answer: &Answer) -> String {
    answer.json()["error"]["message"].as_str().unwrap().to_owned()
}

#[test]
fn a_reload_keeps_a_serving_line_if_its_replacement_cannot_be_bound() {
    let (port, (taken, _listener)) = (Port::every_address(), taken());
    let older = Older::start(&[&port], "");
    older.write(&[&taken], "");
    let refused = older.command(&["reload"]);
    assert_eq!(refused.status.code(), Some(1), "{refused}");
    assert!(refused.stderr.contains(&format!("listen :{taken}: ")), "{refused}");
    assert_eq!(older.http.json("/v1/status")["generation"], 1);
    served_client(&port);
    // Nor with a bindable one beside it.
    older.write(&[&port, &taken], "");
    assert!(message(&older.reload().status(409)).contains(&format!(":{taken}")));
    assert_eq!(older.listeners(), 1);
}

#[test]
fn a_skipped_forward_is_listed_and_a_reload_retries_it() {
    let (port, (taken, listener)) = (Port::every_address(), taken());
    let older = Older::start(&[&port, &taken], "");
    let forward = older.forward(&taken);
    assert_eq!(forward["state"], "skipped");
    assert!(forward["error"].as_str().unwrap().contains("address already in use"), "{forward}");
    assert_eq!(older.forward(&port)["error"], Value::Null);
    let troubled = older.http.json("/v1/forwards?trouble=true");
    assert_eq!(
        (&troubled["total"], &troubled["forwards"][0]["state"]),
        (&json!(1), &json!("skipped"))
    );
    assert!(older.is_skipped_in_metrics(&taken) && !older.is_skipped_in_metrics(&port));
    let status = older.command(&["status", &format!(":{taken}")]).success().text();
    assert!(status.contains("skipped: listen"), "{status}");
    let planned = older.command(&["plan"]).success().text();
    assert!(
        planned.contains(&format!("+ :{taken}")) && planned.contains("would be retried"),
        "{planned}"
    );

    let report = older.reload().success().json();
    assert_eq!((&report["retried"], &report["unchanged"]), (&json!([]), &json!(2)));
    assert!(report["skipped"][0].as_str().unwrap().contains(&format!(":{taken}")), "{report}");
    assert_eq!(older.forward(&taken)["state"], "skipped");

    drop(listener);
    let done = older.command(&["reload"]).success().text();
    assert!(done.contains(&format!("+ :{taken}")) && done.contains("bound again"), "{done}");
    served_client(&taken);
    assert!(!older.is_skipped_in_metrics(&taken));
    assert_eq!(older.forward(&taken)["error"], Value::Null);
}

#[test]
fn a_skipped_forward_can_be_resumed_and_drained() {
    let (port, (taken, listener)) = (Port::every_address(), taken());
    let older = Older::start(&[&port, &taken], "");
    let switch = |to: &str| older.http.post(&format!("/v1/forwards/:{taken}/{to}"));
    assert!(message(&switch("resume").status(409)).contains("address already in use"));
    assert_eq!(older.forward(&taken)["state"], "skipped");
    assert_eq!(switch("drain").success().json()["changed"], true);
    assert_eq!(older.forward(&taken)["state"], "draining");
    drop(listener);
    assert_eq!(switch("resume").success().json()["state"], "active");
    served_client(&taken);
}

#[test]
fn the_last_listener_is_not_removed_for_a_skipped_one() {
    let (port, (taken, _listener)) = (Port::every_address(), taken());
    let older = Older::start(&[&port, &taken], "");
    older.write(&[&taken], "");
    assert!(message(&older.reload().status(409)).contains(&format!(":{taken}")));
    served_client(&port);
}

#[test]
fn a_changed_line_is_no_longer_skipped() {
    let (port, (taken, _listener)) = (Port::every_address(), taken());
    let older = Older::start(&[&port, &taken], "");
    older.write(&[&port], &format!("{taken} | 127.0.0.1 | 9\n"));
    assert!(message(&older.reload().status(409)).contains(&format!(":{taken}")));
    let forward = older.forward(&taken);
    assert_ne!(forward["to"][0], "127.0.0.1:9", "nothing was changed");
}

#[test]
fn a_newly_invalid_line_fails_the_reload() {
    let (port, other) = (Port::every_address(), Port::every_address());
    let older = Older::start(&[&port], "this was wrong before\n");
    older.write(&[&port, &other], "this was wrong before\n");
    let report = older.reload().success().json();
    assert!(report["skipped"][0].as_str().unwrap().contains(":3:1: "), "{report}");
    // A serving line would be skipped.
    older.write(&[&port], &format!("this was wrong before\n{other}0 | 127.0.0.1 | 9\n"));
    for query in ["?dry_run=true", ""] {
        let refused = older.http.post(&format!("/v1/reload{query}")).status(422);
        let message = message(&refused);
        assert!(message.contains("forwarder.conf:3:1"), "{message}");
        assert!(!message.contains("this was wrong"), "{message}");
    }
    served_client(&other);
    let last = older.http.json("/v1/status")["last_reload"]["error"].as_str().unwrap().to_owned();
    assert!(last.contains("forwarder.conf:3:1: `") && !last.contains('\n'), "{last}");
    let shown = older.command(&["status"]).success().text();
    assert!(shown.contains(&format!("the last reload failed, by admin: {last}")), "{shown}");
}

#[track_caller]
fn fall_back_skips_the_same_lines(meanwhile: impl FnOnce(&Older)) {
    let (port, other, (taken, _listener)) = (Port::every_address(), Port::every_address(), taken());
    let older = Older::start(&[&port, &taken], "");
    older.write(&[&other], "");
    older.http.post("/v1/reload?confirm=1s").success();
    meanwhile(&older);
    wait_until("it has gone back", LIMIT, || older.http.json("/v1/status")["generation"] == 3);
    served_client(&port);
    assert_eq!(older.forward(&taken)["state"], "skipped");
    let shown = older.command(&["status"]).success().text();
    assert!(shown.contains("reverted: not confirmed"), "{shown}");
}

#[test]
fn a_fall_back_skips_the_same_lines() {
    fall_back_skips_the_same_lines(|_| ());
}

#[test]
fn a_fall_back_after_an_upgrade_skips_the_same_lines() {
    fall_back_skips_the_same_lines(Older::upgrade);
}

#[test]
fn a_skipped_forward_stays_skipped_over_an_upgrade() {
    let (port, (taken, listener)) = (Port::every_address(), taken());
    let older = Older::start(&[&port, &taken], "");
    older.upgrade();
    assert_eq!(older.forward(&taken)["state"], "skipped");
    older.reload().success();
    drop(listener);
    older.reload().success();
    served_client(&taken);
}

/// The line listens on every address, where the process already holds one of them.
#[test]
fn a_watched_file_converted_to_lines_keeps_its_port() {
    let (port, target) = (Port::every_address(), Target::start(Behaviour::Echo));
    let listen = format!("127.0.0.1:{port}");
    let config = Config::new().process("watch = true").forward(&*listen, target.addr(), "");
    let forwarder = forwarder().config(config.text()).start();
    forwarder.ready();
    forwarder.write_config(&lines(&[&port], &target));
    forwarder.wait_for_message("configuration reloaded");
    served_client(port.addr());
    served_client(SocketAddr::from((Ipv6Addr::LOCALHOST, port.number())));
}
