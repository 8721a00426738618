//! Targets from DNS: `dns:HOST:PORT` and `srv:NAME`. The targets listen on addresses of the loopback
//! network, all at one port.

mod commands;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{
    Behaviour, LIMIT, NameReply, NameServer, Peer, Place, Port, Script, Target, connect, wait_until,
};

use crate::support::{
    BINARY, Config, Operated, asking_client, is_answered, is_waiting, ping, served_client,
    with_names,
};

const NAME: &str = "db.test";
const SERVICE: &str = "_db._tcp.test";
/// Time within which the resolver gives a question up.
const IMPATIENT: &str = "options timeout:1 attempts:1";
/// A record leaves a set after 30 s.
const REMOVAL: Duration = Duration::from_secs(60);

/// Targets at 127.0.1.1, 127.0.1.2 and so on, at one port.
struct Targets {
    port: Port,
    targets: Vec<Target>,
}

impl Targets {
    fn start(count: u8) -> Self {
        let port = Port::every_address();
        let at = |last| Place::At(SocketAddr::new(ip(last), port.number()));
        let targets = (1..=count).map(|last| Target::start_at(at(last), Behaviour::Echo)).collect();
        Self { port, targets }
    }

    fn accepted(&self) -> Vec<u64> {
        self.targets.iter().map(Target::accepted).collect()
    }

    /// The entry of `to` for the addresses of the name.
    fn dns(&self) -> String {
        format!("dns:{NAME}:{}", self.port.number())
    }

    fn address(&self, last: u8) -> String {
        SocketAddr::new(ip(last), self.port.number()).to_string()
    }

    /// SRV records of these priorities and weights, one for each target, with their addresses.
    fn services(&self, shares: &[(u16, u16)]) -> NameReply {
        let host = |last: u8| format!("host-{last}.test");
        let hosts = (1..).zip(shares).map(|(last, _)| (host(last), ip(last))).collect();
        let services = (1..)
            .zip(shares)
            .map(|(last, (priority, weight))| (*priority, *weight, self.port.number(), host(last)));
        NameReply::ServicesWithHosts(services.collect(), hosts, 1)
    }
}

fn ip(last: u8) -> IpAddr {
    [127, 0, 1, last].into()
}

fn addresses(lasts: impl IntoIterator<Item = u8>, ttl: u32) -> NameReply {
    NameReply::Addresses(lasts.into_iter().map(ip).collect(), ttl)
}

fn start(server: &NameServer, lines: &str, config: Config) -> (Operated, TempDir) {
    let etc = TempDir::new().unwrap();
    server.configure(etc.path(), lines);
    (Operated::start_from(with_names(etc.path(), BINARY), config), etc)
}

impl Operated {
    /// The targets of the first forward.
    fn targets(&self) -> Vec<Value> {
        let forwards = self.http.json("/v1/forwards");
        forwards["forwards"][0]["targets"].as_array().unwrap().clone()
    }

    fn target_addresses(&self) -> BTreeSet<String> {
        let address = |target: &Value| target["address"].as_str().unwrap().to_owned();
        self.targets().iter().map(address).collect()
    }

    /// Waits until the first forward has these targets.
    #[track_caller]
    fn wait_for_targets(&self, expected: impl IntoIterator<Item = String>, limit: Duration) {
        let expected: BTreeSet<_> = expected.into_iter().collect();
        wait_until(&format!("{expected:?}"), limit, || self.target_addresses() == expected);
    }

    #[track_caller]
    fn wait_for_line(&self, message: &str, times: usize) {
        wait_until(message, LIMIT, || {
            self.count_lines(|line| line.contains(&format!("\"{message}\""))) >= times
        });
    }
}

const CHANGED: &str = "the targets of a name have changed";
const FAILING: &str = "a target's name could not be resolved: its last addresses serve on";
const RESOLVED: &str = "a target's name is resolved again";

#[test]
fn every_address_of_a_name_is_a_target_and_a_record_that_left_drains() {
    let (server, targets, port) = (NameServer::start(), Targets::start(3), Port::v4());
    server.set(NAME, addresses([1, 2], 1));
    let config = Config::new().forward(port.addr(), targets.dns(), "balance = 'round_robin'");
    let (operated, _etc) = start(&server, "", config.process("removed_timeout = '1s'"));
    let all = [1, 2, 3].map(|last| targets.address(last));
    operated.wait_for_targets(all[..2].iter().cloned(), LIMIT);
    let set = operated.targets()[0]["set"].clone();
    assert_eq!(set, json!(targets.dns()));
    (0..4).for_each(|_| _ = served_client(&port));
    assert_eq!(targets.accepted(), [2, 2, 0]);

    // A new record serves at the next answer, and the state of the others stays.
    server.set(NAME, addresses([3, 1], 1));
    operated.wait_for_targets(all.iter().cloned(), LIMIT);
    let connects =
        operated.targets().iter().map(|it| it["connects"].as_u64().unwrap()).sum::<u64>();
    assert_eq!(connects, 4);
    let clients: Vec<_> = (0..3).map(|_| served_client(&port)).collect();
    assert_eq!(targets.accepted(), [3, 3, 1]);

    // The second one leaves after answers over 30 s, and its session after `removed_timeout`.
    operated.wait_for_targets([all[0].clone(), all[2].clone()], REMOVAL);
    let record = operated.wait_for_records(5).pop().unwrap();
    let drained = (record.close_reason(), record.json["target"].clone());
    assert_eq!(drained, ("operator/relay/drained".to_owned(), json!(all[1])));
    assert_eq!(operated.sessions().len(), 2, "those of the others go on");
    drop(clients);
    assert!(operated.count_lines(|line| line.contains(CHANGED)) >= 3);
}

#[test]
fn changing_thirds_of_a_set_do_not_flap() {
    let (server, targets, port) = (NameServer::start(), Targets::start(9), Port::v4());
    let third = |number: u8| addresses(number * 3 + 1..=number * 3 + 3, 1);
    server.set(NAME, third(0));
    let config = Config::new().forward(port.addr(), targets.dns(), "");
    let (operated, _etc) = start(&server, "", config);
    for turn in 1..=6 {
        let asked = server.asked(NAME);
        server.set(NAME, third(turn % 3));
        server.wait_for_question(NAME, asked + 1);
    }
    operated.wait_for_targets((1..=9).map(|last| targets.address(last)), LIMIT);
    let changes = operated.count_lines(|line| line.contains(CHANGED));
    assert_eq!(changes, 3, "one for each third");
    (0..20).for_each(|_| _ = served_client(&port));
}

#[test]
fn an_outage_changes_no_set() {
    let (server, targets, port) = (NameServer::start(), Targets::start(2), Port::v4());
    server.set(NAME, addresses([1, 2], 1));
    let config = Config::new().forward(port.addr(), targets.dns(), "");
    let (operated, _etc) = start(&server, IMPATIENT, config);
    let both = [1, 2].map(|last| targets.address(last));
    operated.wait_for_targets(both.clone(), LIMIT);
    let modes = [
        NameReply::Silent,
        NameReply::Code(2),
        NameReply::Code(3),
        NameReply::Addresses(Vec::new(), 1),
        // A link-local address without its interface, and this host.
        NameReply::Addresses(vec!["fe80::1".parse().unwrap(), [0; 4].into()], 1),
    ];
    for (number, mode) in modes.into_iter().enumerate() {
        server.set_all(Some(mode));
        operated.wait_for_line(FAILING, number + 1);
        for _ in 0..4 {
            served_client(&port);
        }
        assert_eq!(operated.target_addresses(), BTreeSet::from(both.clone()));
        let status = operated.http.get("/v1/status").json();
        assert_eq!(status["failing_names"][0]["name"], NAME, "{status}");
        assert_eq!(status["failing_names"][0]["addresses"], 2, "{status}");
        server.set_all(None);
        operated.wait_for_line(RESOLVED, number + 1);
    }
    let metrics = operated.http.get("/metrics").body;
    let expected = format!("traffic_forwarder_name_targets{{name=\"{NAME}\"}} 2");
    assert!(metrics.contains(&expected), "{metrics}");
    assert_eq!(operated.count_lines(|line| line.contains(CHANGED)), 1);
}

#[test]
fn an_answer_with_a_useless_address_loses_no_client() {
    let (server, targets, port) = (NameServer::start(), Targets::start(1), Port::v4());
    let useless = ["fe80::1", "0.0.0.0", "::", "224.0.0.1"].map(|text| text.parse().unwrap());
    server.set(NAME, NameReply::Addresses([&useless[..], &[ip(1)]].concat(), 60));
    let config = Config::new().forward(port.addr(), targets.dns(), "");
    let (operated, _etc) = start(&server, "", config);
    operated.wait_for_targets([targets.address(1)], LIMIT);
    (0..10).for_each(|_| _ = served_client(&port));
}

#[test]
fn services_have_their_ports_priorities_and_weights() {
    let (server, mut targets, port) = (NameServer::start(), Targets::start(3), Port::v4());
    server.set(SERVICE, targets.services(&[(10, 3), (10, 1), (20, 5)]));
    let settings = "balance = 'round_robin'";
    let config = Config::new().forward(port.addr(), format!("srv:{SERVICE}"), settings);
    let (operated, _etc) = start(&server, "", config);
    operated.wait_for_targets([1, 2, 3].map(|last| targets.address(last)), LIMIT);
    let shares =
        operated.targets().into_iter().map(|it| (it["weight"].clone(), it["backup"].clone()));
    let expected = [(3, false), (1, false), (5, true)].map(|(w, b)| (json!(w), json!(b)));
    assert_eq!(shares.collect::<Vec<_>>(), expected);
    assert_eq!(operated.targets()[0]["set"], json!(format!("srv:{SERVICE}")));
    (0..8).for_each(|_| _ = served_client(&port));
    assert_eq!(targets.accepted(), [6, 2, 0]);

    // The next priority serves while all targets of the first one are down.
    targets.targets.drain(..2);
    (0..8).for_each(|_| _ = served_client(&port));
    assert_eq!(targets.accepted(), [8]);

    // Weights and priorities change at the next answer, without any removal.
    server.set(SERVICE, targets.services(&[(30, 1), (30, 1), (20, 2)]));
    wait_until("the other priorities", LIMIT, || {
        let backup = |it: &Value| it["backup"].as_bool().unwrap();
        operated.targets().iter().map(backup).collect::<Vec<_>>() == [true, true, false]
    });
}

#[test]
fn two_hundred_services_come_by_tcp() {
    let (server, port) = (NameServer::start(), Port::v4());
    let number = Port::v4();
    let all: Vec<u8> = (1..=200).collect();
    let services = all.iter().map(|last| (1, 1, number.number(), format!("host-{last}.test")));
    let hosts = all.iter().map(|last| (format!("host-{last}.test"), ip(*last)));
    server.set(SERVICE, NameReply::ServicesWithHosts(services.collect(), hosts.collect(), 60));
    let config = Config::new().forward(port.addr(), format!("srv:{SERVICE}"), "");
    let (operated, _etc) = start(&server, "", config);
    let address = |last: &u8| SocketAddr::new(ip(*last), number.number()).to_string();
    operated.wait_for_targets(all.iter().map(address), LIMIT);
}

#[test]
fn targets_beyond_the_limit_are_left_out() {
    let (server, targets, port) = (NameServer::start(), Targets::start(1), Port::v4());
    let many: Vec<IpAddr> =
        (0..1100_u16).map(|it| [127, 1, it.to_be_bytes()[0], it.to_be_bytes()[1]].into()).collect();
    server.set(NAME, NameReply::ByTcp(many));
    let to = [targets.dns(), targets.address(1)];
    let config = Config::new().forward_to_several(port.addr(), &to, "balance = 'first'");
    let (operated, _etc) = start(&server, "", config);
    wait_until("1,024 targets", LIMIT, || operated.targets().len() == 1024);
    assert_eq!(operated.targets()[1023]["address"], json!(targets.address(1)));
    operated.wait_for_line("a forward has at most 1024 targets: these are left out", 1);
    operated.wait_for_line("a name has more than 1024 addresses: these are left out", 1);
    served_client(&port);
}

#[test]
fn a_name_is_asked_once_for_all_forwards_and_sessions() {
    let (server, targets) = (NameServer::start(), Targets::start(1));
    server.set(NAME, addresses([1], 3600));
    let ports = [(); 4].map(|()| Port::v4());
    let number = targets.port.number();
    let mut config = Config::new().forward(ports[0].addr(), format!("{NAME}:{number}"), "");
    for port in &ports[1..] {
        config = config.forward(port.addr(), targets.dns(), "");
    }
    let (operated, _etc) = start(&server, "", config);
    for port in ports.iter().cycle().take(20) {
        served_client(port);
    }
    assert_eq!(operated.wait_for_records(20).len(), 20);
    assert_eq!(server.asked(NAME), 1);
}

#[test]
fn an_upgrade_and_a_reload_in_an_outage_lose_no_target() {
    let (server, targets, port) = (NameServer::start(), Targets::start(2), Port::v4());
    server.set(NAME, addresses([1, 2], 1));
    server.set(SERVICE, targets.services(&[(1, 1), (2, 1)]));
    let config = Config::new().forward(port.addr(), targets.dns(), "connect_timeout = '3s'");
    let service = Port::v4();
    let config = config.forward(service.addr(), format!("srv:{SERVICE}"), "");
    let (operated, _etc) = start(&server, IMPATIENT, config.clone());
    let both = [1, 2].map(|last| targets.address(last));
    operated.wait_for_targets(both.clone(), LIMIT);
    wait_until("both services", LIMIT, || {
        let forwards = operated.http.json("/v1/forwards");
        forwards["forwards"][1]["targets"].as_array().unwrap().len() == 2
    });
    server.set_all(Some(NameReply::Silent));
    operated.wait_for_line(FAILING, 2);
    for _ in 0..2 {
        operated.upgrade();
        let begun = Instant::now();
        (0..4).for_each(|_| _ = (served_client(&port), served_client(&service)));
        assert!(begun.elapsed() < Duration::from_secs(2), "no client waits for a name server");
        assert_eq!(operated.target_addresses(), BTreeSet::from(both.clone()));
    }
    // A further forward with the same name has its targets at once.
    let more = Port::v4();
    operated.reload(config.forward(more.addr(), targets.dns(), ""));
    let begun = Instant::now();
    served_client(&more);
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_eq!(operated.target_addresses(), BTreeSet::from(both));
}

#[test]
fn without_an_answer_clients_end_by_the_name_after_their_own_time() {
    let (server, targets) = (NameServer::start(), Targets::start(1));
    let [silent, unknown, mixed] = [(); 3].map(|()| Port::v4());
    server.set("silent.test", NameReply::Silent);
    let settings = "connect_timeout = '500ms'";
    let config = Config::new()
        .forward(silent.addr(), "dns:silent.test:80", settings)
        .forward(unknown.addr(), "srv:_none._tcp.test", settings)
        .forward_to_several(mixed.addr(), &[&targets.address(1), "dns:silent.test:80"], "");
    let (operated, _etc) = start(&server, IMPATIENT, config);
    let begun = Instant::now();
    (0..10).for_each(|_| _ = served_client(&mixed));
    assert!(begun.elapsed() < Duration::from_secs(5), "the known target serves");
    wait_until("every entry without an answer is a target in the state unknown", LIMIT, || {
        let forwards = operated.http.json("/v1/forwards");
        let last = |at: usize| forwards["forwards"][at]["targets"].as_array().unwrap().last();
        let rows = [0, 1, 2].map(|at| last(at).cloned().unwrap());
        let entries = ["dns:silent.test:80", "srv:_none._tcp.test", "dns:silent.test:80"];
        rows.iter().zip(entries).all(|(row, entry)| {
            let is_named = row["why"].as_str().is_some_and(|why| !why.contains("no answer yet"));
            row["address"] == entry && row["state"] == "unknown" && is_named
        })
    });
    Peer::connect("client", &silent, Script::new().expect_reset()).finish();
    Peer::connect("client", &unknown, Script::new().expect_reset()).finish();
    let records = operated.wait_for_records(12);
    let of = |target: &str| records.iter().find(|it| it.json["target"] == target).unwrap();
    let record = of("dns:silent.test:80");
    assert_eq!(record.close_reason(), "limit/connect/name_timeout");
    assert!(record.duration >= Duration::from_millis(500), "{}", record.json);
    assert_eq!(of("srv:_none._tcp.test").close_reason(), "target/connect/name_error");
}

#[test]
fn the_first_answer_serves_clients_that_wait() {
    let (server, targets, port) = (NameServer::start(), Targets::start(1), Port::v4());
    server.set(NAME, NameReply::Silent);
    let config = Config::new().forward(port.addr(), targets.dns(), "connect_timeout = '1m'");
    let (_operated, _etc) = start(&server, "options timeout:1 attempts:5", config);
    server.wait_for_question(NAME, 0);
    let client = connect(&port).unwrap();
    server.set(NAME, addresses([1], 60));
    ping(&client);
}

#[test]
fn a_new_record_serves_clients_that_wait_for_a_place() {
    let (server, targets, port) = (NameServer::start(), Targets::start(2), Port::v4());
    server.set(NAME, addresses([1], 1));
    let to = format!("[{{ address = '{}', max_sessions = 1 }}]", targets.dns());
    let settings = format!("name = 'f'\nto = {to}\nat_limit = 'wait'");
    let (operated, _etc) = start(&server, "", Config::new().forward_with(port.addr(), settings));
    operated.wait_for_targets([targets.address(1)], LIMIT);
    let _served = served_client(&port);
    let waiting = asking_client(&port);
    is_waiting(&waiting);
    server.set(NAME, addresses([1, 2], 1));
    is_answered(&waiting);
    assert_eq!(targets.accepted(), [1, 1]);
}

#[test]
fn a_failed_connect_has_the_name_asked_again() {
    let (server, targets, port) = (NameServer::start(), Targets::start(1), Port::v4());
    // Nothing listens at the second address.
    server.set(NAME, addresses([1, 99], 3600));
    let settings = "balance = 'round_robin'\npassive = 'off'";
    let config = Config::new().forward(port.addr(), targets.dns(), settings);
    let (operated, _etc) = start(&server, "", config);
    operated.wait_for_targets([1, 99].map(|last| targets.address(last)), LIMIT);
    let (begun, before) = (Instant::now(), server.asked(NAME));
    while begun.elapsed() < Duration::from_secs(3) {
        served_client(&port);
        thread::sleep(Duration::from_millis(20));
    }
    let asked = server.asked(NAME) - before;
    assert!((2..=4).contains(&asked), "once a second: {asked}");
}
