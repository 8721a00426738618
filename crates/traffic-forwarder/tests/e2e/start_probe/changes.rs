//! Probes while an operator drains, reloads, upgrades or stops.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::symlink;

use serde_json::json;
use tempfile::TempDir;
use testkit::{BlackHole, LIMIT, Port, Signal, wait_until};

use super::{ANSWERS, END, PROBED, SILENT, probed, silent};
use crate::support::{Config, Operated, forwarder, messages, with_hosts};

#[test]
fn a_drained_target_is_probed_when_it_is_resumed() {
    let (port, refuses) = (Port::v4(), [Port::v4(), Port::v4()]);
    let config = |to: &Port| Config::new().forward(port.addr(), to.addr(), "name = 'db'");
    let operated = Operated::start(config(&refuses[0]));
    silent(&operated, 1);
    operated.http.post("/v1/forwards/db/drain").success();
    operated.reload(config(&refuses[1]));
    operated.http.post("/v1/forwards/db/resume").success();
    wait_until("its warning", LIMIT, || messages(&operated, SILENT).len() == 2);
    let warning = &messages(&operated, SILENT)[1];
    assert_eq!(warning["target"], json!(refuses[1].addr().to_string()));
}

/// The next probe was due after 10 s.
#[test]
fn a_reload_of_the_settings_has_an_unreachable_target_probed_at_once() {
    let (port, target_port) = (Port::v4(), Port::v4());
    let config = |own: &str| {
        let settings = format!("local_address = '{own}'");
        Config::new().forward(port.addr(), target_port.addr(), settings)
    };
    let operated = Operated::start(config("127.0.0.8"));
    probed(&operated, 1);
    let _target = TcpListener::bind(target_port.addr()).unwrap();
    operated.reload(config("127.0.0.9"));
    operated.wait_for_line("its end", END, |line| line.contains(ANSWERS));
    let over = &messages(&operated, ANSWERS)[0];
    assert!(over["seconds"].as_f64().unwrap() < 9.0, "{over}");
}

/// By spellings that the check of the configuration does not know.
#[test]
fn a_target_that_is_our_own_listener_is_a_warning() {
    let (dir, port) = (TempDir::new().unwrap(), Port::v4());
    let unix = |name: &str| format!("unix:{}", dir.path().join(name).display());
    let by_name = format!("self.test:{}", port.number());
    symlink("socket", dir.path().join("link")).unwrap();
    fs::write(dir.path().join("hosts"), "127.0.0.1 self.test\n").unwrap();
    let named = Config::new().forward(port.addr(), by_name.clone(), "");
    let config = named.forward(unix("socket"), unix("link"), "");
    let forwarder = with_hosts(dir.path()).config(config.text()).start();
    assert_eq!(silent(&forwarder, 2), [by_name, unix("link")]);
    let warnings = messages(&forwarder, SILENT);
    assert!(warnings.iter().all(|line| line["close"]["cause"] == "loop"), "{warnings:?}");
}

#[test]
fn a_target_of_a_line_and_of_ipv6_is_probed() {
    let ports = [(); 2].map(|()| Port::every_address());
    let refuses = [Port::v6(), Port::v4()];
    let [v6, v4] = [0, 1].map(|n| (&ports[n], refuses[n].addr()));
    let lines = [v6, v4].map(|(port, to)| format!("{port} | {} | {}\n", to.ip(), to.port()));
    let forwarder = forwarder().config(lines.concat()).args(["--log-format", "json"]).start();
    let mut expected = refuses.map(|port| port.addr().to_string());
    expected.sort();
    assert_eq!(silent(&forwarder, 2), expected);
}

/// More silent targets than probes run at once, and some that wait behind them.
#[test]
fn an_upgrade_continues_the_first_probes() {
    let holes: Vec<_> = (0..24).map(|_| BlackHole::open()).collect();
    let (port, refuses) = (Port::v4(), [Port::v4(), Port::v4()]);
    let to: Vec<SocketAddr> =
        holes.iter().map(BlackHole::addr).chain(refuses.iter().map(Port::addr)).collect();
    let config = Config::new().forward_to_several(port.addr(), &to, "connect_timeout = '1s'");
    let operated = Operated::start(config);
    operated.upgrade();
    let mut expected: Vec<_> = to.iter().map(ToString::to_string).collect();
    expected.sort();
    assert_eq!(silent(&operated, to.len()), expected);
    assert_eq!(probed(&operated, 1)["failed"], json!(to.len()));
}

#[test]
fn a_shutdown_waits_for_no_probe() {
    let (port, hole) = (Port::v4(), BlackHole::open());
    let config = Config::new().forward(port.addr(), hole.addr(), "");
    let forwarder = forwarder().config(config.text()).start();
    forwarder.ready().signal(Signal::TERM);
    assert_eq!(forwarder.wait_exit(LIMIT).code(), Some(0));
    let lines = [SILENT, PROBED].map(|message| messages(&forwarder, message).len());
    assert_eq!(lines, [0, 0], "the probe had a limit of 5 s");
}
