//! Name servers that fail: what was resolved before serves on, and no name delays another.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{
    Behaviour, BlackHole, LIMIT, NameReply, NameServer, Peer, Port, Script, Socket, Target,
    connect, connect_and_close, wait_until,
};

use crate::support::{BINARY, Config, Operated, play, served_client, with_names};

const NAME: &str = "db.test";
/// Time within which the resolver gives a question up.
const IMPATIENT: &str = "options timeout:1 attempts:1";
const FAILS: &str = "a target's name could not be resolved";
const MISSING: &str = "the name does not exist";

/// A forwarder that asks this server.
fn start(server: &NameServer, lines: &str, config: Config) -> (Operated, TempDir) {
    let etc = TempDir::new().unwrap();
    server.configure(etc.path(), lines);
    (Operated::start_from(with_names(etc.path(), BINARY), config), etc)
}

fn loopback(ttl: u32) -> NameReply {
    NameReply::Addresses(vec![IpAddr::from([127, 0, 0, 1])], ttl)
}

fn to(target: &Target) -> String {
    format!("{NAME}:{}", target.addr().tcp().port())
}

impl Operated {
    fn names_failing(&self) -> Value {
        self.http.get("/v1/status").json()["names_failing"].clone()
    }
}

/// Serves clients, so that the name is in use, until the log has this message `times`.
fn serve_until(port: &Port, operated: &Operated, message: &str, times: usize) {
    wait_until(message, LIMIT, || {
        served_client(port);
        operated.count_lines(|line| line.contains(&format!("\"{message}\""))) == times
    });
}

/// No client has come.
#[test]
fn a_name_that_fails_at_the_start_is_a_warning() {
    let (server, port) = (NameServer::start(), Port::v4());
    server.set(NAME, NameReply::Code(3));
    let config = Config::new().forward(port.addr(), format!("{NAME}:1"), "");
    let (operated, _etc) = start(&server, IMPATIENT, config);
    let line = operated.wait_for_message(FAILS);
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["level"], &line["name"]), (&"warn".into(), &NAME.into()));
    let line = operated.wait_for_message("targets were probed");
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!([&line["tried"], &line["failed"], &line["not_tried"]], [1, 1, 0]);
}

/// The name is looked up until it is resolved, also after an upgrade, without a client.
#[test]
fn a_failing_name_is_reported_until_it_is_resolved() {
    let (server, port) = (NameServer::start(), Port::v4());
    server.set(NAME, NameReply::Code(3));
    let config = || Config::new().forward(port.addr(), format!("{NAME}:1"), "name = 'db'");
    let (operated, _etc) = start(&server, IMPATIENT, config());
    operated.wait_for_message(FAILS);
    let forward = operated.http.get("/v1/forwards/db").json();
    let target = &forward["targets"][0];
    assert_eq!((&target["state"], &target["why"]), (&"unreachable".into(), &MISSING.into()));
    assert_eq!(forward["attention"][0]["condition"], "target_unreachable", "{forward}");
    let asked = server.asked(NAME);
    operated.upgrade();
    assert_eq!(operated.names_failing(), json!(1));
    wait_until("a look-up after the upgrade", LIMIT, || server.asked(NAME) > asked);
    let status = operated.http.get("/v1/status").json();
    assert_eq!(status["attention"][0]["condition"], "names_failing", "{status}");
    server.set(NAME, loopback(60));
    operated.wait_for_message("a target's name is resolved again");
    assert_eq!(operated.names_failing(), json!(0));
    assert_eq!(operated.count_lines(|line| line.contains(FAILS)), 1);
}

#[test]
fn a_reload_ends_the_failure_of_a_removed_name() {
    let (server, port) = (NameServer::start(), Port::v4());
    server.set(NAME, NameReply::Code(3));
    let config = |to: &str| Config::new().forward(port.addr(), to, "");
    let (operated, _etc) = start(&server, IMPATIENT, config("DB.test:1"));
    operated.wait_for_message(FAILS);
    operated.reload(config("db.test:2"));
    assert_eq!(operated.names_failing(), json!(1), "another port of the name");
    operated.reload(config("127.0.0.1:1"));
    assert_eq!(operated.names_failing(), json!(0));
    operated.wait_for_message("a target's name that could not be resolved was removed");
}

/// The log, the record and the target name the same failure, whichever target failed last.
#[test]
fn a_name_without_an_address_has_no_address_of_another_target() {
    let (hole, refuses) = (BlackHole::open(), Port::v4());
    for other in [refuses.addr(), hole.addr()] {
        let (server, port) = (NameServer::start(), Port::v4());
        server.set(NAME, NameReply::Code(3));
        let name = format!("{NAME}:1");
        let settings = "name = 'db'\nbalance = 'first'\npassive = 'off'\nconnect_timeout = '2s'";
        let to = [other.to_string(), name.clone()];
        let config = Config::new().forward_to_several(port.addr(), &to, settings);
        let (operated, _etc) = start(&server, IMPATIENT, config);
        Peer::connect("client", &port, Script::new().expect_reset()).finish();
        let record = operated.wait_for_records(1).remove(0);
        assert_eq!(record.close_reason(), "target/connect/name_error", "{}", record.json);
        assert_eq!(record.target.as_deref(), Some(&*name));
        assert_eq!(record.json["target_address"], Value::Null, "{}", record.json);
        let line = operated.wait_for_message("sessions cannot be connected to a target");
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["target"], &line["target_address"]), (&json!(name), &Value::Null));
        let targets = operated.http.get("/v1/forwards/db").json()["targets"].clone();
        assert_eq!(
            (&targets[1]["state"], &targets[1]["failed_connects"]),
            (&"unreachable".into(), &json!(1))
        );
    }
}

#[test]
fn an_outage_changes_nothing_that_worked_before() {
    let (server, target, port) = (NameServer::start(), Target::start(Behaviour::Echo), Port::v4());
    server.set(NAME, loopback(1));
    let config = Config::new().forward(port.addr(), to(&target), "");
    let (operated, _etc) = start(&server, IMPATIENT, config);
    served_client(&port);
    assert_eq!(operated.names_failing(), json!(0));
    let modes = [
        NameReply::Silent,
        NameReply::Code(2),
        NameReply::Code(3),
        NameReply::Addresses(Vec::new(), 60),
    ];
    for (number, mode) in modes.into_iter().enumerate() {
        server.set_all(Some(mode));
        let failing = "a target's name could not be resolved: its last addresses serve on";
        serve_until(&port, &operated, failing, number + 1);
        assert_eq!(operated.names_failing(), json!(1));
        let status = operated.http.get("/v1/status").json();
        assert_eq!(status["failing_names"][0]["name"], NAME, "{status}");
        assert_eq!(status["attention"][0]["condition"], "names_failing", "{status}");
        assert_eq!(operated.metric("traffic_forwarder_names{state=\"stale\"}"), "1");
        server.set_all(None);
        serve_until(&port, &operated, "a target's name is resolved again", number + 1);
        assert_eq!(operated.names_failing(), json!(0));
    }
    let closed = operated.records();
    assert!(closed.iter().all(|record| record.close_reason() == "client/relay/fin"));
}

#[test]
fn an_upgrade_in_an_outage_loses_no_answer() {
    let (server, target, port) = (NameServer::start(), Target::start(Behaviour::Echo), Port::v4());
    server.set(NAME, loopback(3600));
    let config = Config::new().forward(port.addr(), to(&target), "connect_timeout = '3s'");
    let (operated, _etc) = start(&server, "", config);
    served_client(&port);
    server.set_all(Some(NameReply::Silent));
    operated.upgrade();
    served_client(&port);
    assert_eq!(server.asked(NAME), 1, "the answer has not expired");
}

#[test]
fn a_changed_answer_is_followed_after_its_ttl() {
    let (server, target, port) = (NameServer::start(), Target::start(Behaviour::Echo), Port::v4());
    server.set(NAME, loopback(1));
    let config = Config::new().forward(port.addr(), to(&target), "");
    let (operated, _etc) = start(&server, "", config);
    served_client(&port);
    assert_eq!(target.accepted(), 1);
    // The same port at another address of the loopback network: nothing listens there.
    server.set(NAME, NameReply::Addresses(vec![IpAddr::from([127, 0, 0, 77])], 1));
    wait_until("a refused session", LIMIT, || {
        connect_and_close(&port);
        operated.records().iter().any(|it| it.close_reason() == "target/connect/refused")
    });
}

#[test]
fn a_name_without_an_answer_so_far_times_out() {
    let (server, port) = (NameServer::start(), Port::v4());
    server.set_all(Some(NameReply::Silent));
    let settings = "name = 'db'\nconnect_timeout = '500ms'";
    let config = Config::new().forward(port.addr(), format!("{NAME}:80"), settings);
    let (operated, _etc) = start(&server, "", config);
    Peer::connect("client", &port, Script::new().expect_reset()).finish();
    let record = operated.wait_for_records(1).remove(0);
    assert_eq!(record.close_reason(), "limit/connect/name_timeout");
    assert!(record.duration >= Duration::from_millis(500), "{}", record.json);
    let targets = operated.http.get("/v1/forwards/db").json()["targets"].clone();
    assert_eq!(targets[0]["failed_connects"], 1, "{targets}");
}

/// The client's time ends before that of the resolver: the look-ups fail for it.
#[test]
fn look_ups_without_an_answer_in_time_take_targets_out_of_use() {
    let (server, port) = (NameServer::start(), Port::v4());
    server.set_all(Some(NameReply::Silent));
    let settings = "name = 'db'\nconnect_timeout = '500ms'\npassive = { failures = 1 }";
    let to = [format!("{NAME}:80"), "other.test:80".to_owned()];
    let config = Config::new().forward_to_several(port.addr(), &to, settings);
    let (operated, _etc) = start(&server, "", config);
    Peer::connect("client", &port, Script::new().expect_reset()).finish();
    let record = operated.wait_for_records(1).remove(0);
    assert_eq!(record.close_reason(), "limit/connect/name_timeout");
    let targets = operated.http.get("/v1/forwards/db").json()["targets"].clone();
    for target in targets.as_array().unwrap() {
        assert_eq!((&target["state"], &target["failed_connects"]), (&"down".into(), &json!(1)));
    }
}

#[test]
fn silent_names_delay_no_other() {
    const SILENT: usize = 140;
    let (server, target, quick) = (NameServer::start(), Target::start(Behaviour::Echo), Port::v4());
    let by_file = Port::v4();
    server.set(NAME, loopback(60));
    let in_hosts = format!("in-hosts.test:{}", target.addr().tcp().port());
    let mut config =
        Config::new().forward(quick.addr(), to(&target), "").forward(by_file.addr(), in_hosts, "");
    let ports: Vec<Port> = (0..SILENT).map(|_| Port::v4()).collect();
    for (number, port) in ports.iter().enumerate() {
        let name = format!("n{number}.test");
        config = config.forward(port.addr(), format!("{name}:80"), "connect_timeout = '1h'");
        server.set(&name, NameReply::Silent);
    }
    let (operated, _etc) = start(&server, "options timeout:30", config);
    let waiting: Vec<Socket> = ports.iter().map(|port| connect(port).unwrap()).collect();
    for number in 0..SILENT {
        server.wait_for_question(&format!("n{number}.test"), 0);
    }
    served_client(&quick);
    served_client(&by_file);
    assert_eq!(operated.wait_for_records(2).len(), 2, "the others still wait");
    server.set_all(Some(NameReply::Code(3)));
    play(&waiting[0], Script::new().limit(LIMIT).expect_reset());
}
