//! The first process of a PID namespace, as in a container: signals without a handler have no
//! effect on it, and it inherits orphans.

use std::fs;

use serde_json::Value;
use testkit::{Behaviour, Forwarder, LIMIT, Port, Signal, Target, Tool, wait_for, wait_until};

use crate::support::{BINARY, Config, messages, served_client, unshare_arguments};

/// A forwarder that is the first process of a namespace.
struct Container {
    unshare: Forwarder,
    /// Its PID here; inside the namespace it is 1.
    pid: u32,
    port: Port,
    _target: Target,
}

impl Container {
    fn start(process: &str) -> Self {
        let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
        let config = Config::new().process(process).forward(port.addr(), target.addr(), "");
        let arguments = unshare_arguments("--pid");
        let unshare = Forwarder::binary(Tool::find("unshare").path())
            .args(arguments)
            .args(["--fork", "--kill-child", "--mount-proc", BINARY])
            .config(config.text())
            .start();
        unshare.ready();
        assert_eq!(messages(&unshare, "ready")[0]["pid"], 1);
        let pid = children(unshare.pid())[0].pid;
        Self { unshare, pid, port, _target: target }
    }

    fn signal(&self, signal: &str) {
        Tool::find("sh").run(["-c", &format!("kill -{signal} {}", self.pid)], LIMIT);
    }

    /// Runs a shell in the namespace to its end.
    fn run(&self, script: &str) {
        let pid = self.pid.to_string();
        let enter = ["--target", &pid, "--user", "--preserve-credentials", "--pid", "--mount"];
        let enter = enter.iter().filter(|word| is_needed(word));
        Tool::find("nsenter").run(enter.chain(&["sh", "-c", script]), LIMIT);
    }
}

/// Root has no user namespace to enter.
fn is_needed(word: &str) -> bool {
    let is_user = ["--user", "--preserve-credentials"].contains(&word);
    !is_user || unshare_arguments("--pid").contains(&"--user")
}

/// A process, as its parent sees it.
struct Child {
    pid: u32,
    has_ended: bool,
}

fn children(parent: u32) -> Vec<Child> {
    let child = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The fields after the name, which may contain anything: state, parent.
        let mut fields = stat.rsplit_once(") ")?.1.split_whitespace();
        let (state, its_parent) = (fields.next()?, fields.next()?.parse::<u32>().ok()?);
        (its_parent == parent).then_some(Child { pid, has_ended: state == "Z" })
    };
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(child).collect()
}

#[test]
fn it_stops_on_request() {
    for signal in ["TERM", "INT"] {
        let container = Container::start("");
        served_client(&container.port);
        container.signal(signal);
        assert_eq!(container.unshare.wait_exit(LIMIT).code(), Some(0), "{signal}");
        assert_eq!(messages(&container.unshare, "draining")[0]["by"], format!("SIG{signal}"));
    }
}

#[test]
fn it_survives_other_signals() {
    let container = Container::start("");
    container.signal("HUP");
    container.unshare.wait_for_message("configuration reloaded");
    for signal in ["USR1", "PIPE", "CHLD", "QUIT", "ALRM"] {
        container.signal(signal);
    }
    container.signal("HUP");
    wait_until("a second reload", LIMIT, || {
        messages(&container.unshare, "configuration reloaded").len() == 2
    });
    served_client(&container.port);
}

#[test]
fn orphans_are_reaped() {
    let container = Container::start("");
    let orphan = "sleep 1000 & echo";
    container.run(&format!("for i in 1 2 3 4 5; do {orphan}; done"));
    let orphans = wait_for("orphans", LIMIT, || {
        Some(children(container.pid)).filter(|children| children.len() == 5)
    });
    assert!(orphans.iter().all(|orphan| !orphan.has_ended), "they are asleep");
    for orphan in &orphans {
        Tool::find("sh").run(["-c", &format!("kill -TERM {}", orphan.pid)], LIMIT);
    }
    wait_until("no child to be left", LIMIT, || children(container.pid).is_empty());
    served_client(&container.port);
}

#[test]
fn the_check_of_an_upgrade_is_not_reaped_as_an_orphan() {
    let container = Container::start("");
    for _ in 0..5 {
        container.run("true & true & true &");
        container.signal("USR2");
        container.run("true & true & true &");
    }
    container.unshare.wait_for_message("upgraded");
    wait_until("no child to be left", LIMIT, || children(container.pid).is_empty());
    let busy = |failure: &Value| {
        failure["error"].as_str().is_some_and(|error| error.contains("another upgrade"))
    };
    let failures = messages(&container.unshare, "upgrade failed; nothing was changed");
    assert!(failures.iter().all(busy), "{failures:?}");
    served_client(&container.port);
}

#[test]
fn a_process_other_than_the_first_reaps_nothing() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let forwarder = Config::new().forward(port.addr(), target.addr(), "").start();
    forwarder.signal(Signal::CHILD);
    served_client(&port);
    let status = fs::read_to_string(format!("/proc/{}/status", forwarder.pid())).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    let caught = u64::from_str_radix(caught.trim(), 16).unwrap();
    assert_eq!(caught & (1 << (Signal::CHILD.as_raw() - 1)), 0, "SIGCHLD has no handler");
}
