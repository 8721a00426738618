//! `[process] user` and `group`: the identity of the process after the switch, its remaining
//! rights, and their lifetime. Only root can switch users; without root those tests pass without a
//! check.

mod log_file;
mod planted;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use testkit::{
    Behaviour, Finished, Forwarder, Http, LIMIT, Port, Signal, Target, connect, copy_program, run,
    wait_until,
};

use crate::support::{
    BINARY, Config, in_network_namespace, messages, of_each_thread, ping, served_client, test_name,
};

/// A user and a group that need no entry anywhere.
const USER: u32 = 64_999;
const GROUP: u32 = 64_998;
/// `CAP_NET_BIND_SERVICE` in a set of capabilities, as /proc prints it.
const BIND_SERVICE: &str = "0000000000000400";
const NOTHING: &str = "0000000000000000";
/// Lines of `[process]`.
const SANDBOX: [&str; 2] = ["sandbox = false", "sandbox = true"];

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A directory owned by the user, with a copy of the program in it.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
        copy_program(BINARY, dir.path().join("program"));
        chown(dir.path(), Some(USER), Some(GROUP)).unwrap();
        Self(dir)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A configuration whose files are all in this directory.
    fn config(&self) -> Config {
        let dir = self.0.path().display();
        let config = Config::new().admin(&format!("unix:{dir}/admin.sock"));
        config.process(&format!("user = '{USER}'\ngroup = '{GROUP}'"))
    }

    fn write(&self, config: &Config) {
        fs::write(self.path("config"), config.text()).unwrap();
    }

    fn arguments(&self) -> [PathBuf; 2] {
        ["-c".into(), self.path("config")]
    }

    fn start(&self, config: &Config) -> Forwarder {
        self.write(config);
        let forwarder = Forwarder::binary(self.path("program")).args(self.arguments()).start();
        forwarder.ready();
        forwarder
    }

    /// Runs a start that must fail, as this user.
    fn refused(&self, config: &Config, uid: u32) -> Finished {
        self.write(config);
        let mut command = Command::new(self.path("program"));
        let finished = run(command.args(self.arguments()).uid(uid).gid(uid), LIMIT);
        assert_eq!(finished.status.code(), Some(2), "{finished}");
        finished
    }
}

/// Asserts that every thread has this user's identity only, and no capability but `capabilities`.
#[track_caller]
fn assert_is_user(pid: u32, capabilities: &str) {
    let names = ["Uid", "Gid", "Groups", "NoNewPrivs", "CapPrm", "CapEff", "CapInh", "CapAmb"];
    let ids = |id: u32| [id.to_string(), id.to_string(), id.to_string(), id.to_string()].join(" ");
    let rest = [capabilities; 4].map(str::to_owned);
    let expected = [ids(USER), ids(GROUP), String::new(), "1".to_owned()];
    let expected = [&expected[..], &rest].concat();
    let threads = of_each_thread(pid, &names);
    assert!(threads.len() > 2, "workers and journal are threads");
    for thread in threads {
        assert_eq!(thread, expected, "{names:?}");
    }
}

/// In a network namespace, where all ports below 1024 are free.
#[test]
fn an_upgrade_keeps_the_right_to_low_ports_and_no_other() {
    if !is_root() {
        return;
    }
    let name = test_name!(an_upgrade_keeps_the_right_to_low_ports_and_no_other);
    // The sandbox does not restrict ports.
    in_network_namespace(name, "true", || {
        for line in SANDBOX {
            low_ports_are_bound_again(line);
        }
    });
}

fn low_ports_are_bound_again(sandbox: &str) {
    let (home, target) = (Home::new(), Target::start(Behaviour::Echo));
    let local = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let on = |port| home.config().process(sandbox).forward(local(port), target.addr(), "");
    let forwarder = home.start(&on(80));
    let admin = Http::new(home.path("admin.sock"));
    let session = served_client(local(80));
    assert_is_user(forwarder.pid(), BIND_SERVICE);
    for (upgrades, port) in [(1, 443), (2, 22)] {
        forwarder.signal(Signal::USR2);
        wait_until("the upgrade", LIMIT, || messages(&forwarder, "upgraded").len() == upgrades);
        assert_is_user(forwarder.pid(), BIND_SERVICE);
        ping(&session);
        home.write(&on(port));
        admin.post("/v1/reload").success();
        served_client(local(port));
    }
}

#[test]
fn without_low_ports_no_capability_is_kept() {
    if !is_root() {
        return;
    }
    let (home, target, port) = (Home::new(), Target::start(Behaviour::Echo), Port::v4());
    let forwarder = home.start(&home.config().forward(port.addr(), target.addr(), ""));
    assert_is_user(forwarder.pid(), NOTHING);
    served_client(&port);
}

#[test]
fn the_user_can_create_reopen_and_remove_its_files() {
    if !is_root() {
        return;
    }
    let (home, target) = (Home::new(), Target::start(Behaviour::Echo));
    let (log, socket) = (home.path("log"), home.path("forward.sock"));
    let config = home.config().log(&format!("file = '{}'", log.display()));
    home.write(&config.forward(format!("unix:{}", socket.display()), target.addr(), ""));
    let forwarder = Forwarder::binary(home.path("program")).args(home.arguments()).start();
    let logged = |word: &str| fs::read_to_string(&log).is_ok_and(|text| text.contains(word));
    wait_until("ready", LIMIT, || logged("ready"));
    let owner = |path: &Path| {
        let file = fs::symlink_metadata(path).unwrap();
        (file.uid(), file.gid())
    };
    let files = [log.clone(), socket.clone(), home.path("admin.sock")];
    assert!(files.iter().all(|file| owner(file) == (USER, GROUP)), "{files:?}");
    fs::rename(&log, home.path("moved")).unwrap();
    forwarder.signal(Signal::USR1);
    wait_until("the log is begun anew", LIMIT, || log.exists());
    assert_eq!(owner(&log), (USER, GROUP));
    ping(&connect(socket.clone()).unwrap());
    forwarder.signal(Signal::TERM);
    assert_eq!(forwarder.wait_exit(LIMIT).code(), Some(0));
    assert!(logged("stopped"));
    assert!(files[1..].iter().all(|file| !file.exists()), "sockets are removed at the end");
}

#[test]
fn actions_beyond_the_users_rights_are_refused_at_the_start() {
    if !is_root() {
        return;
    }
    let (home, port, private) = (Home::new(), Port::v4(), TempDir::new().unwrap());
    let config = home.config().forward(port.addr(), "127.0.0.1:9", "");
    let says = |config: &Config, uid: u32, expected: &str| {
        let finished = home.refused(config, uid);
        assert!(finished.stderr.contains(expected), "{finished}");
    };
    let as_user = |user: &str| Config::new().process(&format!("user = '{user}'"));
    let as_user = |user| as_user(user).forward(port.addr(), "127.0.0.1:9", "");
    says(&as_user("nobody-of-this-name"), 0, "there is no such user in /etc/passwd");
    says(&as_user("64999"), 0, "name it with `group`");
    says(&config, 64_000, "setgroups: operation not permitted (only root may become another user");
    let dir = private.path().display();
    let socket = format!("unix:{dir}/forward.sock");
    says(&home.config().forward(socket, "127.0.0.1:9", ""), 0, "may write to its directory");
    let log = config.clone().log(&format!("file = '{dir}/log'"));
    says(&log, 0, "ermission denied");
    fs::write(home.path("config"), config.text()).unwrap();
    fs::set_permissions(home.path("config"), PermissionsExt::from_mode(0o600)).unwrap();
    chown(home.path("config"), Some(0), Some(0)).unwrap();
    says(&config, 0, "it cannot read the configuration");
}

// === findings of `doctor` about it ===

impl Home {
    /// The report for a user with this ID, and whether the process would start.
    #[track_caller]
    fn examined(&self, config: &Config, uid: u32) -> (Value, bool) {
        self.write(config);
        let mut command = Command::new(self.path("program"));
        command.args(["doctor", "--no-connect", "--json"]).args(self.arguments());
        let finished = run(command.uid(uid).gid(uid), LIMIT);
        let report = serde_json::from_slice(&finished.stdout);
        (report.unwrap_or_else(|_| panic!("{finished}")), finished.status.success())
    }
}

/// The verdict of a check, and its texts.
fn finding(report: &Value, check: &str) -> (String, String) {
    let mut all = report["checks"].as_array().unwrap().iter();
    let finding = all.find(|it| it["check"] == check).unwrap();
    (finding["verdict"].as_str().unwrap().to_owned(), finding.to_string())
}

#[test]
fn doctor_checks_as_the_user() {
    if !is_root() {
        return;
    }
    let name = test_name!(doctor_checks_as_the_user);
    in_network_namespace(name, "true", || {
        let (home, private) = (Home::new(), TempDir::new().unwrap());
        let config = home.config().forward("127.0.0.1:80", "127.0.0.1:9", "");
        let (report, starts) = home.examined(&config, 0);
        assert!(starts, "{report:#}");
        for (check, says) in [
            ("user", "apply to the configured user `64999`: the user with the id 64999"),
            ("low_ports", "and the user with the id 64999 may bind them"),
        ] {
            let (verdict, text) = finding(&report, check);
            assert!(verdict == "ok" && text.contains(says), "{text}");
        }
        // Root may write there.
        let log = config.clone().log(&format!("file = '{}/log'", private.path().display()));
        let (report, starts) = home.examined(&log, 0);
        let (verdict, text) = finding(&report, "directories");
        assert!(!starts && verdict == "fail", "{report:#}");
        assert!(text.contains("the user with the id 64999 may not write there"), "{text}");
        assert!(text.contains("install -d -o 64999 "), "{text}");
        // Only root can switch to the user.
        let (report, starts) = home.examined(&config, 64_000);
        let (verdict, text) = finding(&report, "user");
        assert!(!starts && verdict == "fail", "{report:#}");
        assert!(text.contains("all other checks apply to the user with the id 64000"), "{text}");
        // The token belongs to root.
        let token = private.path().join("token");
        fs::write(&token, "0123456789abcdef").unwrap();
        fs::set_permissions(&token, PermissionsExt::from_mode(0o600)).unwrap();
        fs::set_permissions(private.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let port = config.admin("127.0.0.1:9180");
        let port = port.process(&format!("admin_token_file = '{}'", token.display()));
        let (report, starts) = home.examined(&port, 0);
        let (verdict, text) = finding(&report, "user");
        assert!(!starts && verdict == "fail" && text.contains("permission denied"), "{text}");
        chown(&token, Some(USER), Some(GROUP)).unwrap();
        assert!(home.examined(&port, 0).1);
    });
}

/// The open files of another user's process are hidden; its user and its configuration are visible.
#[test]
fn doctor_recognizes_our_process_of_another_user() {
    if !is_root() {
        return;
    }
    let (home, port) = (Home::new(), Port::v4());
    let config = home.config().forward(port.addr(), "127.0.0.1:9", "");
    let running = home.start(&config);
    for uid in [0, 64_000] {
        let (verdict, text) = finding(&home.examined(&config, uid).0, "taken");
        let says = format!("own process, pid {}, which runs", running.pid());
        assert!(verdict == "ok" && text.contains(&says), "{text}");
    }
    drop(running);
    let _listener = std::net::TcpListener::bind(port.addr()).unwrap();
    let (verdict, text) = finding(&home.examined(&config, 64_000).0, "taken");
    assert!(verdict == "fail" && text.contains("the user with the id 0; root can see"), "{text}");
}

#[test]
fn a_missing_user_is_reported_alike_by_check_doctor_and_run() {
    let home = Home::new();
    let config = Config::new().process("user = 'no-such-user'");
    home.write(&config.forward("127.0.0.1:18080", "127.0.0.1:9", ""));
    let says = |command: &str| {
        let mut program = Command::new(home.path("program"));
        run(program.arg(command).args(home.arguments()), LIMIT)
    };
    let (check, served) = (says("check"), says("run"));
    assert_eq!(check.status.code(), Some(2), "{check}");
    let error = "error: run as user `no-such-user`: there is no such user in /etc/passwd";
    assert!(served.stderr.starts_with(error), "{served}");
    assert_eq!(served.status.code(), Some(2), "{served}");
    // Before the error, it warns as root of the owner of the directory.
    assert!(check.stdout.is_empty() && check.stderr.ends_with(&served.stderr), "{check}");
    let doctor = says("doctor");
    assert_eq!(doctor.status.code(), Some(1), "{doctor}");
    assert!(doctor.text().starts_with("fail  user: run as user `no-such-user`"), "{doctor}");
}
