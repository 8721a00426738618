//! The check before the exec: a child reads the state and reports whether it can restore it.

use std::fs;

use testkit::{Finished, Forwarder};

use super::state::State;
use crate::support::BINARY;

/// Runs the program's handover check on this state.
fn check(state: &[u8]) -> Finished {
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("state");
    fs::write(&file, state).unwrap();
    let script = format!("exec '{}' --handover-check <'{}'", BINARY, file.display());
    let checked = Forwarder::binary("/bin/sh").args(["-c", &script]).run();
    assert_eq!(checked.status.code(), Some(2), "{checked}");
    checked
}

/// The check names the unreadable part, and nothing changes.
#[test]
fn the_check_refuses_an_unreadable_state() {
    let checked = check(b"nonsense");
    assert!(checked.stderr.contains("the state cannot be read"), "{checked}");
}

/// A later version may need another directory, which no sandbox can add.
#[test]
fn the_check_refuses_paths_outside_the_sandbox() {
    let config = "[process]\nadmin = 'off'\n\
                  [[forward]]\nlisten = 'unix:/tmp/web.sock'\nto = '127.0.0.1:9'\n";
    let process = handover::Process {
        arguments: ["traffic-forwarder", "-c", "/etc/forwarder.conf"].map(Into::into).to_vec(),
        config_text: Some(config.to_owned()),
        sandbox: Some(handover::Sandbox { read: vec![b"/etc".to_vec()], ..Default::default() }),
        ..Default::default()
    };
    let state = State { process, forwards: handover::Forwards::default(), workers: Vec::new() };
    let checked = check(&state.written());
    let expected = "`/tmp/web.sock`: the sandbox of this process does not let it write in `/tmp`";
    assert!(checked.stderr.contains(expected), "{checked}");
}
