//! The package's unit under a running systemd: `cargo xtask systemd-test`.

use std::fs;
use std::net::SocketAddr;

use testkit::{
    Behaviour, LIMIT, Peer, Port, Script, Socket, Target, connect, connect_and_close, wait_until,
};

use crate::machine::Machine;
use crate::made::debian_package;
use crate::scratch_root::EXCHANGE;

const CONFIG: &str = "/etc/traffic-forwarder.conf";
const LOG: &str = "/var/log/traffic-forwarder/sessions.log";
/// A port on loopback only, below 1024.
const LOW_PORT: u16 = 97;

/// A machine with the package installed, a forward to an echo, and the unit started.
struct Installed {
    machine: Machine,
    target: Target,
    /// Listen port of the forward.
    port: Port,
}

impl Installed {
    fn new(process: &str) -> Option<Self> {
        let machine = Machine::boot()?;
        let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
        let installed = Self { machine, target, port };
        installed.install("1.0.0");
        installed.configure(process, "");
        let start = installed.machine.shell("systemctl start traffic-forwarder");
        let journal = || installed.machine.output("journalctl --no-pager -u traffic-forwarder");
        assert!(start.status.success(), "{start}\n{}", journal());
        Some(installed)
    }

    /// Packs and installs a version, and returns dpkg's output.
    fn install(&self, version: &str) -> String {
        let package = debian_package(version, self.machine.exchange());
        let name = package.file_name().unwrap().to_str().unwrap().to_owned();
        self.machine.output(&format!("dpkg --install {EXCHANGE}/{name} 2>&1"))
    }

    /// Writes the configuration. The target is a name, for a lookup under the unit's sandbox.
    fn configure(&self, process: &str, more: &str) {
        let port = self.target.addr().to_string();
        let port = port.rsplit(':').next().unwrap();
        let text = format!(
            "[process]\n{process}\n[log]\nfile = '{LOG}'\n[[forward]]\nname = 'echo'\n\
             listen = '{}'\nto = 'localhost:{port}'\n{more}",
            self.port.addr()
        );
        fs::write(self.machine.exchange().join("own.conf"), text).unwrap();
        self.machine.shell(&format!("cp {EXCHANGE}/own.conf {CONFIG}")).success();
    }

    fn property(&self, name: &str) -> String {
        self.machine.output(&format!("systemctl show --value -p {name} traffic-forwarder"))
    }

    /// Opens a session through the forward.
    fn client(&self) -> Socket {
        let client = connect(&self.port).unwrap();
        ping(&client);
        client
    }
}

/// Sends one byte to the target and back.
#[track_caller]
fn ping(client: &Socket) {
    let script = Script::new().write_bytes(".").read_exactly(1);
    Peer::play("the client", client.try_clone().unwrap(), script).finish();
}

#[test]
#[ignore = "runs systemd: `cargo xtask systemd-test`"]
fn the_unit_starts_reloads_upgrades_and_stops() {
    let Some(installed) = Installed::new("") else { return };
    let machine = &installed.machine;
    let client = installed.client();
    let pid = installed.property("MainPID");
    assert_eq!(installed.property("StatusText"), "1 forward, 0 sessions");
    let status = machine.output(&format!("cat /proc/{pid}/status"));
    for confined in ["\nNoNewPrivs:\t1\n", "\nSeccomp:\t2\n", "\nCapEff:\t0000000000000400\n"] {
        assert!(status.contains(confined), "{confined:?} in {status}");
    }

    let low = SocketAddr::from(([127, 97, 13, 7], LOW_PORT));
    let to = installed.target.addr();
    let more = format!("[[forward]]\nname = 'low'\nlisten = '{low}'\nto = '{to}'\n");
    installed.configure("", &more);
    machine.shell("systemctl reload traffic-forwarder").success();
    ping(&connect(low).unwrap());
    installed.configure("worker = 1", &more);
    let refused = machine.shell("systemctl reload traffic-forwarder");
    assert!(!refused.status.success(), "{refused}");
    installed.configure("", &more);

    let said = installed.install("1.1.0");
    assert!(said.contains("upgraded from "), "{said}");
    ping(&client);
    ping(&connect(low).unwrap());
    assert_eq!(installed.property("MainPID"), pid);
    assert_eq!(installed.property("NRestarts"), "0");
    machine.shell("systemctl reload traffic-forwarder").success();

    drop(client);
    machine.shell("systemctl stop traffic-forwarder").success();
    assert_eq!(installed.property("Result"), "success");
    let log = machine.output(&format!("cat {LOG}"));
    assert!(log.contains(" closed #") || log.contains("session ended"), "{log}");
    machine.shell("dpkg --purge traffic-forwarder").success();
    let left = "find /etc /usr /run /var -name '*traffic-forwarder*' -newer /mnt/own.conf";
    assert_eq!(machine.output(left), "", "purging leaves files");
}

#[test]
#[ignore = "runs systemd: `cargo xtask systemd-test`"]
fn logrotate_rotates_the_log_of_the_unit() {
    let Some(installed) = Installed::new("") else { return };
    let machine = &installed.machine;
    let records = || {
        let count = format!("zcat -f {LOG}* | grep -c ' closed #' || true");
        machine.output(&count).parse::<u32>().unwrap()
    };
    for rotation in 1..=2 {
        drop(installed.client());
        machine.shell("logrotate --force /etc/logrotate.d/traffic-forwarder").success();
        drop(installed.client());
        wait_until("all records", LIMIT, || records() == 2 * rotation);
        wait_until("the new file", LIMIT, || {
            machine.shell(&format!("grep -q ' closed #' {LOG}")).status.success()
        });
    }
    machine.shell(&format!("gzip -t {LOG}.2.gz")).success();
    assert_eq!(installed.property("NRestarts"), "0");
}

#[test]
#[ignore = "runs systemd: `cargo xtask systemd-test`"]
fn connections_during_a_restart_are_served_by_the_next_process() {
    let Some(installed) = Installed::new("") else { return };
    let machine = &installed.machine;
    // The stopped process accepts no connection; then it is killed.
    machine.shell("systemctl kill --signal=STOP traffic-forwarder").success();
    let waits = connect(&installed.port).unwrap();
    machine.shell("systemctl kill --signal=KILL traffic-forwarder").success();
    ping(&waits);
    assert_eq!(installed.property("NRestarts"), "1");
    machine.shell("systemctl restart traffic-forwarder").success();
    installed.client();
}

#[test]
#[ignore = "runs systemd: `cargo xtask systemd-test`"]
fn a_hung_process_is_restarted() {
    let Some(installed) = Installed::new("") else { return };
    let machine = &installed.machine;
    let drop_in = "/run/systemd/system/traffic-forwarder.service.d";
    let short =
        format!("mkdir -p {drop_in} && echo '[Service]\nWatchdogSec=1s' >{drop_in}/test.conf");
    machine.shell(&short).success();
    machine.shell("systemctl daemon-reload && systemctl restart traffic-forwarder").success();
    installed.client();
    machine.shell("systemctl kill --signal=STOP traffic-forwarder").success();
    wait_until("another process", LIMIT, || installed.property("NRestarts") == "1");
    installed.client();
}

#[test]
#[ignore = "runs systemd: `cargo xtask systemd-test`"]
fn a_configuration_with_user_and_sandbox_starts() {
    let restricted = "user = 'traffic-forwarder'\nsandbox = true";
    let Some(installed) = Installed::new(restricted) else { return };
    installed.client();
    let pid = installed.property("MainPID");
    let user = installed.machine.output(&format!("stat -c %U /proc/{pid}"));
    assert_eq!(user, "traffic-forwarder");
    let said = installed.install("1.1.0");
    assert!(said.contains("upgraded from "), "{said}");
    installed.client();
}

#[test]
#[ignore = "runs systemd: `cargo xtask systemd-test`"]
fn a_service_without_an_admin_interface_is_upgraded_with_its_package() {
    let Some(installed) = Installed::new("admin = 'off'") else { return };
    let client = installed.client();
    let pid = installed.property("MainPID");
    let said = installed.install("1.1.0");
    assert!(said.contains(&format!("process {pid} upgrades in place")), "{said}");
    assert!(!said.contains("runs the previous version"), "{said}");
    let program = format!("readlink /proc/{pid}/exe");
    wait_until("the new program", LIMIT, || {
        installed.machine.output(&program) == "/usr/bin/traffic-forwarder"
    });
    ping(&client);
    assert_eq!(installed.property("NRestarts"), "0");
}

#[test]
#[ignore = "runs systemd: `cargo xtask systemd-test`"]
fn a_token_is_a_credential_of_the_unit() {
    let Some(installed) = Installed::new("") else { return };
    let machine = &installed.machine;
    let drop_in = "/etc/systemd/system/traffic-forwarder.service.d";
    let token = "/etc/traffic-forwarder/admin.token";
    let made = format!(
        "mkdir -p {drop_in} /etc/traffic-forwarder && (umask 077; echo 0123456789abcdef >{token}) \
         && echo '[Service]\nLoadCredential=admin.token:{token}' >{drop_in}/token.conf \
         && systemctl daemon-reload"
    );
    machine.shell(&made).success();
    let admin = Port::v4();
    let credential = "/run/credentials/traffic-forwarder.service/admin.token";
    let process =
        format!("admin = ['auto', '{}']\nadmin_token_file = '{credential}'", admin.addr());
    installed.configure(&process, "");
    let start = machine.shell("systemctl restart traffic-forwarder");
    let journal = || machine.output("journalctl --no-pager -u traffic-forwarder");
    assert!(start.status.success(), "{start}\n{}", journal());
    let client = installed.client();
    let reload = machine.shell("systemctl reload traffic-forwarder");
    assert!(reload.status.success(), "{reload}\n{}", journal());
    let said = installed.install("1.1.0");
    assert!(said.contains("upgraded from "), "{said}");
    ping(&client);
}

#[test]
#[ignore = "runs systemd: `cargo xtask systemd-test`"]
fn the_journal_knows_the_priority_of_each_line() {
    let Some(installed) = Installed::new("") else { return };
    let (machine, gone, port) = (&installed.machine, Port::v4(), Port::v4());
    let text =
        format!("[[forward]]\nname = 'gone'\nlisten = '{}'\nto = '{}'\n", port.addr(), gone.addr());
    fs::write(machine.exchange().join("own.conf"), text).unwrap();
    machine.shell(&format!("cp {EXCHANGE}/own.conf {CONFIG}")).success();
    machine.shell("systemctl restart traffic-forwarder").success();
    connect_and_close(&port);
    let lines = |priority: &str| {
        let command = format!("journalctl --no-pager -o cat -u traffic-forwarder -p {priority}");
        machine.output(&command)
    };
    wait_until("a warning in the journal", LIMIT, || lines("warning..warning").contains("gone"));
    let (warnings, infos) = (lines("warning..warning"), lines("info..info"));
    assert!(!warnings.contains("ready"), "{warnings}");
    assert!(infos.contains("ready"), "{infos}");
    // The journal has the time, and takes the prefix away.
    assert!(!infos.contains("<6>"), "{infos}");
}
