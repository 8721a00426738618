//! Listening on the addresses of a name, which is looked up at the start and at each reload. The names are in the
//! test's own hosts file, in a private mount namespace of the forwarder.

use std::fs;
use std::net::SocketAddr;

use tempfile::TempDir;
use testkit::{Behaviour, LIMIT, Port, Target, connect, wait_until};

use crate::support::{Config, Operated, messages, ping, served_client, with_hosts};

struct Fixture {
    dir: TempDir,
    port: Port,
    target: Target,
}

impl Fixture {
    fn new(addresses: &[&str]) -> Self {
        let (dir, port) = (TempDir::new().unwrap(), Port::every_address());
        let fixture = Self { dir, port, target: Target::start(Behaviour::Echo) };
        fixture.set_addresses(addresses);
        fixture
    }

    /// The addresses of `web.test` from now on.
    fn set_addresses(&self, addresses: &[&str]) {
        let lines = addresses.iter().map(|ip| format!("{ip} web.test\n"));
        fs::write(self.dir.path().join("hosts"), lines.collect::<String>()).unwrap();
    }

    fn config(&self) -> Config {
        Config::new().forward(self.named("web.test"), self.target.addr(), "name = 'f'")
    }

    fn named(&self, host: &str) -> String {
        format!("{host}:{}", self.port.number())
    }

    fn at(&self, host: &str) -> SocketAddr {
        self.named(host).parse().unwrap()
    }

    fn start(&self) -> Operated {
        Operated::start_from(with_hosts(self.dir.path()), self.config())
    }

    #[track_caller]
    fn is_served_at(&self, hosts: &[&str]) {
        for host in ["127.0.0.1", "127.0.0.2", "[::1]"] {
            if hosts.contains(&host) {
                served_client(self.at(host));
            } else {
                assert!(connect(self.at(host)).is_err(), "{host}");
            }
        }
    }
}

fn upgrade(operated: &Operated) {
    operated.http.post("/v1/upgrade").status(202);
    wait_until("the next image", LIMIT, || messages(operated, "upgraded").len() == 1);
}

#[test]
fn a_reload_follows_the_addresses_and_keeps_what_stays() {
    let fixture = Fixture::new(&["::1", "127.0.0.1", "127.0.0.1"]);
    let operated = fixture.start();
    fixture.is_served_at(&["127.0.0.1", "[::1]"]);
    let shown = operated.http.json("/v1/forwards/f").to_string();
    assert!(shown.contains(&fixture.named("127.0.0.1")), "{shown}");
    assert_eq!(operated.http.json("/v1/status")["listeners"], 2);
    let client = served_client(fixture.at("127.0.0.1"));
    let unchanged = operated.reload(fixture.config());
    assert_eq!(unchanged["unchanged"], 1, "{unchanged}");
    fixture.set_addresses(&["127.0.0.1", "127.0.0.2"]);
    operated.http.post("/v1/reload?dry_run=true").success();
    fixture.is_served_at(&["127.0.0.1", "[::1]"]);
    let changed = operated.reload(fixture.config());
    assert_eq!(changed["changed"][0]["changes"][0]["key"], "listen", "{changed}");
    fixture.is_served_at(&["127.0.0.1", "127.0.0.2"]);
    ping(&client);
}

#[test]
fn a_name_that_is_gone_keeps_its_listeners_also_over_an_upgrade() {
    let fixture = Fixture::new(&["127.0.0.1", "::1"]);
    let operated = fixture.start();
    let client = served_client(fixture.at("127.0.0.1"));
    fixture.set_addresses(&[]);
    let said = format!("listen {}: the name does not exist", fixture.named("web.test"));
    for is_upgraded in [false, true] {
        if is_upgraded {
            upgrade(&operated);
        }
        let report = operated.reload(fixture.config());
        let skipped = report["skipped"][0].as_str().unwrap().to_owned();
        assert!(skipped.starts_with(&said), "{report}");
        assert!(skipped.ends_with("its listeners stay as they are"), "{report}");
        fixture.is_served_at(&["127.0.0.1", "[::1]"]);
    }
    ping(&client);
    // A new name without addresses is refused, and nothing changes.
    let other = fixture.config().forward("other.test:1", fixture.target.addr(), "");
    operated.write(other);
    for query in ["?dry_run=true", ""] {
        let refused = operated.http.post(&format!("/v1/reload{query}")).status(409).body;
        assert!(refused.contains("listen other.test:1: the name does not exist"), "{refused}");
    }
    fixture.is_served_at(&["127.0.0.1", "[::1]"]);
}

#[test]
fn a_fall_back_after_an_upgrade_returns_to_the_addresses_before() {
    let fixture = Fixture::new(&["127.0.0.1"]);
    let operated = fixture.start();
    fixture.set_addresses(&["127.0.0.2"]);
    operated.http.post("/v1/reload?confirm=2s").success();
    fixture.is_served_at(&["127.0.0.2"]);
    upgrade(&operated);
    wait_until("the fall-back", LIMIT, || operated.generation() == 3);
    fixture.is_served_at(&["127.0.0.1"]);
}

#[test]
fn a_start_without_an_address_fails_and_may_be_repeated() {
    let fixture = Fixture::new(&[]);
    let ended = with_hosts(fixture.dir.path()).config(fixture.config().text()).run();
    assert_eq!(ended.status.code(), Some(1));
    let said = format!("listen {}: the name does not exist", fixture.named("web.test"));
    assert!(ended.stderr.contains(&said), "{}", ended.stderr);
}

#[test]
fn a_failed_look_up_names_every_forward() {
    let fixture = Fixture::new(&[]);
    let port = Port::every_address();
    let second = format!("web.test:{}", port.number());
    let both = fixture.config().forward(&second, fixture.target.addr(), "name = 'g'");
    let said = |text: &str| {
        for (listen, name) in [(fixture.named("web.test"), 'f'), (second.clone(), 'g')] {
            let start = format!("listen {listen}: the name does not exist");
            let line = text.lines().find(|line| line.contains(&start)).unwrap_or_default();
            assert!(line.contains(&format!("for forward `{name}`")), "{text}");
        }
    };
    said(&with_hosts(fixture.dir.path()).config(both.text()).run().stderr);
    fixture.set_addresses(&["127.0.0.1"]);
    let operated = Operated::start_from(with_hosts(fixture.dir.path()), both);
    fixture.set_addresses(&[]);
    let report = operated.http.post("/v1/reload").success().json();
    let kept: Vec<_> = report["skipped"].as_array().unwrap().iter().collect();
    assert_eq!(kept.len(), 2, "{report}");
    said(&kept.iter().map(|it| it.as_str().unwrap()).collect::<Vec<_>>().join("\n"));
}

#[test]
fn an_address_of_a_name_that_another_forward_has_is_refused() {
    let fixture = Fixture::new(&["127.0.0.1", "::1"]);
    let by_address = fixture.named("127.0.0.1");
    let both = fixture.config().forward(&by_address, fixture.target.addr(), "name = 'g'");
    let said = format!("listen {by_address}: forward `f` listens there already");
    let ended = with_hosts(fixture.dir.path()).config(both.text()).run();
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.stderr.contains(&said), "{}", ended.stderr);
    let operated = fixture.start();
    operated.write(both);
    for query in ["?dry_run=true", ""] {
        let refused = operated.http.post(&format!("/v1/reload{query}")).status(409).body;
        assert!(refused.contains(&said), "{refused}");
    }
    fixture.is_served_at(&["127.0.0.1", "[::1]"]);
}

#[test]
fn a_one_line_forward_listens_on_a_name() {
    let fixture = Fixture::new(&["127.0.0.1", "::1"]);
    let line = format!("{}={}", fixture.named("web.test"), fixture.target.addr());
    let running = with_hosts(fixture.dir.path()).args([&line]).start();
    running.ready();
    fixture.is_served_at(&["127.0.0.1", "[::1]"]);
}
