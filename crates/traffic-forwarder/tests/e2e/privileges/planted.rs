//! A log written by root in another user's directory, with symbolic links planted there: none of
//! them redirects root's writes out of the directory.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, lchown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use testkit::{Finished, Forwarder, Http, LIMIT, Port, Signal, wait_until};

use super::{GROUP, USER, is_root};
use crate::support::{BINARY, Config, forwarder};

const SECRET: &str = "secret\n";
/// Reloads whose lines fill several files of a KiB each.
const RELOADS: usize = 60;

/// A directory owned by root with a file of root and a directory of the user for the log.
struct Place {
    dir: TempDir,
    _port: Port,
    config: Config,
}

impl Place {
    fn new() -> Self {
        let (dir, port) = (TempDir::new().unwrap(), Port::v4());
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("logs")).unwrap();
        chown(at("logs"), Some(USER), Some(GROUP)).unwrap();
        fs::write(at("victim"), SECRET).unwrap();
        fs::set_permissions(at("victim"), fs::Permissions::from_mode(0o600)).unwrap();
        let log = format!("file = '{}'\nrotate_size = '1KiB'\nkeep = 3", at("logs/log").display());
        let config = Config::new().admin(&format!("unix:{}", at("admin.sock").display()));
        let config = config.log(&log).forward(port.addr(), "127.0.0.1:9", "");
        Self { dir, _port: port, config }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Links `name` to root's file, as the user.
    fn plant(&self, name: &str) {
        let path = self.at("logs").join(name);
        let _ = fs::remove_file(&path);
        symlink(self.at("victim"), &path).unwrap();
        lchown(&path, Some(USER), Some(GROUP)).unwrap();
    }

    #[track_caller]
    fn start(&self) -> Forwarder {
        let forwarder = forwarder().config(self.config.text()).start();
        wait_until("ready", LIMIT, || self.log().contains("ready"));
        forwarder
    }

    /// The content of all log files.
    fn log(&self) -> String {
        let names = ["log.3", "log.2", "log.1", "log"].map(|name| self.at("logs").join(name));
        names.iter().filter_map(|path| fs::read_to_string(path).ok()).collect()
    }

    /// Writes lines until the log has been rotated `keep` times.
    #[track_caller]
    fn rotate(&self) {
        let http = Http::new(self.at("admin.sock"));
        for _ in 0..RELOADS {
            http.post("/v1/reload").success();
        }
        wait_until("the oldest of the rotated files", LIMIT, || {
            is_file(&self.at("logs/log.3")) && is_file(&self.at("logs/log"))
        });
    }

    #[track_caller]
    fn victim_is_untouched(&self, planted: &str) {
        assert_eq!(fs::read_to_string(self.at("victim")).unwrap(), SECRET, "{planted}");
        let victim = fs::metadata(self.at("victim")).unwrap();
        assert_eq!((victim.uid(), victim.mode() & 0o777), (0, 0o600), "{planted}");
    }

    /// Runs a command that must fail: a start, or `doctor`.
    #[track_caller]
    fn refused(&self, arguments: &[&str]) -> Finished {
        let config = self.at("config");
        fs::write(&config, self.config.text()).unwrap();
        let program = Forwarder::binary(BINARY).args(arguments.iter().copied());
        let finished = program.arg("-c").arg(&config).run();
        assert_ne!(finished.status.code(), Some(0), "{finished}");
        finished
    }
}

fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

#[test]
fn rotation_follows_no_link_of_another_user() {
    if !is_root() {
        return;
    }
    for planted in ["log.new", "log.1", "log.2", "log.3", "log.4", "log"] {
        let place = Place::new();
        let _forwarder = place.start();
        let warning = "others may write in the directory of the log file";
        assert!(place.log().contains(warning), "{}", place.log());
        place.plant(planted);
        place.rotate();
        place.victim_is_untouched(planted);
    }
}

/// The user recreates the link as soon as it is removed.
#[test]
fn a_repeatedly_planted_link_is_not_followed() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let _forwarder = place.start();
    let plant = "i=0; while [ $i -lt 20000 ]; do ln -sfn ../victim log.new; i=$((i + 1)); done";
    let mut planter = Command::new("sh");
    planter.args(["-c", plant]).current_dir(place.at("logs")).uid(USER).gid(GROUP);
    let mut planter = planter.spawn().unwrap();
    let http = Http::new(place.at("admin.sock"));
    for _ in 0..10 * RELOADS {
        http.post("/v1/reload").success();
    }
    planter.kill().unwrap();
    planter.wait().unwrap();
    place.victim_is_untouched("log.new");
    assert!(place.log().contains("configuration reloaded"), "{}", place.log());
}

#[test]
fn a_reopened_log_follows_no_link_of_another_user() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let forwarder = place.start();
    place.plant("log");
    forwarder.signal(Signal::USR1);
    let says = "is a symbolic link of the user with the id 64999";
    wait_until("the refusal", LIMIT, || forwarder.count_lines(|line| line.contains(says)) > 0);
    place.victim_is_untouched("log");
    // With the link removed, the next signal creates a new file.
    fs::remove_file(place.at("logs/log")).unwrap();
    forwarder.signal(Signal::USR1);
    wait_until("a new file", LIMIT, || is_file(&place.at("logs/log")));
}

#[test]
fn a_start_follows_no_link_of_another_user_and_doctor_reports_it() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    place.plant("log");
    let says = "is a symbolic link of the user with the id 64999";
    assert!(place.refused(&[]).stderr.contains(says));
    let doctor = place.refused(&["doctor"]).text();
    assert!(doctor.contains(says), "{doctor}");
    place.victim_is_untouched("log");
    // A link owned by root is followed.
    fs::remove_file(place.at("logs/log")).unwrap();
    symlink(place.at("elsewhere"), place.at("logs/log")).unwrap();
    let _forwarder = place.start();
    assert!(fs::read_to_string(place.at("elsewhere")).unwrap().contains("ready"));
}
