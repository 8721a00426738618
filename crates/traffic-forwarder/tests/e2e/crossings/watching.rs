//! A watched file: every change triggers a reload, and a reload that failed for a temporary reason
//! is retried.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use tempfile::TempDir;
use testkit::crossings::{Crossing, STATES};
use testkit::{Behaviour, Forwarder, LIMIT, Listener, Place, Port, Script, Target, wait_until};

use crate::support::{BINARY, Config, Operated, QUIET, forwarder, messages, play, served_client};

const RELOADED: &str = "configuration reloaded";
const FAILED: &str = "reload failed; nothing was changed";

struct Fixture {
    operated: Operated,
    target: Target,
    ports: [Port; 2],
}

impl Fixture {
    fn start() -> Self {
        let (target, ports) = (Target::start(Behaviour::Echo), [(); 2].map(|()| Port::v4()));
        let config = watched(&ports[0], &target);
        Self { operated: Operated::start(config), target, ports }
    }

    fn with(&self, at: usize) -> Config {
        watched(&self.ports[at], &self.target)
    }

    #[track_caller]
    fn wait_for_reloads(&self, count: usize) {
        wait_until(&format!("{count} reloads"), LIMIT, || self.reloads() >= count);
        assert_eq!(self.reloads(), count);
    }

    fn reloads(&self) -> usize {
        messages(&self.operated, RELOADED).len()
    }

    /// Asserts that no further reload follows within two checks of the file.
    fn stays_at(&self, count: usize) {
        let client = served_client(&self.ports[0]);
        play(&client, Script::new().expect_silence(7 * QUIET));
        assert_eq!(self.reloads(), count);
    }
}

fn watched(port: &Port, target: &Target) -> Config {
    Config::new().process("watch = true").forward(port.addr(), target.addr(), "name = 'web'")
}

#[test]
fn a_watched_file_crosses_as_documented() {
    assert_eq!(STATES[6].0, "a file that is watched");
    let fixture = Fixture::start();
    fixture.operated.cross(Crossing::Reload, fixture.with(0));
    fixture.stays_at(1);
    for (at, crossing) in [Crossing::FallBack, Crossing::FallBackAfterUpgrade].iter().enumerate() {
        fixture.operated.cross(*crossing, fixture.with(1));
        fixture.stays_at(2 + at);
    }
    // A change just before an upgrade, still unnoticed by the process.
    fixture.operated.write(fixture.with(1));
    fixture.operated.upgrade();
    fixture.wait_for_reloads(4);
    served_client(&fixture.ports[1]);
}

/// The next image must know the last-read state of the file.
#[test]
fn an_upgrade_does_not_reread_an_unchanged_file() {
    let fixture = Fixture::start();
    fixture.operated.upgrade();
    fixture.stays_at(0);
    fixture.operated.write(fixture.with(1));
    fixture.wait_for_reloads(1);
}

/// The file changes right after it is read, long before all listeners are bound.
#[test]
fn a_change_during_the_start_is_noticed() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let ports: Vec<Port> = (0..300).map(|_| Port::v4()).collect();
    let mut config = Config::new().process("watch = true");
    for port in &ports {
        config = config.forward(port.addr(), target.addr(), "");
    }
    let forwarder = forwarder().config(config.text()).start();
    wait_until("the file was read", LIMIT, || forwarder.fds().len() > 20);
    forwarder.write_config(&watched(&port, &target).text());
    forwarder.wait_for_message(RELOADED);
    served_client(&port);
}

/// As Kubernetes updates a ConfigMap, and as other programs replace files.
#[test]
fn every_way_to_replace_a_file_is_noticed() {
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name);
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    // All of equal length.
    let text = |timeout: u32| {
        let settings = format!("name = 'web'\nidle_timeout = '{timeout}m'");
        let config = Config::new().process("watch = true");
        config.forward(port.addr(), target.addr(), settings).text()
    };
    for (version, name) in [(1, "v1"), (2, "v2")] {
        fs::create_dir(at(name)).unwrap();
        fs::write(at(name).join("conf"), text(version)).unwrap();
    }
    symlink("v1", at("..data")).unwrap();
    symlink("..data/conf", at("conf")).unwrap();
    let forwarder = Forwarder::binary(BINARY).arg("-c").arg(at("conf")).start();
    forwarder.ready();
    let reloads = |count: usize| {
        wait_until(&format!("{count} reloads"), LIMIT, || {
            messages(&forwarder, RELOADED).len() == count
        });
    };
    // The link gets another target.
    symlink("v2", at("..new")).unwrap();
    fs::rename(at("..new"), at("..data")).unwrap();
    reloads(1);
    // Another file replaces the link.
    fs::write(at("new"), text(3)).unwrap();
    fs::rename(at("new"), at("conf")).unwrap();
    reloads(2);
    // Written in place, with its previous size and modification time.
    let modified = fs::metadata(at("conf")).unwrap().modified().unwrap();
    fs::write(at("conf"), text(4)).unwrap();
    let file = fs::File::options().write(true).open(at("conf")).unwrap();
    file.set_times(fs::FileTimes::new().set_modified(modified)).unwrap();
    reloads(3);
    // Removed and recreated.
    fs::remove_file(at("conf")).unwrap();
    forwarder.wait_for_message(
        "the watched file is gone: what runs goes on, and it is read again when it is back",
    );
    fs::write(at("conf"), text(5)).unwrap();
    reloads(4);
    let changed = messages(&forwarder, RELOADED);
    assert!(changed.iter().all(|line| line["changed"] == 1), "{changed:?}");
}

#[test]
fn a_constantly_touched_file_is_read() {
    let fixture = Fixture::start();
    fixture.operated.write(fixture.with(1));
    let path = fixture.operated.config_path();
    let mut time = std::time::UNIX_EPOCH;
    // Changes between any two checks of the file.
    wait_until("it is read", LIMIT, || {
        time += Duration::from_secs(1);
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_times(fs::FileTimes::new().set_modified(time)).unwrap();
        fixture.reloads() > 0
    });
    served_client(&fixture.ports[1]);
}

/// The next image retries as well.
#[test]
fn a_failed_reload_is_retried_after_an_upgrade() {
    let fixture = Fixture::start();
    let holder = Listener::bind(Place::At(fixture.ports[1].addr()));
    fixture.operated.write(fixture.with(1));
    fixture.operated.wait_for_message(FAILED);
    fixture.operated.upgrade();
    drop(holder);
    fixture.operated.wait_for_message(RELOADED);
    served_client(&fixture.ports[1]);
}

#[test]
fn a_temporarily_failed_reload_is_retried() {
    let fixture = Fixture::start();
    let holder = Listener::bind(Place::At(fixture.ports[1].addr()));
    fixture.operated.write(fixture.with(1));
    fixture.operated.wait_for_message(FAILED);
    let at = || fixture.operated.status()["last_reload"]["at"].clone();
    let first = at();
    wait_until("another attempt", LIMIT, || at() != first);
    assert_eq!(messages(&fixture.operated, FAILED).len(), 1, "the same failure is logged once");
    served_client(&fixture.ports[0]);
    drop(holder);
    fixture.operated.wait_for_message(RELOADED);
    served_client(&fixture.ports[1]);
    assert!(fixture.operated.status()["last_reload"]["error"].is_null());
}
