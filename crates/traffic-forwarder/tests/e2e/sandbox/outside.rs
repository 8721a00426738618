//! Paths outside the sandbox stay out of reach, and requests for them fail with an explanation.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use testkit::{LIMIT, Port, Signal, wait_until};

use super::{INSIDE, ON, Sandboxed, skip};
use crate::support::{Config, Operated, forwarder, messages, ping};

/// A part of the process's configuration, and words of the refusal.
struct Elsewhere {
    config: String,
    key: &'static str,
    path: String,
}

fn elsewhere(sandboxed: &Sandboxed, dir: &TempDir) -> [Elsewhere; 4] {
    let path = |name: &str| dir.path().join(name).display().to_string();
    let inside = || sandboxed.config().admin(&sandboxed.socket().to_string());
    let case = |config: Config, key, path| Elsewhere { config: config.text(), key, path };
    let listener = format!("unix:{}", path("new.sock"));
    let listener = inside().forward(listener, sandboxed.target.addr(), "name = 'new'");
    let token = format!("admin_token_file = '{}'", path("token"));
    let port = inside().admin(&Port::v4().addr().to_string()).process(&token);
    let socket = inside().admin(&format!("unix:{}", path("admin.sock")));
    let log = inside().log(&format!("file = '{}'", path("log")));
    [
        case(log, "`file` in [log]", path("log")),
        case(listener, "`listen` of forward `new` (", path("new.sock")),
        case(socket, "`admin` in [process]", path("admin.sock")),
        case(port, "`admin_token_file` in [process]", path("token")),
    ]
}

#[test]
fn a_reload_to_another_directory_is_refused_and_changes_nothing() {
    let Some(sandboxed) = Sandboxed::start() else { return };
    let dir = TempDir::new().unwrap();
    for Elsewhere { config, key, path } in elsewhere(&sandboxed, &dir) {
        sandboxed.operated.write_config(&config);
        for query in ["?dry_run=true", ""] {
            let message = sandboxed.refused_reload(query);
            let begin = format!("`{path}`: the sandbox of this process does not let it");
            for part in [key, &begin, "or restart the process"] {
                assert!(message.contains(part), "{part}: {message}");
            }
        }
        assert_eq!(sandboxed.generation(), 1);
        ping(&sandboxed.client);
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing was made there");
    sandboxed.reload(sandboxed.config());
    assert_eq!(sandboxed.generation(), 2);
}

/// The kernel refuses, not our own check: the paths are right, and links there lead outside. The
/// control thread reads the one file, and the journal's thread the other.
#[test]
fn the_kernel_refuses_links_out_of_the_sandbox() {
    let (dir, outside) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let log = dir.path().join("log");
    let settings = format!("file = '{}'", log.display());
    let config = Config::new().process(ON).log(&settings);
    let config = config.forward(Port::v4().addr(), "127.0.0.1:9", "");
    let operated = Operated::start_unready(forwarder(), config);
    let text = || fs::read_to_string(&log).unwrap_or_default();
    wait_until("ready", LIMIT, || text().contains("ready"));
    if !text().contains(INSIDE) {
        return skip();
    }
    let elsewhere = outside.path().join("config");
    fs::rename(operated.config_path(), &elsewhere).unwrap();
    symlink(&elsewhere, operated.config_path()).unwrap();
    let answer = operated.http.post("/v1/reload").status(409).json();
    let message = answer["error"]["message"].as_str().unwrap();
    for part in ["permission denied", "the sandbox of this process does not let it read"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    fs::rename(&log, dir.path().join("moved")).unwrap();
    symlink(outside.path().join("log"), &log).unwrap();
    operated.signal(Signal::USR1);
    let refused = |line: &str| {
        line.contains("cannot reopen the log file") && line.contains("permission denied")
    };
    operated.wait_for_line("the kernel's refusal", LIMIT, refused);
    assert!(!outside.path().join("log").exists());
    assert_eq!(operated.generation(), 1);
}

#[test]
fn a_changed_setting_waits_for_a_restart() {
    let Some(sandboxed) = Sandboxed::start() else { return };
    assert_waits_for_restart(&sandboxed.reload(sandboxed.config_with("sandbox = false")));
    assert_eq!(sandboxed.upgrade()["lost"], 0);
    sandboxed.assert_inside();
    ping(&sandboxed.client);

    let free = Config::new().forward(Port::v4().addr(), sandboxed.target.addr(), "");
    let operated = Operated::start(free.clone());
    assert_waits_for_restart(&operated.reload(free.process(ON)));
    operated.upgrade();
    assert_eq!(operated.status()["sandboxed"], false);
    assert!(messages(&operated, INSIDE).is_empty());
}

#[track_caller]
fn assert_waits_for_restart(answer: &Value) {
    let settings = answer["settings"].as_array().unwrap();
    let changes: Vec<_> = settings.iter().map(|it| (&it["key"], &it["effect"])).collect();
    assert_eq!(changes, [(&"sandbox".into(), &"restart".into())], "{answer}");
}

#[test]
fn settings_incompatible_with_a_sandbox_are_refused_at_the_start() {
    let dir = TempDir::new().unwrap();
    let missing = dir.path().join("missing/web.sock");
    let cases = [
        ("/etc/web.sock", "it is in `/etc`, which contains system files"),
        ("/web.sock", "it is in `/`, which contains system files"),
        (missing.to_str().unwrap(), "its directory cannot be found"),
    ];
    for (path, expected) in cases {
        let config = Config::new().process(ON);
        let config = config.forward(format!("unix:{path}"), "127.0.0.1:9", "name = 'web'");
        let finished = forwarder().config(config.text()).run();
        assert_eq!(finished.status.code(), Some(2), "{finished}");
        for part in ["error: sandbox: `listen` of forward `web` (", path, expected] {
            assert!(finished.stderr.contains(part), "{part}: {finished}");
        }
        assert!(!Path::new(path).exists());
    }
}
