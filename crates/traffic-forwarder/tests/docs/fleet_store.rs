//! The commands and files of docs/fleet.md and docs/fleet-store.md start a store of three members, with certificates
//! and logins, and repair it. Each machine is a directory, and its address one of loopback.

use crate::blocks::blocks;
use crate::repository::BINARY;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use testkit::{Finished, Forwarder, LIMIT, Signal, Tool, run, wait_until};

/// An election on a loaded machine.
const ELECTION: Duration = Duration::from_secs(30);

/// The only block of this kind.
fn text(info: &str) -> String {
    let mut found = blocks(info);
    assert_eq!(found.len(), 1, "blocks `{info}`");
    found.remove(0).text
}

/// Three machines with the store, of which the first has the guide's name and address.
struct Machines {
    dir: TempDir,
    /// The start of their addresses.
    net: String,
    has_tls: bool,
    members: [Option<Forwarder>; 3],
    /// The shell's variables for etcdctl.
    variables: String,
}

impl Machines {
    fn new(has_tls: bool) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = std::process::id().wrapping_mul(4) + NEXT.fetch_add(1, Ordering::Relaxed);
        let [_, _, high, low] = number.to_be_bytes();
        let dir = TempDir::new().expect("a temporary directory");
        for name in ["1", "2", "3", "files"] {
            fs::create_dir(dir.path().join(name)).expect("a new directory");
        }
        // 127.78 is that of the fleet's other tests.
        let net = format!("127.{}.{low}.", 80 + high % 100);
        let members = [const { None }; 3];
        Self { dir, net, has_tls, members, variables: String::new() }
    }

    fn machine(&self, number: usize) -> PathBuf {
        self.dir.path().join(number.to_string())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join("files").join(name)
    }

    /// The text with the paths and addresses of these machines.
    fn localized(&self, text: &str) -> String {
        let files = format!("{}/", self.dir.path().join("files").display());
        let text = text.replace("/etc/etcd/", &files).replace("/etc/traffic-forwarder/", &files);
        let text = if self.has_tls { text.replace("http://", "https://") } else { text };
        // On loopback, members connect from 127.0.0.1.
        let text = text.replace("IP:10.0.0.", "IP:127.0.0.1,IP:10.0.0.");
        text.replace("10.0.0.", &self.net).replace("/var/lib/etcd/default", "data")
    }

    /// The guide's text for this machine, of which the first one is shown.
    fn of_machine(number: usize, text: &str) -> String {
        let own = |line: &str| {
            if line.contains("etcd-1=") {
                return line.to_owned();
            }
            line.replace("etcd-1", &format!("etcd-{number}"))
                .replace("10.0.0.1", &format!("10.0.0.{number}"))
        };
        text.lines().map(own).map(|line| line + "\n").collect()
    }

    /// Runs the commands of a block, except those of the service.
    fn try_sh(&self, number: usize, commands: &str) -> Finished {
        let service = ["systemctl ", "apt-get ", "chown "];
        let commands =
            commands.lines().filter(|line| !service.iter().any(|it| line.starts_with(it)));
        let commands = commands.collect::<Vec<_>>().join("\n");
        let mut command = Command::new("/bin/sh");
        let script = format!("{}\n{}", self.variables, self.localized(&commands));
        command.args(["-euc", &script]).current_dir(self.machine(number));
        run(&mut command, LIMIT)
    }

    #[track_caller]
    fn sh(&self, number: usize, commands: &str) -> Finished {
        self.try_sh(number, commands).success()
    }

    /// `systemctl start etcd` with these lines of its file.
    fn start(&mut self, number: usize, more: &str) {
        let mut conf = text("conf etcd");
        if self.has_tls {
            conf += &text("conf etcd tls");
        }
        let conf = Self::of_machine(number, &(conf + more));
        let data = self.machine(number).join("data");
        let mut etcd = Forwarder::binary(Tool::find("etcd").path()).env("ETCD_DATA_DIR", data);
        for line in self.localized(&conf).lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("{line}"));
            etcd = etcd.env(name, value);
        }
        // etcd 3.4 does not start on this architecture otherwise.
        if std::env::consts::ARCH == "aarch64" {
            etcd = etcd.env("ETCD_UNSUPPORTED_ARCH", "arm64");
        }
        self.members[number - 1] = Some(etcd.start());
    }

    fn stop(&mut self, number: usize) {
        let Some(member) = self.members[number - 1].take() else { return };
        member.signal(Signal::KILL);
        member.wait_exit(LIMIT);
    }

    /// Installs etcd, and starts all members.
    fn install(&mut self) {
        for number in 1..=3 {
            // The package's etcd with one member.
            fs::create_dir(self.machine(number).join("data")).expect("a new directory");
            self.sh(number, &text("sh etcd install"));
            assert!(!self.machine(number).join("data").exists());
        }
        assert_eq!(text("sh etcd start"), "systemctl start etcd\n");
        (1..=3).for_each(|number| self.start(number, ""));
    }

    /// Waits until the check of the guide finds three members.
    #[track_caller]
    fn wait_until_healthy(&mut self) {
        let check = text("sh etcd check");
        wait_until("three members", ELECTION, || {
            let checked = self.try_sh(1, &check);
            let printed = format!("{}{}", checked.text(), checked.stderr);
            checked.status.success()
                && printed.matches(", started, ").count() == 3
                && printed.matches(" is healthy").count() == 3
        });
        let exports = check.lines().filter(|line| line.starts_with("export "));
        let exports: String = exports.map(|line| self.localized(line) + "\n").collect();
        if !self.variables.contains(&exports) {
            self.variables += &exports;
        }
    }
}

#[test]
fn the_commands_start_replace_restore_and_clear_a_store_of_three_members() {
    let mut machines = Machines::new(false);
    machines.install();
    machines.wait_until_healthy();
    machines.stop(2);
    machines.sh(2, &text("sh etcd install"));
    wait_until("a leader", ELECTION, || {
        machines.try_sh(1, "etcdctl put /traffic-forwarder/edge/current x").status.success()
    });
    let replace = text("sh etcd replace");
    let (remove, add) = replace.split_once('\n').expect("two commands");
    machines.sh(1, remove);
    // Its connections are some seconds old by then.
    wait_until("the addition", ELECTION, || machines.try_sh(1, add).status.success());
    machines.start(2, &text("conf etcd join"));
    machines.wait_until_healthy();

    machines.sh(1, &text("sh etcd backup"));
    machines.sh(1, "etcdctl del /traffic-forwarder/edge/current");
    // A member of the old cluster would send its log to a restored one.
    (1..=3).for_each(|number| machines.stop(number));
    for number in 1..=3 {
        machines.sh(number, "rm -rf /var/lib/etcd/default");
        machines.sh(number, "[ -e fleet.snapshot ] || cp ../1/fleet.snapshot .");
        machines.sh(number, &Machines::of_machine(number, &text("sh etcd restore")));
    }
    (1..=3).for_each(|number| machines.start(number, ""));
    machines.wait_until_healthy();
    let found = machines.sh(3, "etcdctl get /traffic-forwarder/edge/current").text();
    assert!(found.ends_with("\nx\n"), "{found}");

    machines.sh(2, "etcdctl put /traffic-forwarder/edge/current y");
    let made = machines.sh(2, &text("sh etcd space")).text();
    assert!(made.contains("compacted revision"), "{made}");
    assert_eq!(made.matches("Finished defragmenting").count(), 3, "{made}");
}

/// A file of the guide, in the directory of the machines.
fn fleet_file(machines: &Machines, name: &str, first_line: &str, more: &str) -> String {
    let mut files = blocks("toml fleet").into_iter();
    let file = files.find(|it| it.text.starts_with(first_line));
    let file = file.unwrap_or_else(|| panic!("no file `{first_line}`")).text + more;
    let keep = machines.file("keep").display().to_string();
    let path = machines.file(name);
    fs::write(&path, machines.localized(&file).replace("/var/lib/traffic-forwarder", &keep))
        .expect("write into an own directory");
    path.display().to_string()
}

fn write_password(path: &Path) {
    fs::write(path, "secret\n").expect("write into an own directory");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("an own file");
}

/// Three members with certificates and the users of the guide, whose password is `secret`.
fn with_logins() -> Machines {
    let mut machines = Machines::new(true);
    machines.sh(1, &format!("cd ../files\n{}", text("sh openssl")));
    machines.variables = machines.localized(&text("sh etcd env"));
    machines.install();
    machines.wait_until_healthy();
    // etcdctl asks for the password otherwise.
    let add = |line: &str| {
        let password = if line.contains(" user add ") { ":secret" } else { "" };
        format!("{line}{password}\n")
    };
    machines.sh(1, &text("sh etcd roles").lines().map(add).collect::<String>());
    machines.variables += "export ETCDCTL_USER=root:secret\n";
    write_password(&machines.file("publisher.password"));
    write_password(&machines.file("etcd.password"));
    machines
}

fn command(arguments: &[&str], conf: &str) -> Finished {
    Forwarder::binary(BINARY).args(arguments).args(["-c", conf]).run()
}

#[test]
fn with_the_certificates_and_roles_a_publisher_writes_and_a_machine_follows() {
    let machines = with_logins();
    let publisher = fleet_file(&machines, "publisher.conf", "# publisher.conf\n", "");
    let admin = format!("\n[process]\nadmin = 'unix:{}'\n", machines.file("admin.sock").display());
    let own = "# [fleet] in /etc/traffic-forwarder.conf of edge-1\n";
    let local = fleet_file(&machines, "local.conf", own, &admin);
    let machine = Forwarder::binary(BINARY).args(["-c", &local]).start();
    machine.ready();

    let socket = machines.file("db.sock").display().to_string();
    let fleet = machines.file("fleet.toml").display().to_string();
    let publish = |limit: u32, conf: &str| {
        let forward = format!(
            "[[forward]]\nname = 'db'\nlisten = 'unix:{socket}'\nto = 'unix:{socket}.db'\nmax_sessions = {limit}\n"
        );
        fs::write(&fleet, forward).expect("write into an own directory");
        command(&["publish", &fleet, "--hold", "1s"], conf)
    };
    let rollout = || command(&["rollout"], &publisher).success().text();
    wait_until("the status of edge-1", LIMIT, || rollout().contains("1 instance waiting"));
    let printed = publish(10, &publisher).success().text();
    assert!(printed.ends_with("the 1 live instance runs it\n"), "{printed}");
    assert!(rollout().contains("stable on 1 of 1"), "{}", rollout());
    let refused = publish(11, &local);
    assert_eq!(refused.status.code(), Some(1), "{refused}");
    let refusal = "the store refuses access to `/traffic-forwarder/edge/text/";
    assert!(refused.stderr.contains(refusal), "{refused}");
    let checked = command(&["doctor"], &local).text();
    for line in [
        "ok    fleet_store: 3 of 3 endpoints of the store work",
        "ok    fleet_rights: `edge-1` may read the fleet's keys, and write only its own",
        "ok    fleet_certificates: all of 5 are valid",
    ] {
        assert!(checked.contains(line), "{line}: {checked}");
    }
}
