//! Listeners whose address is in use: by another program, or by the process under examination.

use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use doctor::Check;
use serde_json::Value;
use tempfile::TempDir;
use testkit::{Addr, Behaviour, Port, Target};

use super::Examined;
use crate::support::{Config, Console, close_listener, forwarder, ping, served_client};

/// The detail of the finding about the only listener.
#[track_caller]
fn detail(examined: &Examined) -> &str {
    let details: &Value = &examined.finding(Check::Taken)["details"];
    assert_eq!(details.as_array().unwrap().len(), 1, "{details:#}");
    details[0]["found"].as_str().unwrap()
}

#[test]
fn a_port_of_another_program_is_fatal_and_its_owner_named() {
    let port = Port::v4();
    let config = Config::new().forward(port.addr(), "127.0.0.1:9", "name = 'web'");
    Examined::by_looking(forwarder(), &config).assert_verdict(Check::Taken, "ok");
    let own = format!("{} is taken by pid {} (", port.addr(), std::process::id());
    let _listener = TcpListener::bind(port.addr()).unwrap();
    let examined = Examined::by_looking(forwarder(), &config);
    examined.assert_verdict(Check::Taken, "fail");
    examined.assert_overall("fail");
    assert!(detail(&examined).starts_with(&own), "{}", detail(&examined));
    let served = forwarder().config(config.text()).run();
    assert_eq!(served.status.code(), Some(1), "it is true: {served}");
    // The line is skipped, and the others are served.
    let line = format!("{} | 127.0.0.1 | 9\n", port.addr().port());
    let examined = forwarder().args(["doctor", "--no-connect", "--json"]).config(line).run();
    let report: Value = serde_json::from_slice(&examined.stdout).unwrap();
    let taken = report["checks"].as_array().unwrap().iter().find(|it| it["check"] == "taken");
    assert_eq!(taken.unwrap()["verdict"], "warn");
}

#[test]
fn a_live_unix_socket_or_a_file_is_a_conflict() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("listener");
    let config = Config::new().forward(Addr::Unix(path.clone()), "127.0.0.1:9", "");
    let examine = || Examined::by_looking(forwarder(), &config);
    let listener = UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    let examined = examine();
    examined.assert_overall("fail");
    let own = format!("is taken by pid {} (", std::process::id());
    assert!(detail(&examined).contains(&own), "{}", detail(&examined));
    assert!(listener.accept().is_err(), "doctor does not connect");
    // A stale socket file is replaced.
    close_listener(listener);
    examine().assert_verdict(Check::Taken, "ok");
    fs::remove_file(&path).unwrap();
    fs::write(&path, "").unwrap();
    assert!(detail(&examine()).ends_with("is taken by a file that is no socket"));
}

#[test]
fn listeners_of_our_running_process_are_no_conflict() {
    let (console, target, port) = (Console::new(), Target::start(Behaviour::Echo), Port::v4());
    let text = Config::new().forward(port.addr(), target.addr(), "").text();
    let (file, other) = (console.file("forwarder.conf", &text), console.file("other.conf", &text));
    let forward = format!("{}={}", port.addr(), target.addr());
    let examine = |arguments: &[&str]| {
        let command = forwarder().args(["doctor", "--no-connect", "--json"]).args(arguments);
        let finished = command.run();
        let report = serde_json::from_slice(&finished.stdout).unwrap();
        Examined { report, code: finished.status.code() }
    };
    let asking = |arguments: &[&str]| examine(arguments).finding(Check::Taken)["verdict"].clone();
    {
        let running = forwarder().args(["-c", &file]).start();
        running.ready();
        let examined = examine(&["-c", &file]);
        examined.assert_verdict(Check::Taken, "ok");
        let found = examined.finding(Check::Taken)["found"].as_str().unwrap();
        let says = format!("own process, pid {}, which runs", running.pid());
        assert!(found.contains(&says), "{found}");
        assert_eq!(asking(&["-c", &other]), "fail", "another configuration");
        assert_eq!(asking(&[&forward]), "fail", "another configuration");
        // The examination takes no client.
        ping(&served_client(&port));
        assert_eq!(target.accepted(), 1);
    }
    let running = forwarder().arg(&forward).start();
    running.ready();
    assert_eq!(asking(&[&forward]), "ok");
    assert_eq!(asking(&["-c", &file]), "fail");
}
