//! Log lines at the start: listeners, targets, and access to the admin interface.

use serde_json::Value;
use tempfile::TempDir;
use testkit::{Addr, Forwarder, Port, Ports};

use crate::support::{Config, Operated, forwarder, messages, with_mounts};

/// No program listens there; the process does not connect.
const TARGET: &str = "127.0.0.1:9";

/// The last line of the start: those about [`TARGET`], at which nothing listens, may follow.
#[track_caller]
fn last_line(forwarder: &Forwarder) -> String {
    forwarder.ready();
    let mut lines = forwarder.stderr();
    let is_of_probe = |line: &String| {
        line.contains("a target is unreachable") || line.contains("targets were probed")
    };
    lines.retain(|line| !is_of_probe(line));
    lines.pop().unwrap()
}

/// The line that reports readiness, which has to be the last.
#[track_caller]
fn ready(forwarder: &Forwarder) -> Value {
    let last = last_line(forwarder);
    let line: Value = serde_json::from_str(&last).unwrap();
    assert_eq!(line["message"], "ready", "{line}");
    line
}

#[test]
fn it_logs_listeners_targets_and_admin_access() {
    let ports = [Port::v4(), Port::v4()];
    let [first, second] = ports.each_ref().map(|port| port.addr().to_string());
    let config = Config::new().forward(&*first, TARGET, "name = 'a'").forward(&*second, TARGET, "");
    let operated = Operated::start(config);
    let listening = messages(&operated, "listening");
    let logged =
        listening.iter().map(|line| ["level", "forward", "listen", "target"].map(|key| &line[key]));
    let expected = [["info", "a", &first, TARGET], ["info", &second, &second, TARGET]];
    assert!(logged.eq(expected), "{listening:?}");
    let ready = ready(&operated);
    assert_eq!(ready["config"], operated.config_path().to_str().unwrap());
    let Addr::Unix(socket) = operated.socket() else { panic!("the admin socket is a file") };
    assert_eq!(ready["admin"], socket.to_str().unwrap());
}

#[test]
fn a_long_list_of_listeners_ends_with_a_count() {
    let ports = Ports::range(23);
    let config = Config::new().forward(format!("127.0.0.1:{ports}"), "127.0.0.1:9-31", "");
    let forwarder = forwarder().config(config.text()).start();
    assert_eq!(ready(&forwarder)["listeners"], 23);
    assert_eq!(messages(&forwarder, "listening").len(), 20);
    assert_eq!(messages(&forwarder, "listening on more addresses")[0]["count"], 3);
}

#[test]
fn a_missing_admin_interface_is_logged() {
    let port = Port::v4();
    let forwarder = forwarder().arg(format!("{}={TARGET}", port.addr())).start();
    let last = last_line(&forwarder);
    assert!(last.contains(" INFO ready ") && last.contains(" admin=none "), "{last}");
    assert!(!last.contains(" config="), "{last}");
    let listen = port.addr();
    let words = format!(" INFO listening forward={listen} listen={listen} target={TARGET}");
    assert_eq!(forwarder.count_lines(|line| line.ends_with(&words)), 1);
}

/// The directory belongs to another user.
#[test]
fn an_unusable_directory_is_reported() {
    let (run, port) = (TempDir::new().unwrap(), Port::every_address());
    let mounts = r#"mount --bind "$0" /run && mkdir /run/traffic-forwarder &&
        mount -t tmpfs -o ro tmpfs /run/traffic-forwarder"#;
    let config = format!("{port} | 127.0.0.1 | 9\n");
    let forwarder =
        with_mounts(run.path(), mounts).env("XDG_RUNTIME_DIR", "").config(config).start();
    let last = last_line(&forwarder);
    let warned = |line: &str| {
        line.contains(" WARN no admin interface: this user may not write in ")
            && line.contains("directory=/run/traffic-forwarder")
    };
    assert_eq!(forwarder.count_lines(warned), 1);
    assert!(last.contains(" admin=none "));
}
