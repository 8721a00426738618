//! Upgraded images stay in the same sandbox, and none adds another.

use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;
use testkit::{Forwarder, copy_program};

use super::Sandboxed;
use crate::support::{BINARY, ping, served_client};

/// The kernel allows 16 nested sandboxes.
const UPGRADES: u64 = 20;

/// A directory with a copy of the program.
fn with_program() -> TempDir {
    let dir = TempDir::new().unwrap();
    copy_program(BINARY, dir.path().join("program"));
    dir
}

#[test]
fn twenty_upgrades_keep_the_session_and_the_sandbox() {
    let programs = with_program();
    let program = programs.path().join("program");
    let Some(sandboxed) = Sandboxed::start_from(Forwarder::binary(&program)) else { return };
    for upgrades in 1..=UPGRADES {
        // As a package upgrade does: another file of the same name.
        if upgrades % 10 == 1 {
            copy_program(BINARY, programs.path().join("new"));
            fs::rename(programs.path().join("new"), &program).unwrap();
        }
        let arrival = sandboxed.upgrade_to(program.to_str().unwrap());
        assert_eq!((&arrival["sessions"], &arrival["lost"]), (&1.into(), &0.into()));
        ping(&sandboxed.client);
    }
    sandboxed.assert_inside();
    served_client(&sandboxed.port);
    sandboxed.reload(sandboxed.config());

    let outside = TempDir::new().unwrap();
    fs::rename(sandboxed.config_path(), outside.path().join("config")).unwrap();
    symlink(outside.path().join("config"), sandboxed.config_path()).unwrap();
    assert!(sandboxed.refused_reload("").contains("permission denied"));
}

#[test]
fn a_program_elsewhere_is_refused() {
    let (programs, elsewhere) = (with_program(), TempDir::new().unwrap());
    let program = programs.path().join("program");
    let Some(sandboxed) = Sandboxed::start_from(Forwarder::binary(&program)) else { return };
    let other = elsewhere.path().join("program");
    fs::hard_link(&program, &other).unwrap();
    let path = format!("/v1/upgrade?binary={}", other.display());
    let answer = sandboxed.http.post(&path).status(422).json();
    assert_eq!(answer["error"]["code"], "no_binary", "{answer}");
    let message = answer["error"]["message"].as_str().unwrap();
    let place = fs::canonicalize(programs.path()).unwrap();
    for part in
        ["the sandbox of this process does not let it execute programs in", place.to_str().unwrap()]
    {
        assert!(message.contains(part), "{part}: {message}");
    }
    ping(&sandboxed.client);
    assert_eq!(sandboxed.status()["upgrades"], 0);
}
