//! Another program removes or replaces the socket file of a Unix listener: the status reports it,
//! and a reload recreates the file.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use serde_json::Value;
use testkit::{Behaviour, LIMIT, Signal, Target, connect};

use crate::support::{Config, Operated, close_listener, forwarder, ping, served_client};

/// A forward that listens on a Unix socket.
struct Unix {
    operated: Operated,
    target: Target,
    path: PathBuf,
    _dir: tempfile::TempDir,
}

impl Unix {
    fn start() -> Self {
        let (dir, target) = (tempfile::TempDir::new().unwrap(), Target::start(Behaviour::Echo));
        let path = dir.path().join("socket");
        let operated = Operated::start(config(&path, &target, ""));
        Self { operated, target, path, _dir: dir }
    }

    fn error(&self) -> Value {
        self.operated.http.json("/v1/forwards/x")["error"].clone()
    }

    fn lost_in_metrics(&self) -> bool {
        let metrics = self.operated.http.get("/metrics").success().body;
        metrics.contains("\ntraffic_forwarder_forward_lost_files{forward=\"x\"} 1\n")
    }
}

fn config(path: &std::path::Path, target: &Target, settings: &str) -> Config {
    Config::new().process("workers = 2").forward(
        format_args!("unix:{}", path.display()),
        target.addr(),
        format_args!("name = 'x'\n{settings}"),
    )
}

#[test]
fn a_removed_file_is_reported_and_a_reload_recreates_it() {
    let unix = Unix::start();
    let client = served_client(unix.path.clone());
    assert_eq!((unix.error(), unix.lost_in_metrics()), (Value::Null, false));
    for settings in ["", "idle_timeout = '7m'", ""] {
        fs::remove_file(&unix.path).unwrap();
        assert!(unix.error().as_str().unwrap().contains("removed the socket's file"));
        assert!(unix.lost_in_metrics());
        let troubled = unix.operated.http.json("/v1/forwards?trouble=true");
        assert_eq!(troubled["total"], 1);
        unix.operated.write(config(&unix.path, &unix.target, settings));
        unix.operated.http.post("/v1/reload?dry_run=true").success();
        assert!(!unix.path.exists(), "a dry run makes no file");
        unix.operated.http.post("/v1/reload").success();
        assert_eq!((unix.error(), unix.lost_in_metrics()), (Value::Null, false));
        ping(&served_client(unix.path.clone()));
        ping(&client);
    }
    assert_eq!(unix.operated.http.json("/v1/status")["listeners"], 1);
}

/// The lists of all forwards show the loss as well, although the forward is unchanged.
#[test]
fn forward_lists_and_reloads_show_a_removed_file() {
    let unix = Unix::start();
    let admin = unix.operated.socket().to_string();
    let ask = |command: &str| forwarder().args([command, "--admin", &admin]).run().success().text();
    let listen = format!("unix:{}", unix.path.display());
    let below_the_table = format!("\nx: listen {listen}: another program removed");
    assert!(!ask("status").contains("\nx: "), "{}", ask("status"));
    fs::remove_file(&unix.path).unwrap();
    let shown = ask("status");
    assert!(shown.contains(&below_the_table), "{shown}");
    let planned = ask("plan");
    let would = format!("+ x  {listen}: its socket file is missing and would be recreated\n");
    assert!(planned.contains(&would) && !planned.contains("change nothing"), "{planned}");
    let done = ask("reload");
    let made = format!("+ x  {listen}: its socket file was recreated\n");
    assert!(done.starts_with("reloaded: generation 2\n") && done.contains(&made), "{done}");
    unix.operated.wait_for_message("the file of a Unix socket was gone: it was made again");
    assert!(!ask("status").contains("\nx: "), "{}", ask("status"));
    let next = ask("reload");
    assert!(next.contains(", no changes\n"), "{next}");
    // A socket file removed together with its forward is not recreated.
    fs::remove_file(&unix.path).unwrap();
    let other = unix.path.with_file_name("other");
    unix.operated.write(config(&other, &unix.target, ""));
    let report = unix.operated.http.post("/v1/reload").success().json();
    assert_eq!(report["remade"], serde_json::json!([]), "{report}");
    assert!(!unix.path.exists());
    served_client(other);
}

/// Another program's socket is reported and left alone, by a reload and at the exit.
#[test]
fn a_replaced_file_is_left_alone() {
    let unix = Unix::start();
    fs::remove_file(&unix.path).unwrap();
    let other = UnixListener::bind(&unix.path).unwrap();
    assert!(unix.error().as_str().unwrap().contains("replaced the socket's file"));
    for query in ["?dry_run=true", ""] {
        let refused = unix.operated.http.post(&format!("/v1/reload{query}")).status(409);
        let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains("removed or replaced the socket's file"), "{query}: {message}");
    }
    assert!(connect(unix.path.clone()).is_ok());
    // The other listener is closed and leaves a stale file, which is replaced.
    close_listener(other);
    unix.operated.http.post("/v1/reload").success();
    served_client(unix.path.clone());
}

#[test]
fn a_replaced_file_is_not_removed_at_the_exit() {
    for is_upgraded in [false, true] {
        let Unix { operated, path, _dir, .. } = Unix::start();
        fs::remove_file(&path).unwrap();
        let _other = UnixListener::bind(&path).unwrap();
        if is_upgraded {
            operated.http.post("/v1/upgrade").status(202);
            operated.wait_for_message("upgraded");
            let error = operated.http.json("/v1/forwards/x")["error"].clone();
            assert!(error.as_str().unwrap().contains("replaced"), "{error}");
        }
        operated.signal(Signal::TERM);
        assert!(operated.wait_exit(LIMIT).success());
        assert!(path.exists(), "upgraded: {is_upgraded}");
    }
}

#[test]
fn a_removed_file_is_reported_after_an_upgrade() {
    let unix = Unix::start();
    fs::remove_file(&unix.path).unwrap();
    unix.operated.http.post("/v1/upgrade").status(202);
    unix.operated.wait_for_message("upgraded");
    assert!(unix.error().as_str().unwrap().contains("removed the socket's file"));
    unix.operated.http.post("/v1/reload").success();
    served_client(unix.path.clone());
}
