//! A configuration file that others may change, while root runs the program: the log, `check` and
//! `doctor` say so. Only root can give files away; without root the tests pass without a check.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, lchown, symlink};
use std::path::PathBuf;

use serde_json::Value;
use testkit::{Http, LIMIT, Port, Signal, permit_by_acl, remove_acl, wait_until};

use crate::support::{Config, Console, forwarder, messages};

const WARNING: &str = "others may change the configuration file";
/// A user that needs no entry anywhere.
const USER: u32 = 64_999;

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn set_mode(path: &str, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A configuration file, and the commands that read it.
struct Place {
    console: Console,
    config: String,
}

impl Place {
    fn new(process: &str) -> Self {
        let console = Console::new();
        let config = Config::new().admin(&console.admin()).process(process);
        let config = config.forward(Port::v4().addr(), "127.0.0.1:1", "");
        let config = console.file("config", &config.text());
        Self { console, config }
    }

    /// Gives the file to a user.
    fn give_to(&self, user: u32) {
        chown(&self.config, Some(user), None).unwrap();
    }

    fn directory(&self) -> String {
        self.console.path("").trim_end_matches('/').to_owned()
    }

    /// What `check` writes to standard error; it must succeed.
    fn check(&self) -> String {
        forwarder().args(["check", "-c", &self.config]).run().success().stderr
    }

    fn check_json(&self) -> Value {
        let checked = forwarder().args(["check", "--json", "-c", &self.config]).run();
        serde_json::from_slice(&checked.success().stdout).unwrap()
    }

    fn doctor(&self) -> String {
        let arguments = ["doctor", "--no-connect", "-c", &self.config];
        forwarder().args(arguments).run().text()
    }
}

#[test]
fn a_start_and_a_reload_warn_of_a_file_that_others_may_change() {
    if !is_root() {
        return;
    }
    let place = Place::new("");
    let running = forwarder().args(["-c", &place.config]).start();
    running.ready();
    assert!(messages(&running, WARNING).is_empty(), "{:?}", running.stderr());
    let socket = place.console.path("admin.sock");
    let http = Http::new(PathBuf::from(socket));
    set_mode(&place.config, 0o622);
    http.post("/v1/reload").success();
    wait_until("a warning", LIMIT, || messages(&running, WARNING).len() == 1);
    let warning = messages(&running, WARNING).remove(0);
    assert_eq!(warning["writers"], "every user", "{warning}");
    assert_eq!(warning["hint"], format!("chmod go-w {}", place.config), "{warning}");
    set_mode(&place.config, 0o600);
    place.give_to(USER);
    running.signal(Signal::TERM);
    running.wait_exit(LIMIT);
    let again = forwarder().args(["-c", &place.config]).start();
    again.ready();
    let warning = messages(&again, WARNING).remove(0);
    assert_eq!(warning["writers"], "the user with the id 64999", "{warning}");
    assert_eq!(warning["hint"], format!("chown root {}", place.config), "{warning}");
}

#[test]
fn check_and_doctor_name_the_file_or_its_directory_and_the_remedy() {
    if !is_root() {
        return;
    }
    let place = Place::new("");
    assert_eq!(place.check(), "");
    assert_eq!(place.check_json()["warnings"], serde_json::json!([]));
    assert!(place.doctor().contains("ok    exposed_files: "), "{}", place.doctor());
    let directory = place.directory();
    for (path, mode, done) in
        [(&place.config, 0o606, "write to it"), (&directory, 0o707, "replace it in its directory")]
    {
        let usual = fs::metadata(path).unwrap().mode();
        set_mode(path, mode);
        let (config, remedy) = (&place.config, format!("chmod go-w {path}"));
        let says = format!(
            "the configuration file {config}: every user may {done} (to end that: {remedy})"
        );
        assert_eq!(place.check(), format!("warning: {says}\n"));
        let checked = place.check_json();
        assert_eq!((&checked["ok"], &checked["warnings"][0]), (&true.into(), &says.into()));
        let doctor = place.doctor();
        assert!(doctor.contains("warn  exposed_files: "), "{doctor}");
        assert!(doctor.contains(&format!("{config}: every user may {done}")), "{doctor}");
        assert!(doctor.contains(&format!("to change it: {remedy}")), "{doctor}");
        set_mode(path, usual);
    }
}

/// The directories above the last one, and the symbolic links on the way.
#[test]
fn check_and_doctor_name_the_exposed_component_of_the_path() {
    if !is_root() {
        return;
    }
    let mut place = Place::new("");
    let at = |name: &str| place.console.path(name);
    fs::create_dir_all(at("a/b")).unwrap();
    fs::rename(&place.config, at("a/b/config")).unwrap();
    symlink("a/b", at("link")).unwrap();
    let (above, within, link) = (at("a"), at("a/b"), at("link"));
    let says = |place: &Place, statement: &str, remedy: &str| {
        let config = &place.config;
        let expected =
            format!("the configuration file {config}: {statement} (to end that: {remedy})");
        assert_eq!(place.check(), format!("warning: {expected}\n"));
        let doctor = place.doctor();
        assert!(doctor.contains(&format!("{config}: {statement}")), "{doctor}");
        assert!(doctor.contains(&format!("to change it: {remedy}")), "{doctor}");
    };
    place.config = at("link/config");
    assert_eq!(place.check(), "");
    set_mode(&above, 0o777);
    let statement = format!("every user may replace {within}, on the way to it");
    says(&place, &statement, &format!("chmod go-w {above}"));
    set_mode(&above, 0o755);
    lchown(&link, Some(USER), None).unwrap();
    let statement = format!("the user with the id 64999 owns {link}, on the way to it");
    says(&place, &statement, &format!("chown -h root {link}"));
}

/// The mode says nothing of a user that an access control list names.
#[test]
fn check_and_doctor_name_the_users_of_an_acl() {
    if !is_root() {
        return;
    }
    let place = Place::new("");
    let (config, directory) = (place.config.clone(), place.directory());
    for (path, done) in [(&config, "write to it"), (&directory, "replace it in its directory")] {
        if !permit_by_acl(path.as_ref(), USER, 7) {
            return;
        }
        let statement = format!("the user with the id 64999 (by an ACL) may {done}");
        let remedy = format!("setfacl -x u:64999 {path}");
        let says = format!("the configuration file {config}: {statement} (to end that: {remedy})");
        assert_eq!(place.check(), format!("warning: {says}\n"));
        let doctor = place.doctor();
        assert!(doctor.contains(&format!("{config}: {statement}")), "{doctor}");
        assert!(doctor.contains(&format!("to change it: {remedy}")), "{doctor}");
        remove_acl(path.as_ref());
        assert_eq!(place.check(), "");
    }
}

/// Files of prefixes and of tokens decide what the process does, like the configuration that names them.
#[test]
fn the_files_that_the_configuration_names_are_checked_too() {
    if !is_root() {
        return;
    }
    let console = Console::new();
    let [allow, deny] = ["allow", "deny"].map(|name| console.file(name, "127.0.0.0/8\n"));
    fs::create_dir(console.path("tokens")).unwrap();
    let tokens = console.file("tokens/admin", "0123456789abcdef0123456789abcdef\n");
    set_mode(&tokens, 0o600);
    let (socket, port) = (console.admin(), Port::v4());
    let process = format!("admin = ['{socket}', '{}']\nadmin_token_file = '{tokens}'", port.addr());
    let lists = format!("allow = ['file:{allow}']\ndeny = ['::1', 'file:{deny}']");
    let listen = Port::v4();
    let text = format!(
        "[log]\nformat = 'json'\n[process]\n{process}\n[[forward]]\nlisten = '{}'\nto = '127.0.0.1:1'\n{lists}\n",
        listen.addr()
    );
    let place = Place { config: console.file("config", &text), console };
    assert_eq!(place.check(), "");
    let running = forwarder().args(["-c", &place.config]).start();
    running.ready();
    let http = Http::new(PathBuf::from(place.console.path("admin.sock")));
    for (role, path, message) in [
        ("file of prefixes", &allow, "others may change a file of prefixes"),
        ("file of prefixes", &deny, "others may change a file of prefixes"),
        ("token file", &place.console.path("tokens"), "others may change the token file"),
    ] {
        let before = messages(&running, message).len();
        let usual = fs::metadata(path).unwrap().mode();
        set_mode(path, usual | 0o002);
        let checked = place.check();
        assert!(checked.starts_with(&format!("warning: the {role} ")), "{checked}");
        assert!(checked.contains(&format!("(to end that: chmod go-w {path})")), "{checked}");
        assert!(place.doctor().contains(&format!("to change it: chmod go-w {path}")));
        http.post("/v1/reload").success();
        wait_until("a warning", LIMIT, || messages(&running, message).len() == before + 1);
        set_mode(path, usual);
    }
}

/// The process becomes that user, which may reload its own file.
#[test]
fn the_configured_user_may_own_the_file() {
    if !is_root() {
        return;
    }
    let place = Place::new(&format!("user = '{USER}'\ngroup = '{USER}'"));
    place.give_to(USER);
    assert_eq!(place.check(), "");
    place.give_to(USER - 1);
    assert!(place.check().contains("the user with the id 64998 may write to it"));
}
