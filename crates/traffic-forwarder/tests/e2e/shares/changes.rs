//! Clients and their places when something changes: reload, drain, kill, upgrade.

use testkit::{Behaviour, LIMIT, Port, Socket, Target, connect_from, wait_until};

use super::{address, fill, is_refused, is_served, places, wait_for_places};
use crate::support::{BINARY, Config, Console, Operated, messages, ping};

struct Fixture {
    target: Target,
    port: Port,
    workers: u32,
    operated: Operated,
}

impl Fixture {
    fn start(workers: u32, settings: &str) -> Self {
        let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
        let operated = Operated::start(config(workers, &port, &target, settings));
        Self { target, port, workers, operated }
    }

    #[track_caller]
    fn reload(&self, settings: &str) {
        self.operated.reload(config(self.workers, &self.port, &self.target, settings));
    }

    #[track_caller]
    fn upgrade(&self) {
        let before = messages(&self.operated, "upgraded").len();
        self.operated.http.post(&format!("/v1/upgrade?binary={BINARY}")).status(202);
        let arrived = || messages(&self.operated, "upgraded").len() > before;
        wait_until("the next image", LIMIT, arrived);
    }

    fn fill(&self, number: u16, most: usize) -> Vec<Socket> {
        fill(number, self.port.addr(), most)
    }
}

fn config(workers: u32, port: &Port, target: &Target, settings: &str) -> Config {
    let settings = format!("name = 'f'\n{settings}");
    let config = Config::new().process(&format!("workers = {workers}"));
    config.forward(port.addr(), target.addr(), settings)
}

fn a_reload_counts_open_sessions_anew(workers: u32) {
    let fixture = Fixture::start(workers, "per_client = { sessions = 4 }");
    let [one, two] = [1, 2].map(|number| fixture.fill(number, 3));
    wait_for_places(&fixture.operated, &[("127.9.0.1", 3), ("127.9.0.2", 3)]);
    // Both are one client now, with more sessions than it may have.
    fixture.reload("per_client = { sessions = 4, prefix = [24, 64] }");
    wait_for_places(&fixture.operated, &[("127.9.0.0/24", 6)]);
    is_refused(1, fixture.port.addr());
    is_refused(3, fixture.port.addr());
    drop(two);
    wait_for_places(&fixture.operated, &[("127.9.0.0/24", 3)]);
    let three = is_served(3, fixture.port.addr());
    // Switched off: nothing is counted.
    fixture.reload("share = 'off'");
    wait_for_places(&fixture.operated, &[]);
    let more = fixture.fill(1, 20);
    assert_eq!(more.len(), 20);
    // And on again.
    fixture.reload("per_client = { exempt = ['127.9.0.3'] }");
    wait_for_places(&fixture.operated, &[("127.9.0.1", 23)]);
    drop(more);
    wait_for_places(&fixture.operated, &[("127.9.0.1", 3)]);
    one.iter().chain([&three]).for_each(ping);
    drop((one, three));
    wait_for_places(&fixture.operated, &[]);
}

#[test]
fn a_reload_counts_open_sessions_anew_with_one_worker() {
    a_reload_counts_open_sessions_anew(1);
}

#[test]
fn a_reload_counts_open_sessions_anew_with_two_workers() {
    a_reload_counts_open_sessions_anew(2);
}

#[test]
fn a_changed_share_holds_at_once() {
    let fixture = Fixture::start(2, "max_sessions = 100");
    let held = fixture.fill(1, 60);
    assert_eq!(held.len(), 60);
    fixture.reload("max_sessions = 100\nshare = 1");
    is_refused(1, fixture.port.addr());
    let _other = fixture.fill(2, 10);
    fixture.reload("max_sessions = 100\nshare = 'off'");
    assert_eq!(fixture.fill(1, 100).len(), 30);
    fixture.reload("max_sessions = 50");
    is_refused(3, fixture.port.addr());
    drop(held);
    wait_until("room", LIMIT, || super::client(3, fixture.port.addr()).is_some());
}

#[test]
fn a_wrong_configuration_changes_nothing() {
    let fixture = Fixture::start(1, "per_client = { sessions = 1 }");
    let _held = is_served(1, fixture.port.addr());
    for wrong in [
        "share = 0",
        "share = -1",
        "per_client = { burst = 3 }",
        "per_client = { prefix = [33, 64] }",
    ] {
        fixture.operated.write(config(1, &fixture.port, &fixture.target, wrong));
        fixture.operated.http.post("/v1/reload").status(422);
    }
    is_refused(1, fixture.port.addr());
}

fn an_upgrade_counts_the_restored_sessions(workers: u32) {
    let settings = "max_sessions = 50\nper_client = { sessions = 5 }";
    let fixture = Fixture::start(workers, settings);
    let [one, two] = [1, 2].map(|number| fixture.fill(number, 9));
    for _ in 0..2 {
        fixture.upgrade();
        wait_for_places(&fixture.operated, &[("127.9.0.1", 5), ("127.9.0.2", 5)]);
        one.iter().chain(&two).for_each(ping);
        is_refused(1, fixture.port.addr());
        drop(is_served(3, fixture.port.addr()));
    }
    drop(one);
    wait_for_places(&fixture.operated, &[("127.9.0.2", 5)]);
    assert_eq!(fixture.fill(1, 9).len(), 5);
}

#[test]
fn an_upgrade_counts_the_restored_sessions_with_one_worker() {
    an_upgrade_counts_the_restored_sessions(1);
}

#[test]
fn an_upgrade_counts_the_restored_sessions_with_two_workers() {
    an_upgrade_counts_the_restored_sessions(2);
}

#[test]
fn killed_sessions_give_their_places_back() {
    let fixture = Fixture::start(2, "per_client = { sessions = 5 }");
    let _one = fixture.fill(1, 9);
    let _two = fixture.fill(2, 9);
    fixture.operated.http.delete("/v1/sessions?client=127.9.0.1").success();
    wait_for_places(&fixture.operated, &[("127.9.0.2", 5)]);
    fixture.operated.http.post("/v1/forwards/f/drain").success();
    assert_eq!(places(&fixture.operated), [("127.9.0.2".to_owned(), 5)]);
    fixture.operated.http.post("/v1/forwards/f/resume").success();
    is_refused(2, fixture.port.addr());
    assert_eq!(fixture.fill(1, 9).len(), 5);
}

/// A removed forward that comes back has its clients again.
#[test]
fn a_removed_forward_keeps_the_count_of_its_clients() {
    let fixture = Fixture::start(2, "per_client = { sessions = 5 }");
    let one = fixture.fill(1, 9);
    let other = Port::v4();
    let without = Config::new().process("workers = 2");
    fixture.operated.reload(without.forward(other.addr(), fixture.target.addr(), "name = 'other'"));
    assert_eq!(places(&fixture.operated), [("127.9.0.1".to_owned(), 5)]);
    fixture.reload("per_client = { sessions = 5, prefix = [16, 64] }");
    wait_for_places(&fixture.operated, &[("127.9.0.0/16", 5)]);
    drop(one);
    wait_for_places(&fixture.operated, &[]);
}

#[test]
fn clients_lists_who_holds_how_much() {
    let console = Console::new();
    let (target, ports) = (Target::start(Behaviour::Echo), [Port::v4(), Port::v4()]);
    let config = Config::new().process("workers = 2").admin(&console.admin());
    let config = config
        .forward(ports[0].addr(), target.addr(), "name = 'web'\nper_client = { sessions = 3 }")
        .forward(ports[1].addr(), target.addr(), "name = 'raw'\nshare = 'off'");
    let forwarder = config.start();
    assert_eq!(console.done(&["clients", "web"]).text(), "no clients of web\n");
    assert!(console.done(&["clients"]).text().starts_with("no clients\n"));
    let _held = (fill(1, ports[0].addr(), 9), is_served(2, ports[0].addr()));
    let _raw = is_served(1, ports[1].addr());
    let text = console.done(&["clients"]).text();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["FORWARD", "CLIENT", "SESSIONS", "FOR", "REFUSED"], "{text}");
    assert_eq!([&rows[1][..3], &rows[1][4..]].concat(), ["web", "127.9.0.1", "3", "1"], "{text}");
    assert_eq!([&rows[2][..3], &rows[2][4..]].concat(), ["web", "127.9.0.2", "1", "0"], "{text}");
    assert!(text.ends_with("2 clients\nnot counted, since `share` is off: raw\n"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let json = console.json(&["clients", "web", "--limit", "1"]);
    assert_eq!(json["total"], 2, "{json}");
    let client = &json["clients"][0];
    assert_eq!((&client["client"], &client["places"]), (&"127.9.0.1".into(), &3.into()), "{json}");
    assert!(client["since"].is_string(), "{json}");
    let unknown = console.refused(&["clients", "we"], 1);
    assert!(unknown.contains("web"), "{unknown}");
    drop(forwarder);
}

/// A client counts from its connection on, also while its TLS hello is awaited.
#[test]
fn a_client_counts_before_its_hello() {
    let route = Target::start(Behaviour::Echo);
    let settings = format!(
        "route = [{{ sni = 'a.example', to = '{}' }}]\nhello_timeout = '1h'\n\
         per_client = {{ sessions = 2 }}",
        route.addr()
    );
    let fixture = Fixture::start(2, &settings);
    let held = [(); 2].map(|()| connect_from(address(1), fixture.port.addr()).unwrap());
    for _ in 0..2 {
        wait_for_places(&fixture.operated, &[("127.9.0.1", 2)]);
        is_refused(1, fixture.port.addr());
        fixture.upgrade();
    }
    // No TLS: the forward's own target serves them, and they count as before.
    held.iter().for_each(ping);
    wait_for_places(&fixture.operated, &[("127.9.0.1", 2)]);
    is_refused(1, fixture.port.addr());
    drop(held);
    wait_for_places(&fixture.operated, &[]);
}

/// Peers that have yet to send their headers are counted over reloads and an upgrade.
#[test]
fn peers_without_a_header_stay_counted() {
    let proxies = "accept_proxy = { from = '127.0.0.0/8', timeout = '1h' }";
    let fixture = Fixture::start(2, proxies);
    let connect = |_| connect_from(address(1), fixture.port.addr()).unwrap();
    let silent: Vec<_> = (0..9).map(connect).collect();
    wait_for_places(&fixture.operated, &[("127.9.0.1", 9)]);
    fixture.upgrade();
    wait_for_places(&fixture.operated, &[("127.9.0.1", 9)]);
    fixture.reload(&format!("{proxies}\nper_client = {{ sessions = 2, prefix = [24, 64] }}"));
    wait_for_places(&fixture.operated, &[("127.9.0.0/24", 9)]);
    // Without a share, a proxy is not counted: it has no other limit.
    fixture.reload(&format!("{proxies}\nshare = 'off'\nper_client = {{ sessions = 2 }}"));
    wait_for_places(&fixture.operated, &[]);
    fixture.reload(proxies);
    wait_for_places(&fixture.operated, &[("127.9.0.1", 9)]);
    drop(silent);
    wait_for_places(&fixture.operated, &[]);
}
