//! A host holds exactly as many sessions as `doctor` states.

use std::net::SocketAddr;

use doctor::Check;
use tempfile::TempDir;
use testkit::{Addr, Behaviour, Peer, Place, Port, Script, Socket, Target};

use super::{Examined, two_workers};
use crate::support::{forwarder, in_network_namespace, messages, served_client, test_name};

#[test]
fn the_stated_sessions_fit_into_the_open_files_limit() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    for files in [200, 700] {
        let config = two_workers().forward(port.addr(), target.addr(), "share = 'off'");
        let examined = Examined::by(forwarder().open_files(files), &config);
        assert_eq!(examined.report["first_limit"], "open_files");
        let claimed = examined.report["sessions"].as_u64().unwrap();
        let running = forwarder().open_files(files).config(config.text()).start();
        running.ready();
        let possible = messages(&running, "ready").remove(0)["max_sessions"].as_u64().unwrap();
        assert!(possible.abs_diff(claimed) <= 2, "{claimed} claimed, {possible} possible");
        let clients = holds(claimed.min(possible), &port);
        assert_eq!(running.records().len(), 0, "no session was cut");
        drop(clients);
    }
}

#[test]
fn the_stated_sessions_fit_into_the_local_ports() {
    const PORTS: u64 = 20;
    let setup = "echo 40000 40019 > /proc/sys/net/ipv4/ip_local_port_range";
    in_network_namespace(test_name!(the_stated_sessions_fit_into_the_local_ports), setup, || {
        let at: SocketAddr = "127.0.0.1:9000".parse().unwrap();
        let target = Target::start_at(Place::At(at), Behaviour::Echo);
        let dir = TempDir::new().unwrap();
        // Clients of a Unix socket take no local port.
        let listener = Addr::Unix(dir.path().join("listener"));
        let config = two_workers().forward(&listener, target.addr(), "");
        let examined = Examined::by_looking(forwarder(), &config);
        examined.assert_verdict(Check::LocalPorts, "warn");
        assert_eq!(examined.report["first_limit"], "local_ports");
        assert_eq!(examined.report["sessions"], PORTS);
        let running = config.start();
        let clients = holds(PORTS, &listener);
        Peer::connect("one too many", listener, Script::new().expect_eof()).finish();
        assert_eq!(running.wait_for_records(1)[0].close_reason(), "resource/connect/no_ports");
        drop(clients);
        running.wait_for_records(1 + usize::try_from(PORTS).unwrap());
    });
}

/// Opens `sessions` sessions, one after the other.
#[track_caller]
fn holds(sessions: u64, listener: impl Into<Addr>) -> Vec<Socket> {
    let listener = listener.into();
    (0..sessions).map(|_| served_client(listener.clone())).collect()
}
