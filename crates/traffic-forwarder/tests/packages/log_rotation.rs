//! The package's file for logrotate: a real logrotate rotates the log of the running program.

use std::fs;

use testkit::{Behaviour, Forwarder, LIMIT, Port, Signal, Target, connect_and_close, wait_until};

use crate::made::debian_package;
use crate::scratch_root::{EXCHANGE, ScratchRoot};

const USER: &str = "traffic-forwarder";
const CONFIG: &str = "/etc/traffic-forwarder.conf";
const SNIPPET: &str = "/etc/logrotate.d/traffic-forwarder";
const LOG: &str = "/var/log/traffic-forwarder/sessions.log";

/// Sessions before, during and after each rotation.
const SESSIONS: usize = 20;

fn install(root: &ScratchRoot) {
    let package = debian_package("1.0.0", root.exchange());
    let name = package.file_name().and_then(|name| name.to_str()).unwrap();
    root.shell(&format!("dpkg --install {EXCHANGE}/{name} 2>&1")).success();
}

/// The program with its log in the directory that the unit makes, and a systemctl(1) that knows its process.
fn start(root: &ScratchRoot, port: &Port, target: &Target) -> Forwarder {
    let text = format!(
        "[log]\nfile = \"{LOG}\"\n[[forward]]\nlisten = \"{}\"\nto = \"{}\"\n",
        port.addr(),
        target.addr()
    );
    fs::write(root.exchange().join("own.conf"), text).unwrap();
    root.shell(&format!("cp {EXCHANGE}/own.conf {CONFIG}")).success();
    let directories = "/run/traffic-forwarder /var/log/traffic-forwarder";
    root.shell(&format!("install -d -m 755 -o {USER} -g {USER} {directories}")).success();
    let forwarder = root.program(USER).args(["-c", CONFIG]).start();
    wait_until("the log", LIMIT, || root.shell(&format!("grep -q ready {LOG}")).status.success());
    let systemctl = format!(
        "#!/bin/sh\ncase \"$*\" in\n\
         'is-active --quiet traffic-forwarder.service') ;;\n\
         'kill --signal=SIGUSR1 --kill-who=main traffic-forwarder.service') kill -USR1 {} ;;\n\
         *) exit 1 ;;\nesac\n",
        forwarder.pid()
    );
    fs::write(root.exchange().join("systemctl"), systemctl).unwrap();
    root.shell(&format!("install -m 755 {EXCHANGE}/systemctl /usr/local/bin/systemctl")).success();
    forwarder
}

fn sessions(port: &Port) {
    for _ in 0..SESSIONS {
        connect_and_close(port);
    }
}

fn rotate(root: &ScratchRoot) {
    root.shell(&format!("PATH=/usr/local/bin:$PATH logrotate --force {SNIPPET}")).success();
}

/// Number of session records in all of the log's files.
fn records(root: &ScratchRoot) -> usize {
    let count = format!("zcat -f {LOG}* | grep -c ' closed #'");
    root.shell(&count).text().trim().parse().unwrap()
}

#[test]
fn logrotate_rotates_the_log_of_a_running_program_without_a_lost_line() {
    let Some(root) = ScratchRoot::new() else { return };
    install(&root);
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let forwarder = start(&root, &port, &target);

    let trial = root.shell(&format!("logrotate --debug {SNIPPET} 2>&1")).success().text();
    assert!(trial.contains(&format!("considering log {LOG}")), "{trial}");
    assert!(!trial.contains("error:"), "{trial}");

    for rotation in 1..=2 {
        sessions(&port);
        std::thread::scope(|scope| {
            scope.spawn(|| sessions(&port));
            rotate(&root);
        });
        sessions(&port);
        // Lines go into the file that logrotate has made.
        let open = format!("/proc/{}/fd", forwarder.pid());
        let has_new = || root.shell(&format!("ls -l {open} | grep -q '{LOG}$'")).status.success();
        wait_until("the new file", LIMIT, has_new);
        let expected = rotation * 3 * SESSIONS;
        wait_until("all records", LIMIT, || records(&root) == expected);
    }
    let rights = root.shell(&format!("stat -c '%U %a' {LOG}")).success().text();
    assert_eq!(rights, format!("{USER} 640\n"));
    root.shell(&format!("test -s {LOG} && test -f {LOG}.1 && gzip -t {LOG}.2.gz")).success();
    forwarder.signal(Signal::TERM);
    assert_eq!(forwarder.wait_exit(LIMIT).code(), Some(0));
}

#[test]
fn without_a_log_file_there_is_nothing_to_rotate() {
    let Some(root) = ScratchRoot::new() else { return };
    install(&root);
    let rotated = root.shell(&format!("logrotate --force {SNIPPET} 2>&1")).success().text();
    assert_eq!(rotated, "");
    let conffiles = root.shell("dpkg-query -W -f '${Conffiles}' traffic-forwarder").success();
    assert!(conffiles.text().contains(SNIPPET), "{conffiles}");
}
