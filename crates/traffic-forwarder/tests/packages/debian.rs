//! The Debian package: installed, upgraded while the program runs, removed.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;

use testkit::{Behaviour, LIMIT, Peer, Port, Script, Signal, Socket, Target, connect};

use crate::made::debian_package;
use crate::scratch_root::{EXCHANGE, ScratchRoot};

const USER: &str = "traffic-forwarder";
const CONFIG: &str = "/etc/traffic-forwarder.conf";

fn install(root: &ScratchRoot, package: &Path) -> String {
    let name = package.file_name().unwrap().to_str().unwrap();
    root.shell(&format!("dpkg --install {EXCHANGE}/{name} 2>&1")).success().text()
}

/// A byte to the target and back.
#[track_caller]
fn ping(client: &Socket) {
    let script = Script::new().write_bytes(".").read_exactly(1);
    Peer::play("the client", client.try_clone().unwrap(), script).finish();
}

#[test]
fn the_package_installs_upgrades_in_place_and_purges() {
    let Some(root) = ScratchRoot::new() else { return };
    let older = debian_package("1.0.0", root.exchange());
    let newer = debian_package("1.1.0", root.exchange());
    install(&root, &older);
    root.shell(&format!("getent passwd {USER} && test -f {CONFIG}")).success();
    let pages = ["man1/traffic-forwarder.1", "man5/traffic-forwarder.conf.5"];
    let is_there = pages.map(|page| format!("gzip -t /usr/share/man/{page}.gz"));
    root.shell(&is_there.join(" && ")).success();

    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let text = format!("[[forward]]\nlisten = \"{}\"\nto = \"{}\"\n", port.addr(), target.addr());
    fs::write(root.exchange().join("own.conf"), &text).unwrap();
    root.shell(&format!("cp {EXCHANGE}/own.conf {CONFIG}")).success();
    // Replaces the unit's RuntimeDirectory.
    root.shell(&format!("install -d -m 755 -o {USER} -g {USER} /run/traffic-forwarder")).success();
    let forwarder = root.program(USER).args(["-c", CONFIG]).start();
    forwarder.ready();
    let client = connect(&port).unwrap();
    ping(&client);

    let said = install(&root, &newer);
    assert!(said.contains("upgraded from "), "{said}");
    assert!(said.contains(&format!("pid {}: 1 session resumed", forwarder.pid())), "{said}");
    assert!(!said.contains("the previous version"), "{said}");
    ping(&client);
    let version = root.shell("dpkg-query -W -f '${Version}' traffic-forwarder").success().text();
    assert_eq!(version, "1.1.0");
    assert_eq!(root.shell(&format!("cat {CONFIG}")).success().text(), text);

    forwarder.signal(Signal::TERM);
    drop(client);
    assert_eq!(forwarder.wait_exit(LIMIT).code(), Some(0));
    root.shell("dpkg --remove traffic-forwarder").success();
    root.shell(&format!("test -f {CONFIG} && ! test -e /usr/bin/traffic-forwarder")).success();
    root.shell("dpkg --purge traffic-forwarder").success();
    let left = "find /etc /usr /var/lib -name '*traffic-forwarder*' -newer /mnt/own.conf";
    root.shell(&format!("! test -e {CONFIG} && ! getent passwd {USER} && ! getent group {USER}"))
        .success();
    let left = root.shell(left).success().text();
    assert_eq!(left, "", "purging leaves files");
}

#[test]
fn an_upgrade_of_the_package_names_the_processes_that_it_cannot_upgrade() {
    let Some(root) = ScratchRoot::new() else { return };
    let older = debian_package("1.0.0", root.exchange());
    let newer = debian_package("1.1.0", root.exchange());
    install(&root, &older);
    // A copied socket file has no listener.
    let _socket = UnixListener::bind(root.exchange().join("admin.sock")).unwrap();
    let copy = format!("cp -a {EXCHANGE}/admin.sock /run/traffic-forwarder");
    root.shell(&format!("mkdir /run/traffic-forwarder && {copy}")).success();
    let forward = format!("{}=127.0.0.1:9", Port::v4().addr());
    let by_itself = root.program(USER).arg(forward).start();
    by_itself.ready();
    let said = install(&root, &newer);
    let named = format!("process {} runs the previous version", by_itself.pid());
    assert_eq!(said.matches("the previous version").count(), 1, "{said}");
    assert!(said.contains(&named), "{said}");
}

#[test]
fn the_unit_starts_the_installed_binary() {
    let Some(root) = ScratchRoot::new() else { return };
    let package = debian_package("1.0.0", root.exchange());
    install(&root, &package);
    let units = root
        .shell("find /usr/lib/systemd -path '*traffic-forwarder.service*' -type f -exec cat {} +");
    let units = units.success().text();
    let commands = units.lines().filter_map(|line| {
        let command = line.strip_prefix("Exec")?.split_once('=')?.1;
        Some(command.split_once(' ').map_or(command, |(program, _)| program))
    });
    let commands: Vec<_> = commands.collect();
    assert!(commands.len() >= 2, "{units}");
    assert!(commands.iter().all(|program| *program == "/usr/bin/traffic-forwarder"), "{units}");
    assert!(units.contains("-c /etc/traffic-forwarder.conf"), "{units}");
    let check = root.shell("traffic-forwarder check -c /etc/traffic-forwarder.conf");
    assert!(check.stderr.contains("holds no forward"), "{check}");
}
