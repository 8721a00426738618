//! A log file that the user may not write: `doctor` predicts the result of the start, and its
//! advice solves the problem.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::PathBuf;

use serde_json::Value;
use testkit::{Forwarder, LIMIT, Port, Signal, Tool, wait_until};

use super::{GROUP, Home, USER, is_root};
use crate::support::Config;

/// A path in a user's home, configured as the log file.
struct Log {
    home: Home,
    path: PathBuf,
    config: Config,
    _port: Port,
}

impl Log {
    fn new() -> Self {
        let (home, port) = (Home::new(), Port::v4());
        let path = home.path("log");
        let config = home.config().forward(port.addr(), "127.0.0.1:9", "");
        let config = config.log(&format!("file = '{}'", path.display()));
        Self { home, path, config, _port: port }
    }

    /// A file of this owner and mode.
    fn with_file(owner: u32, mode: u32) -> Self {
        let log = Self::new();
        fs::write(&log.path, "").unwrap();
        chown(&log.path, Some(owner), Some(GROUP)).unwrap();
        fs::set_permissions(&log.path, PermissionsExt::from_mode(mode)).unwrap();
        log
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.path).unwrap_or_default()
    }

    /// The finding of `doctor`, and whether the process would start.
    #[track_caller]
    fn examined(&self) -> (Value, bool) {
        let (report, starts) = self.home.examined(&self.config, 0);
        let mut all = report["checks"].as_array().unwrap().iter();
        (all.find(|it| it["check"] == "log_file").unwrap().clone(), starts)
    }

    /// Asserts that `doctor` and the start fail alike, with this explanation and advice, both with
    /// `HOME` for the directory. Returns the advised change.
    #[track_caller]
    fn is_refused(&self, explanation: &str, change: &str) -> String {
        let home = self.path.parent().unwrap().to_str().unwrap();
        let change = change.replace("HOME", home);
        let (finding, starts) = self.examined();
        assert!(!starts && finding["verdict"] == "fail", "{finding:#}");
        let detail = &finding["details"][0];
        assert_eq!(detail["of"], self.path.to_str().unwrap());
        assert_eq!(detail["found"], explanation.replace("HOME", home));
        assert_eq!(finding["change"], Value::from(vec![change.as_str()]));
        let error = format!("error: {}\n", finding["found"].as_str().unwrap());
        assert_eq!(self.home.refused(&self.config, 0).stderr, error);
        change
    }

    /// Asserts that `doctor` passes, writes nothing, and that the start succeeds.
    #[track_caller]
    fn is_in_order(&self) {
        let (finding, starts) = self.examined();
        assert!(starts && finding["verdict"] == "ok", "{finding:#}");
        assert_eq!(self.text(), "");
        let program = Forwarder::binary(self.home.path("program"));
        let forwarder = program.args(self.home.arguments()).start();
        wait_until("the log", LIMIT, || self.text().contains("ready"));
        forwarder.signal(Signal::TERM);
        assert_eq!(forwarder.wait_exit(LIMIT).code(), Some(0));
    }
}

#[test]
fn the_commands_of_doctor_fix_an_existing_file() {
    if !is_root() {
        return;
    }
    let explanation = |owner: u32, mode: u32| {
        format!(
            "it belongs to the user with the id {owner} and the group with the id 64998, with the \
             mode {mode:04o}: the user with the id 64999 may not write to it"
        )
    };
    for (owner, mode, change) in [
        (0, 0o640, "chown 64999 HOME/log"),
        (USER, 0o440, "chmod u+w HOME/log"),
        (0, 0o440, "chown 64999 HOME/log && chmod u+w HOME/log"),
    ] {
        let log = Log::with_file(owner, mode);
        let change = log.is_refused(&explanation(owner, mode), change);
        Tool::find("sh").run(["-c", &change], LIMIT);
        log.is_in_order();
    }
    Log::with_file(USER, 0o640).is_in_order();
}

#[test]
fn doctor_follows_a_link_to_a_missing_file() {
    if !is_root() {
        return;
    }
    let log = Log::new();
    symlink("gone/log", &log.path).unwrap();
    let explanation = "it would be created in `HOME/gone`: it does not exist";
    let change = log.is_refused(explanation, "install -d -o 64999 HOME/gone");
    Tool::find("sh").run(["-c", &change], LIMIT);
    log.is_in_order();
}

#[test]
fn doctor_advises_another_path_if_a_directory_occupies_it() {
    if !is_root() {
        return;
    }
    let log = Log::new();
    fs::create_dir(&log.path).unwrap();
    let explanation = "it is a directory, and a file is needed";
    log.is_refused(explanation, "file = \"HOME/log/traffic-forwarder.log\"");
}
