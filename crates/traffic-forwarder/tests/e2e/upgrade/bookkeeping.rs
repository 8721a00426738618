//! Bookkeeping continues: session IDs, counters, metrics, times, the log.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use testkit::{
    Behaviour, LIMIT, Listener, NameReply, NameServer, Peer, Place, Port, Script, SessionRecord,
    Signal, Target, connect, wait_until,
};

use super::upgrading::{old_binary, old_forwarder, old_version, start};
use crate::support::{BINARY, Config, Operated, ping, play, served_client, with_names};

/// A forwarder with an echo as target, and another target that refuses.
struct Echo {
    _target: Target,
    closed: Port,
    operated: Operated,
    port: Port,
    refuses: Port,
}

impl Echo {
    fn start(config: Config) -> Self {
        let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
        let (closed, refuses) = (Port::v4(), Port::v4());
        let config =
            config.process("workers = 2").forward(port.addr(), target.addr(), "name = 'echo'");
        let config = config.forward(refuses.addr(), closed.addr(), "name = 'refuses'");
        Self { _target: target, operated: start(config), closed, port, refuses }
    }

    /// A session that ends, and one whose target refuses.
    fn two_sessions(&self) {
        let before = self.operated.records().len();
        play(&served_client(&self.port), Script::new().write_bytes("abc").read_exactly(3));
        assert!(self.closed.number() > 0);
        Peer::connect("client", &self.refuses, Script::new().expect_reset()).finish();
        wait_until("both records", LIMIT, || self.operated.records().len() == before + 2);
    }
}

/// The counters of a scrape, by name and labels.
fn counters(operated: &Operated) -> BTreeMap<String, f64> {
    let text = operated.http.get("/metrics").success().body;
    let series = text.lines().filter(|line| line.starts_with("traffic_forwarder_"));
    let series = series.map(|line| line.rsplit_once(' ').unwrap());
    let counts = |name: &str| {
        let name = name.split('{').next().unwrap();
        ["_total", "_bucket", "_sum", "_count"].iter().any(|end| name.ends_with(end))
    };
    series
        .filter(|(name, _)| counts(name))
        .map(|(name, number)| (name.to_owned(), number.parse().unwrap()))
        .collect()
}

/// Asserts that opened sessions are the closed ones plus the open ones.
#[track_caller]
fn assert_counters_add_up(operated: &Operated) {
    for forward in operated.http.json("/v1/forwards")["forwards"].as_array().unwrap() {
        let closed = forward["closed"].as_object().unwrap().values();
        let closed: u64 = closed.map(|count| count.as_u64().unwrap()).sum();
        let open = forward["sessions"].as_u64().unwrap();
        assert_eq!(forward["opened"], closed + open, "{forward}");
    }
}

#[test]
fn counters_continue_and_add_up() {
    let echo = Echo::start(Config::new());
    let operated = &echo.operated;
    echo.two_sessions();
    let client = served_client(&echo.port);
    for round in 1..=3 {
        let before = counters(operated);
        assert!(before.len() > 20, "{before:?}");
        operated.upgrade();
        let mut after = counters(operated);
        // An earlier version may lack some.
        after.retain(|name, _| before.contains_key(name));
        assert_eq!(after, before, "nothing happened but the upgrade");
        assert_counters_add_up(operated);
        ping(&client);
        echo.two_sessions();
        assert_counters_add_up(operated);
        let after = counters(operated);
        let grown = |name: &str| after[name] - before[name];
        let opened = "traffic_forwarder_sessions_opened_total{forward=\"echo\"}";
        assert!((grown(opened) - 1.0).abs() < 1e-9, "round {round}: {after:?}");
        let bytes: f64 = after
            .keys()
            .filter(|name| name.starts_with("traffic_forwarder_bytes_total{forward=\"echo\""))
            .map(|name| grown(name))
            .sum();
        assert!(
            (bytes - 10.0).abs() < 1e-9,
            "a ping, a ping and three bytes, there and back: {bytes}"
        );
    }
}

/// Counters that no session grows, with words of their labels: of names, checks, refused clients, and denied requests.
const KINDS: [(&str, &[&str]); 9] = [
    ("traffic_forwarder_name_look_ups_total", &["ok"]),
    ("traffic_forwarder_name_look_ups_total", &["not_found"]),
    ("traffic_forwarder_name_look_ups_total", &["no_address"]),
    ("traffic_forwarder_target_checks_total", &["succeeded"]),
    ("traffic_forwarder_target_checks_total", &["failed"]),
    ("traffic_forwarder_target_connects_total", &["failed"]),
    ("traffic_forwarder_refused_total", &["not_allowed"]),
    ("traffic_forwarder_refused_total", &["over_limit"]),
    ("traffic_forwarder_admin_denied_total", &["page"]),
];

#[test]
fn counters_of_all_kinds_continue() {
    let (server, etc) = (NameServer::start(), TempDir::new().unwrap());
    let address = || NameReply::Addresses(vec![[127, 0, 0, 1].into()], 3600);
    for name in ["one.test", "two.test"] {
        server.set(name, address());
    }
    server.set("none.test", NameReply::Code(3));
    server.set("empty.test", NameReply::Addresses(Vec::new(), 60));
    server.configure(etc.path(), "options timeout:1 attempts:1");
    let (target, ports, closed) =
        (Target::start(Behaviour::Echo), [(); 4].map(|()| Port::v4()), Port::v4());
    let number = target.addr().tcp().port();
    let to = |name: &str| format!("{name}.test:{number}");
    let both = [target.addr().to_string(), closed.addr().to_string()];
    let config = Config::new()
        .forward_to_several(ports[0].addr(), &[to("one"), to("two")], "max_sessions = 1")
        .forward_to_several(ports[1].addr(), &[to("none"), to("empty")], "")
        .forward_to_several(ports[2].addr(), &both, "check = 'connect'")
        .forward(ports[3].addr(), target.addr(), "deny = ['127.0.0.0/8']");
    let operated = Operated::start_from(with_names(etc.path(), BINARY), config);
    let _client = served_client(&ports[0]);
    for port in [&ports[0], &ports[1], &ports[3]] {
        Peer::connect("client", port, Script::new().expect_reset()).finish();
    }
    // Of another web page.
    operated.http.clone().header("Origin", "http://other.test").get("/v1/status").status(403);
    let has = |name: &str, labels: &[&str]| {
        let all = counters(&operated);
        let of_name = |series: &&String| {
            series.starts_with(name) && labels.iter().all(|label| series.contains(label))
        };
        all.keys().filter(of_name).any(|series| all[series] > 0.0)
    };
    for (name, labels) in KINDS {
        wait_until(&format!("{name} {labels:?}"), LIMIT, || has(name, labels));
    }
    let before = counters(&operated);
    operated.upgrade();
    let after = counters(&operated);
    for (name, count) in before {
        // Checks and look-ups go on.
        assert!(after.get(&name).is_some_and(|it| *it >= count), "{name} had {count}: {after:?}");
    }
}

#[test]
fn status_figures_are_consistent() {
    let echo = Echo::start(Config::new());
    let operated = &echo.operated;
    echo.two_sessions();
    assert_eq!(operated.http.post("/v1/reload").success().json()["generation"], 2);
    let before = operated.status();
    assert_eq!(before["upgrades"], 0);
    assert_eq!(before["last_upgrade"], Value::Null);
    operated.upgrade();
    let after = operated.status();
    for field in [
        "pid",
        "started",
        "config",
        "generation",
        "last_reload",
        "workers",
        "forwards",
        "listeners",
        "sessions",
        "max_sessions",
        "sessions_opened",
        "bytes_up",
        "bytes_down",
        "open_files_limit",
    ] {
        assert_eq!(after[field], before[field], "{field}: {before} {after}");
    }
    let open_files = |status: &Value| status["open_files"].as_u64().unwrap();
    // Of an earlier version: it holds fewer in reserve.
    let more = open_files(&after) - open_files(&before);
    assert!(more == 0 || more <= 4 && old_binary() != Path::new(BINARY), "{before} {after}");
    assert_eq!(before["sessions_opened"], 2);
    assert!(after["uptime"].as_f64() >= before["uptime"].as_f64());
    assert_eq!(after["upgrades"], 1);
    let last = &after["last_upgrade"];
    let version = old_version();
    let number = version.split(' ').next().unwrap();
    assert_eq!([&last["by"], &last["from"]], ["admin", number]);
    assert_eq!(last["from_build"], before["build"]);
    assert_eq!((&last["error"], &last["lost"]), (&Value::Null, &0.into()));
}

/// The name differs from the listener's, the address does not.
#[test]
fn a_loop_is_still_detected() {
    let port = Port::v4();
    let config = Config::new().forward(port.addr(), format!("0x7f000001:{port}"), "");
    let operated = start(config);
    for count in 1..=2 {
        Peer::connect("client", &port, Script::new().expect_reset()).finish();
        let records = operated.wait_for_records(count);
        assert_eq!(records[count - 1].close.cause, "loop");
        operated.upgrade();
    }
}

/// Several processes of a rotation: every record is in one of the files, once and complete.
#[test]
fn the_log_file_continues() {
    let (dir, target, port) = (TempDir::new().unwrap(), Listener::bind(Place::V4), Port::v4());
    let file = dir.path().join("log");
    let log =
        format!("format = 'json'\nfile = '{}'\nrotate_size = '16KiB'\nkeep = 1000", file.display());
    let config = Config::new().log(&log).forward(port.addr(), target.addr(), "");
    let forwarder = old_forwarder().config(config.text()).start();
    let text = || {
        let files = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
        // A file in the middle of a rename is read at the next attempt.
        files.filter_map(|path| fs::read_to_string(path).ok()).collect::<String>()
    };
    wait_until("ready", LIMIT, || text().contains("\"ready\""));
    let mut ended = 0;
    for upgrades in 1..=4 {
        for _ in 0..60 {
            drop((connect(&port).unwrap(), target.accept()));
            ended += 1;
        }
        forwarder.signal(Signal::USR2);
        let arrived = format!("\"upgrades\":{upgrades}");
        wait_until("the next image", LIMIT, || text().contains(&arrived));
    }
    forwarder.signal(Signal::TERM);
    assert_eq!(forwarder.wait_exit(LIMIT).code(), Some(0));
    let text = text();
    let records = text.lines().filter_map(SessionRecord::parse);
    let mut ids: Vec<u64> = records.map(|record| record.id.parse().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=ended).collect::<Vec<_>>());
    assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    assert!(fs::read_dir(dir.path()).unwrap().count() > 1, "it was rotated");
    assert_eq!(text.matches("\"ready\"").count(), 1);
    assert!(forwarder.stderr().is_empty(), "{:?}", forwarder.stderr());
}
