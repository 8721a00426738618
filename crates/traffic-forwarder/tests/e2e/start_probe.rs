//! Unreachable targets are in the log before a client comes.

mod changes;
mod names;

use std::fs;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{
    Addr, BlackHole, Forwarder, LIMIT, NameReply, NameServer, Port, Signal, connect,
    connect_and_close, wait_until,
};

use crate::support::{
    BINARY, Config, Operated, connections_to, forwarder, leave_open_files, messages, with_names,
};

const SILENT: &str = "a target is unreachable";
const ANSWERS: &str = "the target is reachable";
const REMOVED: &str = "an unreachable target was removed";
const PROBED: &str = "targets were probed";
const UNREACHED: &str = "sessions cannot be connected to a target";
const REACHED: &str = "sessions are connected to the target again";
/// The end of a warning comes when it has lasted for 7 s, and the second probe after 10 s.
const END: Duration = Duration::from_secs(40);

/// A listener whose program must see no connection.
struct Unseen(TcpListener);

impl Unseen {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn addr(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    #[track_caller]
    fn has_seen_nothing(&self) {
        let seen = self.0.accept().map(|(_, client)| client);
        assert_eq!(seen.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    }
}

/// The targets of so many warnings, in alphabetical order. Waits for them.
#[track_caller]
fn silent(forwarder: &Forwarder, count: usize) -> Vec<String> {
    wait_until("the warnings", LIMIT, || messages(forwarder, SILENT).len() >= count);
    let lines = messages(forwarder, SILENT);
    let mut targets: Vec<_> =
        lines.iter().map(|line| line["target"].as_str().unwrap().to_owned()).collect();
    targets.sort();
    targets
}

/// Waits for so many lines about all probes, and returns the last one.
#[track_caller]
fn probed(forwarder: &Forwarder, lines: usize) -> Value {
    wait_until("the probes", LIMIT, || messages(forwarder, PROBED).len() == lines);
    messages(forwarder, PROBED).pop().unwrap()
}

#[test]
fn a_target_that_refuses_or_is_silent_is_a_warning_at_the_start() {
    let (hole, answers, refuses) = (BlackHole::open(), Unseen::open(), Port::v4());
    let ports = [(); 4].map(|()| Port::v4());
    let config = Config::new()
        .forward(ports[0].addr(), refuses.addr(), "name = 'refused'")
        .forward(
            ports[1].addr(),
            hole.addr(),
            "name = 'silent'\nconnect_timeout = '1s'\nlocal_address = '127.0.0.9'",
        )
        .forward(
            ports[2].addr(),
            hole.addr(),
            "name = 'shares'\nconnect_timeout = '1s'\nlocal_address = '127.0.0.9'",
        )
        .forward(ports[3].addr(), answers.addr(), "name = 'fine'\nsend_proxy = 'v2'");
    let forwarder = forwarder().config(config.text()).start();
    forwarder.ready();
    assert_eq!(messages(&forwarder, PROBED), Vec::<Value>::new(), "the start waits for no target");
    // One probe for both forwards, from the address of sessions.
    let own = "127.0.0.9".parse::<IpAddr>().unwrap();
    let probes = || connections_to(hole.addr()).into_iter().filter(|local| *local == own).count();
    wait_until("the probe", LIMIT, || probes() > 0);
    assert_eq!(probes(), 1);
    let all = probed(&forwarder, 1);
    assert_eq!([&all["tried"], &all["failed"], &all["not_tried"]], [4, 3, 0]);
    assert_eq!(all["level"], "info");
    wait_until("the warnings", LIMIT, || messages(&forwarder, SILENT).len() == 3);
    let mut lines = messages(&forwarder, SILENT);
    lines.sort_by_key(|line| line["forward"].to_string());
    let said = lines.iter().map(|line| {
        (
            line["level"].clone(),
            line["forward"].clone(),
            line["target"].clone(),
            line["close"].clone(),
        )
    });
    let by_target = json!(
        { "by": "target", "phase": "connect", "cause": "refused", "errno": "ECONNREFUSED" });
    let by_limit = json!({ "by": "limit", "phase": "connect", "cause": "connect_timeout" });
    let expected = [("refused", refuses.addr().to_string(), by_target)]
        .into_iter()
        .chain(["shares", "silent"].map(|name| (name, hole.addr().to_string(), by_limit.clone())));
    let expected = expected.map(|(name, to, close)| (json!("warn"), json!(name), json!(to), close));
    assert_eq!(said.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    answers.has_seen_nothing();
}

#[test]
fn a_target_that_answers_later_ends_the_warning_without_a_client() {
    let (port, target_port) = (Port::v4(), Port::v4());
    let config = Config::new().forward(port.addr(), target_port.addr(), "name = 'db'");
    let forwarder = forwarder().config(config.text()).start();
    forwarder.wait_for_message(SILENT);
    let target = TcpListener::bind(target_port.addr()).unwrap();
    forwarder.wait_for_line("its end", END, |line| line.contains(ANSWERS));
    let over = &messages(&forwarder, ANSWERS)[0];
    assert_eq!((&over["level"], &over["forward"]), (&json!("info"), &json!("db")));
    assert_eq!(over["target"], json!(target_port.addr().to_string()));
    assert!(over["seconds"].as_f64().unwrap() > 9.0 && over["total"].is_null(), "{over}");
    target.set_nonblocking(true).unwrap();
    target.accept().map(drop).unwrap_err();
    assert_eq!(messages(&forwarder, SILENT).len(), 1, "further probes are silent");
}

/// Sessions that fail are counted, and one line says that both are over.
#[test]
fn sessions_go_on_with_the_warning() {
    let (port, target_port) = (Port::v4(), Port::v4());
    let config = Config::new().forward(port.addr(), target_port.addr(), "");
    let forwarder = forwarder().config(config.text()).start();
    forwarder.wait_for_message(SILENT);
    connect_and_close(&port);
    forwarder.wait_for_message(UNREACHED);
    let _target = TcpListener::bind(target_port.addr()).unwrap();
    let _client = connect(&port).unwrap();
    forwarder.wait_for_line("its end", END, |line| line.contains(REACHED));
    let over = &messages(&forwarder, REACHED)[0];
    assert_eq!((&over["total"], &over["level"]), (&json!(1), &json!("info")));
    assert_eq!(messages(&forwarder, ANSWERS), Vec::<Value>::new());
}

#[test]
fn a_client_ends_the_warning_of_a_probe() {
    let (port, target_port) = (Port::v4(), Port::v4());
    let config = Config::new().forward(port.addr(), target_port.addr(), "");
    let forwarder = forwarder().config(config.text()).start();
    forwarder.wait_for_message(SILENT);
    let _target = TcpListener::bind(target_port.addr()).unwrap();
    let _client = connect(&port).unwrap();
    forwarder.wait_for_line("its end", END, |line| line.contains(ANSWERS));
    assert!(messages(&forwarder, ANSWERS)[0]["seconds"].as_f64().unwrap() < 9.0);
}

#[test]
fn a_reload_probes_what_is_new_and_ends_the_warning_of_what_it_removes() {
    let (port, ports) = (Port::v4(), [Port::v4(), Port::v4(), Port::v4()]);
    let to = |count: usize| ports.iter().take(count).map(Port::addr).collect::<Vec<_>>();
    let config =
        |to: &[SocketAddr]| Config::new().forward_to_several(port.addr(), to, "name = 'db'");
    let operated = Operated::start(config(&to(2)));
    assert_eq!(probed(&operated, 1)["failed"], 2);
    operated.reload(config(&to(3)));
    let new = probed(&operated, 2);
    assert_eq!((&new["tried"], &new["failed"]), (&json!(1), &json!(1)));
    let text = |port: &Port| port.addr().to_string();
    let mut all: Vec<_> = ports.iter().map(text).collect();
    all.sort();
    assert_eq!(silent(&operated, 3), all);
    // Neither probed again nor over: an upgrade, and a reload that changes nothing about them.
    operated.upgrade();
    operated.reload(config(&to(3)));
    operated.reload(config(&to(2)));
    operated.wait_for_line("its end", END, |line| line.contains(REMOVED));
    let over = &messages(&operated, REMOVED)[0];
    assert_eq!((&over["target"], &over["forward"]), (&json!(text(&ports[2])), &json!("db")));
    assert!(over["seconds"].as_f64().unwrap() < 60.0);
    // The image after the upgrade goes on with the warnings of the one before.
    let _back = TcpListener::bind(ports[0].addr()).unwrap();
    operated.wait_for_line("the end of another", END, |line| line.contains(ANSWERS));
    let over = messages(&operated, ANSWERS);
    assert_eq!(over[0]["target"], json!(text(&ports[0])));
    assert!(over[0]["seconds"].as_f64().unwrap() > 7.0, "since before the upgrade: {over:?}");
    assert_eq!(silent(&operated, 3), all, "each once");
}

#[test]
fn a_configuration_on_trial_is_probed_and_so_is_what_comes_back() {
    let ports = [(); 3].map(|()| Port::v4());
    let config = |number: usize| {
        let name = format!("name = 'to-{number}'");
        Config::new().forward(ports[0].addr(), ports[number].addr(), name)
    };
    let operated = Operated::start(config(1));
    probed(&operated, 1);
    operated.write(config(2));
    operated.http.post("/v1/reload?confirm=1s").success();
    operated.wait_for_line("the end of the trial", END, |line| line.contains(REMOVED));
    // The previous one is probed after the fall-back, and its warning is still there.
    let of = |message: &str| {
        let lines = messages(&operated, message).into_iter();
        lines.map(|line| line["forward"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(of(SILENT), ["to-1", "to-2"]);
    assert_eq!(of(REMOVED), ["to-2"]);
}

#[test]
fn checked_targets_are_not_probed() {
    let (ports, refuses) = ([(); 2].map(|()| Port::v4()), Port::v4());
    let answers = Unseen::open();
    let config = Config::new()
        .log("format = 'json'\nlevel = 'debug'")
        .forward(ports[0].addr(), refuses.addr(), "check = 'connect'")
        .forward(ports[1].addr(), answers.addr(), "");
    let forwarder = forwarder().config(config.text()).start();
    assert_eq!(probed(&forwarder, 1)["tried"], 1);
    assert_eq!(silent(&forwarder, 0), Vec::<String>::new());
}

/// A program would see a connection: only the file is looked at.
#[test]
fn of_a_unix_socket_the_file_is_looked_at() {
    let dir = TempDir::new().unwrap();
    let path = |name: &str| dir.path().join(name);
    let listener = UnixListener::bind(path("served")).unwrap();
    listener.set_nonblocking(true).unwrap();
    fs::write(path("file"), "").unwrap();
    let ports = [(); 3].map(|()| Port::v4());
    let config = Config::new()
        .forward(ports[0].addr(), Addr::from(path("served")), "")
        .forward(ports[1].addr(), Addr::from(path("missing")), "")
        .forward(ports[2].addr(), Addr::from(path("file")), "");
    let forwarder = forwarder().config(config.text()).start();
    assert_eq!(probed(&forwarder, 1)["failed"], 2);
    let of = |name: &str| Addr::from(path(name)).to_string();
    assert_eq!(silent(&forwarder, 2), [of("file"), of("missing")]);
    assert_eq!(messages(&forwarder, SILENT)[0]["close"]["cause"], "refused");
    assert!(listener.accept().is_err(), "a connection was seen");
}

/// The members of a set are probed when they are known. A name that fails has its own warning.
#[test]
fn names_are_probed_after_their_look_up() {
    let server = NameServer::start();
    server.set("db.test", NameReply::Addresses(vec![[127, 0, 1, 1].into()], 60));
    let dir = TempDir::new().unwrap();
    server.configure(dir.path(), "");
    let (ports, target) = ([(); 3].map(|()| Port::v4()), Port::v4().number());
    let config = Config::new()
        .forward(ports[0].addr(), format!("dns:db.test:{target}"), "name = 'set'")
        .forward(ports[1].addr(), format!("db.test:{target}"), "name = 'name'")
        .forward(ports[2].addr(), format!("none.test:{target}"), "name = 'none'");
    let forwarder = with_names(dir.path(), BINARY).config(config.text()).start();
    assert_eq!(silent(&forwarder, 2), [format!("127.0.1.1:{target}"), format!("db.test:{target}")]);
    forwarder.wait_for_message("a target's name could not be resolved");
}

/// Sessions need the last descriptors.
#[test]
fn probes_give_way_when_descriptors_run_out() {
    let (port, holes) = (Port::v4(), [(); 3].map(|()| BlackHole::open()));
    let answers = Unseen::open();
    let config = |holes: &[BlackHole]| {
        let to: Vec<_> =
            [answers.addr()].into_iter().chain(holes.iter().map(BlackHole::addr)).collect();
        let all = Config::new().log("format = 'json'\nlevel = 'debug'");
        all.forward_to_several(port.addr(), &to, "connect_timeout = '1s'")
    };
    let operated = Operated::start(config(&[]));
    // The first probe has returned its descriptor.
    probed(&operated, 1);
    operated.write(config(&holes));
    // For the file, and then for the first probe.
    leave_open_files(&operated, 1);
    operated.signal(Signal::HUP);
    let all = probed(&operated, 2);
    assert_eq!([&all["tried"], &all["failed"], &all["not_tried"]], [1, 1, 2]);
    assert_eq!(silent(&operated, 1), [holes[0].addr().to_string()]);
}
