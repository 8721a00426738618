//! Lists that change: reload, fall-back, upgrade.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;
use testkit::{Behaviour, LIMIT, Port, Target, wait_until};

use super::{is_reset, is_served};
use crate::support::{BINARY, Config, Operated, messages, ping, served_client};

/// A forward with a file of prefixes in `allow`, and one in `deny`.
struct Fixture {
    operated: Operated,
    dir: TempDir,
    /// With the file in `allow`, and in `deny`.
    ports: [Port; 2],
    target: Target,
}

impl Fixture {
    fn start(prefixes: &str) -> Self {
        Self::start_with(prefixes, "")
    }

    fn start_with(prefixes: &str, process: &str) -> Self {
        let (dir, ports) = (TempDir::new().unwrap(), [Port::v4(), Port::v4()]);
        let target = Target::start(Behaviour::Echo);
        fs::write(dir.path().join("list"), prefixes).unwrap();
        let operated = Operated::start(config(&dir, &ports, &target, process));
        Self { operated, dir, ports, target }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("list")
    }

    fn write(&self, prefixes: &str) {
        fs::write(self.path(), prefixes).unwrap();
    }

    /// Clients from the file's only address are those of the first forward, and not of the second.
    #[track_caller]
    fn names(&self, source: &str) {
        for other in ["127.0.0.1", "127.0.0.2", "127.0.0.3"] {
            let [allowed, denied] = self.ports.each_ref().map(Port::addr);
            let (served, reset) =
                if other == source { (allowed, denied) } else { (denied, allowed) };
            is_served(other, served);
            is_reset(other, reset);
        }
    }

    fn reload(&self) -> Value {
        self.operated.http.post("/v1/reload").success().json()
    }

    fn upgrade(&self) {
        let before = messages(&self.operated, "upgraded").len();
        self.operated.http.post(&format!("/v1/upgrade?binary={BINARY}")).status(202);
        let arrived = || messages(&self.operated, "upgraded").len() > before;
        wait_until("the next image", LIMIT, arrived);
    }
}

fn config(dir: &TempDir, ports: &[Port; 2], target: &Target, process: &str) -> Config {
    let entry = format!("'file:{}/list'", dir.path().display());
    let lists = [format!("allow = {entry}"), format!("deny = {entry}")];
    let named = ["name = 'allow'", "name = 'deny'"].into_iter().zip(lists).zip(ports);
    named.fold(Config::new().process(process), |config, ((name, list), port)| {
        config.forward(port.addr(), target.addr(), format!("{name}\n{list}"))
    })
}

/// The parts of the change of a list in a report.
fn parts(report: &Value, forward: &str) -> String {
    let forwards = report["changed"].as_array().unwrap();
    let named = forwards.iter().find(|it| it["name"] == forward).expect("the forward");
    let changes = named["changes"].as_array().unwrap();
    let [change] = &changes[..] else { panic!("one change: {named}") };
    assert_eq!(change["key"], forward);
    let parts = change["parts"].as_array().unwrap().iter().map(|part| part.as_str().unwrap());
    parts.collect::<Vec<_>>().join(", ")
}

#[test]
fn a_reload_reads_the_files_again() {
    let fixture = Fixture::start("127.0.0.1\n");
    let client = served_client(&fixture.ports[0]);
    fixture.names("127.0.0.1");
    let report = fixture.reload();
    assert_eq!([&report["changed"], &report["unchanged"]], [&Value::Array(vec![]), &2.into()]);
    fixture.write("127.0.0.2\n# more\n10.0.0.0/8\n10.1.0.0/16\n10.2.0.0/16\n");
    let dry_run = fixture.operated.http.post("/v1/reload?dry_run=true").success().json();
    fixture.names("127.0.0.1");
    let report = fixture.reload();
    for report in [dry_run, report] {
        for forward in ["allow", "deny"] {
            assert_eq!(
                parts(&report, forward),
                "4 prefixes added (10.0.0.0/8, 10.1.0.0/16, 10.2.0.0/16, and 1 more), \
                 1 prefix removed (127.0.0.1)"
            );
        }
    }
    fixture.names("127.0.0.2");
    // The session of a client that is not allowed any more goes on.
    ping(&client);
}

/// Waits until the clients of the file's only address are those of the first forward.
fn wait_for_name(fixture: &Fixture, generation: u64, source: &str) {
    wait_until("the reload", LIMIT, || fixture.operated.generation() == generation);
    fixture.names(source);
}

#[test]
fn a_watched_file_is_read_when_it_changes() {
    let fixture = Fixture::start_with("127.0.0.1\n", "watch = true");
    fixture.names("127.0.0.1");
    fixture.write("127.0.0.2\n");
    wait_for_name(&fixture, 2, "127.0.0.2");
    fixture.write("broken\n");
    fixture.operated.wait_for_message("reload failed; nothing was changed");
    fixture.names("127.0.0.2");
    fixture.write("127.0.0.3\n");
    wait_for_name(&fixture, 3, "127.0.0.3");
    // The next image watches it, too, and notices a change of the meantime.
    let new = fixture.dir.path().join("new");
    fs::write(&new, "127.0.0.1\n").unwrap();
    fs::rename(new, fixture.path()).unwrap();
    fixture.upgrade();
    wait_for_name(&fixture, 4, "127.0.0.1");
    fixture.write("127.0.0.2\n");
    wait_for_name(&fixture, 5, "127.0.0.2");
}

#[test]
fn a_wrong_file_refuses_the_reload() {
    let fixture = Fixture::start("127.0.0.1\n");
    fixture.write("127.0.0.2\n127.0.0.3/24\nhost\n");
    let answer = fixture.operated.http.post("/v1/reload").status(422);
    for line in ["list:2:1", "127.0.0.0/24", "list:3:1", "`host`"] {
        assert!(answer.body.contains(line), "{line}: {}", answer.body);
    }
    fixture.names("127.0.0.1");
    fs::remove_file(fixture.path()).unwrap();
    let answer = fixture.operated.http.post("/v1/reload").status(422);
    assert!(answer.body.contains("does not exist"), "{}", answer.body);
    fixture.names("127.0.0.1");
    fixture.write("127.0.0.2\n");
    fixture.reload();
    fixture.names("127.0.0.2");
}

/// The earlier lists come back, not the earlier names of files.
#[test]
fn a_fall_back_returns_to_the_earlier_lists() {
    let fixture = Fixture::start("127.0.0.1\n");
    fixture.write("127.0.0.2\n");
    fixture.operated.http.post("/v1/reload?confirm=5s").success();
    fixture.names("127.0.0.2");
    fixture.write("broken\n");
    wait_until("the fall-back", LIMIT, || fixture.operated.generation() == 3);
    fixture.names("127.0.0.1");
}

/// A file that was broken since it was read neither opens nor closes a forward, and prevents no upgrade.
#[test]
fn an_upgrade_keeps_the_lists() {
    let fixture = Fixture::start("127.0.0.1\n");
    for text in ["127.0.0.2\n", "broken\n", "0.0.0.0/0\n"] {
        fixture.write(text);
        fixture.upgrade();
        fixture.names("127.0.0.1");
    }
    fs::remove_file(fixture.path()).unwrap();
    fixture.upgrade();
    fixture.names("127.0.0.1");
    fixture.write("127.0.0.2\n");
    fixture.reload();
    fixture.names("127.0.0.2");
}

#[test]
fn a_fall_back_after_an_upgrade_returns_to_the_earlier_lists() {
    let fixture = Fixture::start("127.0.0.1\n");
    fixture.write("127.0.0.2\n");
    fixture.operated.http.post("/v1/reload?confirm=10s").success();
    fs::remove_file(fixture.path()).unwrap();
    fixture.upgrade();
    fixture.names("127.0.0.2");
    wait_until("the fall-back", LIMIT, || fixture.operated.generation() == 3);
    fixture.names("127.0.0.1");
}

/// A removed forward has its text in the state: without the lists, whose files may be gone.
#[test]
fn sessions_of_a_removed_forward_survive_an_upgrade() {
    let fixture = Fixture::start("127.0.0.1\n");
    let client = served_client(&fixture.ports[0]);
    let other = Port::v4();
    let without = Config::new().forward(other.addr(), fixture.target.addr(), "name = 'other'");
    fixture.operated.reload(without);
    fs::remove_file(fixture.path()).unwrap();
    fixture.upgrade();
    ping(&client);
    fixture.operated.wait_for_sessions(1);
}

#[test]
fn the_counter_survives_an_upgrade() {
    let fixture = Fixture::start("127.0.0.1\n");
    is_reset("127.0.0.2", fixture.ports[0].addr());
    super::wait_for_refused(&fixture.operated, "allow", 1);
    fixture.upgrade();
    is_reset("127.0.0.2", fixture.ports[0].addr());
    super::wait_for_refused(&fixture.operated, "allow", 2);
}
