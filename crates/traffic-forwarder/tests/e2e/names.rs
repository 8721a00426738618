//! A target name with several addresses: each is tried in turn, within `connect_timeout`; and slow
//! lookups. The several addresses are in the test's own hosts file, in a private mount namespace of
//! the forwarder.

use std::fs;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use testkit::{
    Behaviour, BlackHole, Forwarder, LIMIT, Peer, Place, Port, Script, SessionRecord, Signal,
    Target, connect, exchange,
};

use crate::support::{BINARY, Config, QUIET, SlowLookups, ping, play, served_client, with_hosts};

const NAME: &str = "several.test";

fn start_with_hosts(dir: &Path, config: &Config) -> Forwarder {
    let forwarder = with_hosts(dir).config(config.text()).start();
    forwarder.ready();
    forwarder
}

// === several addresses ===

/// A forwarder that resolves the name to these addresses, in this order.
struct Named {
    port: Port,
    forwarder: Forwarder,
}

impl Named {
    fn start(addresses: &[IpAddr], target_port: u16, settings: &str) -> Self {
        let (dir, port) = (TempDir::new().unwrap(), Port::v4());
        let mut hosts = fs::File::create(dir.path().join("hosts")).unwrap();
        for ip in addresses {
            writeln!(hosts, "{ip} {NAME}").unwrap();
        }
        let config = Config::new().forward(port.addr(), format!("{NAME}:{target_port}"), settings);
        Self { port, forwarder: start_with_hosts(dir.path(), &config) }
    }

    /// The last address that the only session connected to, or tried; and its close reason.
    fn outcome(&self) -> (SocketAddr, String) {
        let record = self.forwarder.wait_for_records(1).remove(0);
        let address = record.json["target_address"].as_str().unwrap().parse().unwrap();
        (address, record.close_reason())
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The same port of several addresses, with a listener at the last one only.
fn only_the_last_listens(addresses: &[&str]) {
    let addresses: Vec<_> = addresses.iter().map(|text| ip(text)).collect();
    let number = Port::every_address();
    let at = SocketAddr::new(*addresses.last().unwrap(), number.number());
    let target = Target::start_at(Place::At(at), Behaviour::Verify);
    let named = Named::start(&addresses, number.number(), "");
    exchange(connect(&named.port).unwrap(), 1000, 1000, 1).unwrap();
    assert_eq!(named.outcome(), (at, "client/relay/fin".to_owned()));
    assert_eq!(target.accepted(), 1);
}

#[test]
fn a_refusing_address_is_skipped() {
    only_the_last_listens(&["::1", "127.0.0.1"]);
    only_the_last_listens(&["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"]);
}

#[test]
fn if_every_address_refuses_the_client_is_reset() {
    let number = Port::every_address();
    let addresses = [ip("127.0.0.2"), ip("127.0.0.3")];
    let named = Named::start(&addresses, number.number(), "connect_timeout = '1h'");
    Peer::connect("client", &named.port, Script::new().expect_reset()).finish();
    let (address, reason) = named.outcome();
    assert!(addresses.contains(&address.ip()), "{address}");
    assert_eq!(reason, "target/connect/refused");
}

/// The text of the configuration does not show that the name is this very listener.
#[test]
fn a_name_of_our_own_listener_is_a_loop() {
    for listen in ["0.0.0.0", "127.0.0.1", ""] {
        let (dir, port) = (TempDir::new().unwrap(), Port::every_address().number());
        fs::write(dir.path().join("hosts"), format!("127.0.0.1 {NAME}\n")).unwrap();
        let config = Config::new();
        let config = config.forward(format!("{listen}:{port}"), format!("{NAME}:{port}"), "");
        let forwarder = start_with_hosts(dir.path(), &config);
        let client = SocketAddr::new(ip("127.0.0.1"), port);
        Peer::connect("client", client, Script::new().expect_reset()).finish();
        let record = forwarder.wait_for_records(1).remove(0);
        assert_eq!(record.close_reason(), "target/connect/loop");
        assert_eq!(record.json["target_address"], format!("127.0.0.1:{port}"));
    }
}

/// The first address never answers, and may use only its share of `connect_timeout`.
#[test]
fn an_address_that_never_answers_leaves_time_for_the_next() {
    let port = Port::every_address();
    let hole = BlackHole::open_at(Place::At(port.addr()));
    let at = SocketAddr::new(ip("127.0.0.9"), hole.addr().port());
    let target = Target::start_at(Place::At(at), Behaviour::Verify);
    let named = Named::start(&[hole.addr().ip(), at.ip()], at.port(), "connect_timeout = '6s'");
    exchange(connect(&named.port).unwrap(), 1000, 1000, 1).unwrap();
    assert_eq!(named.outcome(), (at, "client/relay/fin".to_owned()));
    assert_eq!(target.accepted(), 1);
}

/// In any order of the addresses.
#[test]
fn the_record_has_the_address_of_its_cause() {
    let port = Port::every_address();
    let hole = BlackHole::open_at(Place::At(port.addr()));
    let (silent, refuses) = (hole.addr(), ip("127.0.0.9"));
    for addresses in [[silent.ip(), refuses], [refuses, silent.ip()]] {
        let named = Named::start(&addresses, silent.port(), "connect_timeout = '1s'");
        Peer::connect("client", &named.port, Script::new().expect_reset()).finish();
        assert_eq!(named.outcome(), (silent, "limit/connect/connect_timeout".to_owned()));
    }
}

// === slow lookups ===

#[test]
fn a_slow_lookup_delays_no_other_session() {
    let lookups = SlowLookups::new();
    let (target, slow, quick) = (Target::start(Behaviour::Echo), Port::v4(), Port::v4());
    let by_name = format!("{}:{}", SlowLookups::NAME, target.addr().tcp().port());
    let config = Config::new()
        .process("workers = 1")
        .forward(slow.addr(), by_name, "connect_timeout = '1h'")
        .forward(quick.addr(), target.addr(), "");
    let forwarder = lookups.forwarder(BINARY).config(config.text()).start();
    forwarder.ready();
    let waiting: Vec<_> = (0..20).map(|_| connect(&slow).unwrap()).collect();
    for client in &waiting {
        play(client, Script::new().write_bytes("."));
    }
    for _ in 0..20 {
        served_client(&quick);
    }
    play(&waiting[0], Script::new().expect_silence(QUIET));
    let is_quick = |record: &SessionRecord| record.listener == quick.addr().to_string();
    assert!(forwarder.wait_for_records(20).iter().all(is_quick), "the slow ones still wait");
    lookups.let_go();
    for client in &waiting {
        play(client, Script::new().read_exactly(1));
        ping(client);
    }
}

#[test]
fn a_lookup_counts_as_connecting_and_delays_no_exit() {
    let (lookups, slow) = (SlowLookups::new(), Port::v4());
    let by_name = format!("{}:80", SlowLookups::NAME);
    let config = Config::new().process("shutdown_timeout = '200ms'");
    let config = config.forward(slow.addr(), by_name, "connect_timeout = '1s'");
    let forwarder = lookups.forwarder(BINARY).config(config.text()).start();
    forwarder.ready();
    Peer::connect("client", &slow, Script::new().expect_reset()).finish();
    let record = forwarder.wait_for_records(1).remove(0);
    assert_eq!(record.close_reason(), "limit/connect/name_timeout");
    assert!(record.duration >= Duration::from_secs(1), "{}", record.json);
    let waiting = connect(&slow).unwrap();
    play(&waiting, Script::new().expect_silence(QUIET));
    forwarder.signal(Signal::TERM);
    assert_eq!(forwarder.wait_exit(LIMIT).code(), Some(0));
    play(&waiting, Script::new().expect_reset());
}
