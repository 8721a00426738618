//! An upgrade keeps the process: its PID, parent, rights, limits, environment, and the number of
//! descriptors and threads.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use testkit::{
    Behaviour, Forwarder, ForwarderBuilder, LIMIT, Port, Signal, Target, Tool, copy_program,
    wait_until,
};

use super::upgrading::{old_binary, start, wait_for_arrival};
use crate::support::{Config, ping, served_client, write_until_full};

/// The variable that hands the state's descriptor to the next image.
const OWN_VARIABLE: &str = "TRAFFIC_FORWARDER_HANDOVER=";

/// The attributes that identify a process to itself and to others.
fn identity(pid: u32) -> BTreeMap<String, String> {
    let path = |name: &str| PathBuf::from(format!("/proc/{pid}/{name}"));
    let read = |name: &str| fs::read(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let text = |name: &str| String::from_utf8_lossy(&read(name)).into_owned();
    let mut identity = BTreeMap::new();
    for name in ["cmdline", "comm", "limits", "oom_score_adj", "cgroup", "loginuid", "sessionid"] {
        if path(name).exists() {
            identity.insert(name.to_owned(), text(name));
        }
    }
    let environment = text("environ");
    let environment = environment.split_terminator('\0').filter(|it| !it.starts_with(OWN_VARIABLE));
    identity.insert("environ".into(), environment.collect::<Vec<_>>().join("\n"));
    identity.insert("cwd".into(), format!("{:?}", fs::read_link(path("cwd")).ok()));
    for line in text("status").lines() {
        let (name, value) = line.split_once(':').unwrap();
        let lasting = ["Umask", "Pid", "PPid", "Uid", "Gid", "Groups", "NoNewPrivs", "Seccomp"];
        if lasting.contains(&name) || name.starts_with("Cap") || name.starts_with("Sig") {
            identity.insert(name.to_owned(), value.trim().to_owned());
        }
    }
    // The number of pending signals varies.
    identity.remove("SigQ");
    // Process group, session, terminal, and further on: priority, nice, policy.
    let stat = text("stat");
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    for (name, at) in [("pgrp", 2), ("session", 3), ("tty", 4), ("nice", 16), ("policy", 38)] {
        identity.insert(name.to_owned(), fields[at].to_owned());
    }
    identity
}

#[track_caller]
fn stays_the_same(forwarder: &Forwarder, log_is_json: bool) {
    let before = identity(forwarder.pid());
    assert!(before.len() > 20, "{before:?}");
    for upgrades in 0..2 {
        forwarder.signal(Signal::USR2);
        if log_is_json {
            wait_for_arrival(forwarder, upgrades);
        } else {
            let arrived = |line: &str| line.contains(" INFO upgraded ");
            wait_until("the next image", LIMIT, || forwarder.count_lines(arrived) > upgrades);
        }
        let after = identity(forwarder.pid());
        assert_eq!(after["comm"], "traffic-forward\n");
        for (name, value) in &before {
            assert_eq!(after.get(name), Some(value), "{name}");
        }
    }
}

#[test]
fn process_attributes_stay_as_started() {
    const AROUND: &str =
        "umask 027; ulimit -S -n 500; ulimit -c 0; ulimit -s 4096; exec nice -n 3 \"$@\"";
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let config = Config::new().forward(port.addr(), target.addr(), "").text();
    let forwarder = Forwarder::binary("/bin/sh")
        .args(["-c", AROUND, "sh"])
        .arg(old_binary())
        .args(["run"])
        .env("A_VARIABLE", "with = and \n a line's end")
        .env("EMPTY", "")
        .config(config)
        .start();
    forwarder.ready();
    let client = served_client(&port);
    stays_the_same(&forwarder, true);
    ping(&client);
}

/// A process that has dropped root but kept the right to ports below 1024 still has exactly that
/// right.
#[test]
fn rights_are_unchanged() {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        // Only root has rights to drop.
        return;
    }
    // The other user must be able to reach the program.
    let dir = TempDir::new().unwrap();
    let program = dir.path().join("traffic-forwarder");
    copy_program(old_binary(), &program);
    fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let forwarder = as_unprivileged_user(&program)
        .args(["-timeout", "1m", "-max-conns=9"])
        .arg(format!("{}={}", port.addr(), target.addr()))
        .start();
    forwarder.ready();
    let client = served_client(&port);
    let before = identity(forwarder.pid());
    assert!(before["Uid"].starts_with("65534"), "{before:?}");
    assert_eq!(before["CapEff"], "0000000000000400", "to bind ports below 1024, and nothing else");
    stays_the_same(&forwarder, false);
    ping(&client);
}

fn as_unprivileged_user(program: &Path) -> ForwarderBuilder {
    let ambient = ["--inh-caps", "+net_bind_service", "--ambient-caps", "+net_bind_service"];
    Forwarder::binary(Tool::find("setpriv").path())
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs"])
        .args(["--bounding-set", "-all,+net_bind_service"])
        .args(ambient)
        .arg(program)
}

/// After one upgrade and after twenty, with sessions of which some hold bytes in pipes.
#[test]
fn the_number_of_descriptors_and_threads_is_unchanged() {
    let (target, stalls) = (Target::start(Behaviour::Echo), Target::start(Behaviour::Stall));
    let ports = [(); 3].map(|()| Port::v4());
    let config = Config::new()
        .process("workers = 2")
        .forward(ports[0].addr(), target.addr(), "")
        .forward(ports[1].addr(), stalls.addr(), "path = 'splice'")
        .forward(ports[2].addr(), stalls.addr(), "path = 'copy'");
    let operated = start(config);
    let idle = [(); 5].map(|()| served_client(&ports[0]));
    let full = [1, 2].map(|at| testkit::connect(&ports[at]).unwrap());
    for client in &full {
        write_until_full(client, 1);
    }
    let count = || (operated.fd_count(), operated.threads());
    // The admin interface's own connections come and go.
    let settled = |expected| wait_until("as many as before", LIMIT, || count() == expected);
    operated.upgrade();
    wait_until("no request any more", LIMIT, || operated.is_asleep());
    let once = count();
    let pipes = || operated.fds().iter().filter(|fd| fd.to_str().unwrap().contains("pipe")).count();
    let pipes_once = pipes();
    for _ in 0..20 {
        operated.upgrade();
    }
    settled(once);
    assert_eq!(pipes(), pipes_once);
    idle.iter().for_each(ping);
    let kinds =
        operated.fds().iter().filter(|fd| fd.to_str().unwrap().contains("handover")).count();
    assert_eq!(kinds, 0, "the state is closed when it is read");
}

/// Signals that one of the two images must handle.
const HANDLED: [Signal; 5] = [Signal::HUP, Signal::INT, Signal::TERM, Signal::USR1, Signal::USR2];

/// A signal delivered to another thread while the control thread blocks it would be lost with this
/// image.
#[test]
fn only_the_control_thread_takes_signals() {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let config = Config::new().process("workers = 2").forward(port.addr(), target.addr(), "");
    let operated = start(config);
    let _client = served_client(&port);
    for _ in 0..2 {
        let own = operated.pid().to_string();
        let tasks = fs::read_dir(format!("/proc/{own}/task")).unwrap();
        let (control, others): (Vec<_>, Vec<_>) = tasks
            .map(|task| task.unwrap())
            .partition(|task| task.file_name().to_str() == Some(&own));
        assert!(others.len() >= 2, "workers");
        // It holds them for the moment in which it creates a thread.
        wait_until("a control thread that takes all", LIMIT, || held_by(&control[0].path()) == 0);
        let handled = HANDLED.map(|signal| 1 << (signal.as_raw() - 1)).iter().sum::<u64>();
        for task in others {
            assert_eq!(held_by(&task.path()) & handled, handled, "{task:?}");
        }
        operated.upgrade();
    }
}

/// The signals that a thread blocks, as a bit mask.
fn held_by(task: &Path) -> u64 {
    let status = fs::read_to_string(task.join("status")).unwrap();
    let held = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
    u64::from_str_radix(held.trim(), 16).unwrap()
}
