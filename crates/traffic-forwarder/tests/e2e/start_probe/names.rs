//! Targets whose names cannot be resolved when they are new are probed once they can be.

use std::net::{IpAddr, SocketAddr, TcpListener};

use serde_json::json;
use tempfile::TempDir;
use testkit::{BlackHole, LIMIT, NameReply, NameServer, Port, connect_and_close, wait_until};

use super::{PROBED, SILENT, UNREACHED, silent};
use crate::support::{BINARY, Config, Operated, connections_to, messages, with_names};

/// The address that connections come from.
const OWN: [u8; 4] = [127, 0, 0, 9];
const SETTINGS: &str = "name = 'db'\nlocal_address = '127.0.0.9'";
const NAME: &str = "late.test";
const FAILS: &str = "a target's name could not be resolved";
const RESOLVED: &str = "a target's name is resolved again";

/// A forwarder whose target has a name that does not exist yet.
struct Late {
    server: NameServer,
    port: Port,
    target: SocketAddr,
    operated: Operated,
    _etc: TempDir,
    /// The target at the start, if that has an address.
    _open: TcpListener,
}

impl Late {
    /// A forward to this port of `late.test`; at the start to an address, if `later` is set.
    fn start(target: SocketAddr, later: bool) -> Self {
        let (server, etc) = (NameServer::start(), TempDir::new().unwrap());
        server.set(NAME, NameReply::Code(3));
        server.configure(etc.path(), "options timeout:1 attempts:1");
        let (port, open) = (Port::v4(), TcpListener::bind("127.0.0.1:0").unwrap());
        let to = if later { open.local_addr().unwrap().to_string() } else { to_name(target) };
        let config = Config::new().forward(port.addr(), to, SETTINGS);
        let operated = Operated::start_from(with_names(etc.path(), BINARY), config);
        if !later {
            operated.wait_for_message(FAILS);
        }
        Self { server, port, target, operated, _etc: etc, _open: open }
    }

    fn config(&self) -> Config {
        Config::new().forward(self.port.addr(), to_name(self.target), SETTINGS)
    }

    /// Creates the name, and waits until it is resolved.
    fn resolve(&self) {
        self.server.set(NAME, NameReply::Addresses(vec![[127, 0, 0, 1].into()], 60));
        self.operated.wait_for_message(RESOLVED);
    }

    #[track_caller]
    fn is_probed_once(&self) {
        assert_eq!(silent(&self.operated, 1), [to_name(self.target)]);
        let warning = &messages(&self.operated, SILENT)[0];
        assert_eq!(warning["close"]["cause"], "refused", "{warning}");
        let target = self.operated.http.json("/v1/forwards/db")["targets"][0].clone();
        assert_eq!(target["state"], "unreachable", "{target}");
    }
}

/// In upper case: names are looked up in lower case.
fn to_name(target: SocketAddr) -> String {
    format!("LATE.test:{}", target.port())
}

#[test]
fn a_target_is_probed_when_its_name_is_resolved_after_the_start() {
    let target = Port::v4();
    let late = Late::start(target.addr(), false);
    late.operated.wait_for_message(PROBED);
    late.resolve();
    late.is_probed_once();
    let lines = messages(&late.operated, PROBED);
    let counts = lines.iter().map(|line| [&line["tried"], &line["failed"]]);
    assert_eq!(counts.collect::<Vec<_>>(), [[&json!(1), &json!(1)]]);
}

#[test]
fn a_target_is_probed_when_its_name_is_resolved_after_a_reload() {
    let target = Port::v4();
    let late = Late::start(target.addr(), true);
    late.operated.reload(late.config());
    late.operated.wait_for_message(FAILS);
    late.operated.wait_for_message(PROBED);
    late.operated.reload(late.config());
    late.resolve();
    late.is_probed_once();
}

#[test]
fn a_target_is_probed_when_its_name_is_resolved_after_an_upgrade() {
    let target = Port::v4();
    let late = Late::start(target.addr(), false);
    late.operated.wait_for_message(PROBED);
    late.operated.upgrade();
    late.resolve();
    late.is_probed_once();
}

#[test]
fn a_target_is_probed_when_its_name_is_resolved_after_a_fall_back() {
    let target = Port::v4();
    let late = Late::start(target.addr(), false);
    late.operated.wait_for_message(PROBED);
    let open = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = Config::new().forward(late.port.addr(), open.local_addr().unwrap(), "name = 'db'");
    late.operated.write(other);
    late.operated.http.post("/v1/reload?confirm=1s").success();
    wait_until("the fall-back", LIMIT, || late.operated.status()["generation"] == 3);
    late.resolve();
    late.is_probed_once();
}

/// The warning about its sessions has taken over.
#[test]
fn a_target_that_a_session_has_tried_is_not_probed() {
    let (hole, refuses, further) = (BlackHole::open(), Port::v4(), Port::v4());
    let late = Late::start(hole.addr(), false);
    late.operated.wait_for_message(PROBED);
    connect_and_close(&late.port);
    late.operated.wait_for_message(UNREACHED);
    late.resolve();
    // A later probe ends, while one of the silent target would still wait.
    late.operated.reload(late.config().forward(further.addr(), refuses.addr(), "name = 'other'"));
    assert_eq!(silent(&late.operated, 1), [refuses.addr().to_string()]);
    assert!(!connections_to(hole.addr()).contains(&IpAddr::from(OWN)));
}
