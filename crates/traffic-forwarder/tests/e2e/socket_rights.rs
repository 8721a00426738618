//! `mode`, `owner` and `group` of Unix listeners: from the first client on, over reloads, fall-backs, upgrades and
//! drains.

use std::fmt::Display;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt, chown};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;
use testkit::{Behaviour, Http, LIMIT, Target, run, wait_until};

use crate::support::{Config, Operated, forwarder, messages, ping, served_client};

/// Ids that need no entry anywhere.
const USER: u32 = 64_999;
const GROUP: u32 = 64_998;
const OTHER: u32 = 64_997;

struct Home {
    dir: TempDir,
    target: Target,
}

impl Home {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
        Self { dir, target: Target::start(Behaviour::Echo) }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    fn config(&self, settings: impl Display) -> Config {
        let settings = format!("name = 'x'\n{settings}");
        Config::new().forward(
            format_args!("unix:{}", self.path().display()),
            self.target.addr(),
            settings,
        )
    }

    /// Mode, owner and group of the socket's file.
    fn rights(&self) -> (u32, u32, u32) {
        let file = self.path().metadata().unwrap();
        (file.mode() & 0o777, file.uid(), file.gid())
    }

    fn may_connect(&self, user: u32, group: u32) -> bool {
        let mut command = Command::new("test");
        command.arg("-w").arg(self.path()).uid(user).gid(group);
        run(&mut command, LIMIT).status.success()
    }
}

fn is_root() -> bool {
    own().0 == 0
}

/// User and group of this process.
fn own() -> (u32, u32) {
    let own = fs::metadata("/proc/self").unwrap();
    (own.uid(), own.gid())
}

/// Upgrades in place, and waits for the next image.
fn upgrade(operated: &Operated, count: usize) {
    operated.http.post("/v1/upgrade").status(202);
    wait_until("the next image", LIMIT, || messages(operated, "upgraded").len() == count);
}

#[test]
fn a_mode_holds_over_reloads_upgrades_and_drains() {
    for sandbox in ["sandbox = false", "sandbox = true"] {
        a_mode_holds(sandbox);
    }
}

fn a_mode_holds(sandbox: &str) {
    let (home, (user, group)) = (Home::new(), own());
    let config = |settings: &str| home.config(settings).process(sandbox);
    let operated = Operated::start(config("mode = '0666'"));
    assert_eq!(home.rights(), (0o666, user, group), "whatever the umask is");
    let client = served_client(home.path());
    upgrade(&operated, 1);
    assert_eq!(home.rights().0, 0o666);
    operated.reload(config("mode = '0660'"));
    assert_eq!(home.rights().0, 0o660);
    // Others may change the file: a reload that changes nothing leaves it as it is.
    fs::set_permissions(home.path(), PermissionsExt::from_mode(0o640)).unwrap();
    operated.reload(config("mode = '0660'\nidle_timeout = '7m'"));
    assert_eq!(home.rights().0, 0o640);
    operated.http.post("/v1/forwards/x/drain").success();
    assert!(!home.path().exists());
    operated.http.post("/v1/forwards/x/resume").success();
    assert_eq!(home.rights().0, 0o660);
    fs::remove_file(home.path()).unwrap();
    operated.reload(config("mode = '0600'"));
    assert_eq!(home.rights().0, 0o600);
    upgrade(&operated, 2);
    operated.reload(config(""));
    let umask = fs::read_to_string(format!("/proc/{}/status", operated.pid())).unwrap();
    let umask = umask.lines().find_map(|line| line.strip_prefix("Umask:")).unwrap();
    let umask = u32::from_str_radix(umask.trim(), 8).unwrap();
    assert_eq!(home.rights(), (0o777 & !umask, user, group), "as a new file");
    ping(&client);
    served_client(home.path());
}

#[test]
fn a_fall_back_restores_the_rights_also_after_an_upgrade() {
    for is_upgraded in [false, true] {
        let home = Home::new();
        let settings = if is_root() { format!("owner = '{USER}'\n") } else { String::new() };
        let operated = Operated::start(home.config(format!("mode = '0660'\n{settings}")));
        let before = home.rights();
        operated.write(home.config("mode = '0666'"));
        operated.http.post("/v1/reload?confirm=2s").success();
        assert_eq!(home.rights().0, 0o666);
        if is_upgraded {
            upgrade(&operated, 1);
        }
        wait_until("the fall-back", LIMIT, || operated.generation() == 3);
        assert_eq!(home.rights(), before, "upgraded: {is_upgraded}");
        served_client(home.path());
    }
}

/// Only root may give files away; without root the test passes without a check.
#[test]
fn owner_and_group_decide_who_may_connect() {
    if !is_root() {
        return;
    }
    let home = Home::new();
    let settings = format!("mode = '0660'\nowner = '{USER}'\ngroup = '{GROUP}'");
    let operated = Operated::start(home.config(&settings));
    assert_eq!(home.rights(), (0o660, USER, GROUP));
    let may = |user, group| home.may_connect(user, group);
    assert!(may(USER, OTHER) && may(OTHER, GROUP) && !may(OTHER, OTHER));
    let client = served_client(home.path());
    operated.reload(home.config(settings.replace(&USER.to_string(), &OTHER.to_string())));
    assert!(!may(USER, OTHER) && may(OTHER, OTHER) && may(USER, GROUP));
    // Names are looked up at each reload.
    operated.reload(home.config("owner = 'nobody'"));
    assert_eq!(home.rights().1, 65_534);
    upgrade(&operated, 1);
    assert_eq!(home.rights().1, 65_534);
    operated.reload(home.config(""));
    assert_eq!((home.rights().1, home.rights().2), own());
    ping(&client);
    served_client(home.path());
}

#[test]
fn unknown_accounts_are_problems_with_their_place() {
    let home = Home::new();
    let operated = Operated::start(home.config(""));
    let file = home.dir.path().join("config");
    for (settings, part) in [
        ("owner = 'no-such-user'", "`owner` is `no-such-user`: there is no such user"),
        ("group = 'no-such-group'", "`group` is `no-such-group`: there is no such group"),
    ] {
        let config = home.config(settings);
        fs::write(&file, config.text()).unwrap();
        let at = 1 + config.text().lines().position(|line| line == settings).unwrap();
        let checked = forwarder().args(["check", "-c", file.to_str().unwrap()]).run();
        assert_eq!(checked.status.code(), Some(2));
        assert!(checked.stderr.contains(part), "{}", checked.stderr);
        assert!(checked.stderr.contains(&format!(":{at}:1: ")), "{}", checked.stderr);
        let started = forwarder().args(["-c", file.to_str().unwrap()]).run();
        assert_eq!(started.status.code(), Some(2));
        assert!(started.stderr.contains(part), "{}", started.stderr);
        operated.write(config);
        for query in ["?dry_run=true", ""] {
            let refused = operated.http.post(&format!("/v1/reload{query}")).status(409).body;
            assert!(refused.contains(part), "{query}: {refused}");
        }
    }
    served_client(home.path());
}

/// Only root can become another user; without root the test passes without a check.
#[test]
fn without_privileges_an_owner_is_refused_and_nothing_is_lost() {
    if !is_root() {
        return;
    }
    let home = Home::new();
    chown(home.dir.path(), Some(USER), Some(GROUP)).unwrap();
    let config = |settings: &str| {
        let user = format!("user = '{USER}'\ngroup = '{GROUP}'");
        let other = home.dir.path().join("other");
        let admin = format!("unix:{}/admin.sock", home.dir.path().display());
        let config = home.config(settings).process(&user).admin(&admin);
        let settings = if settings.contains("64997") { "mode = '0666'" } else { "mode = '0600'" };
        config.forward(format_args!("unix:{}", other.display()), home.target.addr(), settings)
    };
    let file = home.dir.path().join("config");
    let write = |settings: &str| fs::write(&file, config(settings).text()).unwrap();
    write("mode = '0660'");
    let forwarder = || forwarder().args(["-c", file.to_str().unwrap()]);
    let running = forwarder().start();
    running.ready();
    let http = Http::new(home.dir.path().join("admin.sock"));
    assert_eq!(home.rights(), (0o660, USER, GROUP));
    let client = served_client(home.path());
    for (settings, part) in [
        ("owner = '64997'", "cannot set `owner`: operation not permitted (only a process with"),
        ("group = '64997'", "cannot set `group`: operation not permitted (the user of the process"),
    ] {
        write(settings);
        for query in ["?dry_run=true", ""] {
            let refused = http.post(&format!("/v1/reload{query}")).status(409).body;
            assert!(refused.contains(part), "{query}: {refused}");
        }
        // All or nothing: the other listener keeps its rights, too.
        let other = home.dir.path().join("other").metadata().unwrap();
        assert_eq!((home.rights(), other.mode() & 0o777), ((0o660, USER, GROUP), 0o600));
    }
    ping(&client);
    write("mode = '0606'");
    http.post("/v1/reload").success();
    assert_eq!(home.rights(), (0o606, USER, GROUP));
    served_client(home.path());
    // A start is refused as well, and leaves no file.
    drop(running);
    write("owner = '64997'");
    let started = forwarder().run();
    assert_eq!(started.status.code(), Some(2));
    assert!(started.stderr.contains("cannot set `owner`"), "{}", started.stderr);
    assert!(!home.path().exists());
}
