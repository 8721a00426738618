//! The quick run of the fleet with the real program, and with one that cuts sessions.

#![expect(clippy::unwrap_used, reason = "a helper of tests panics to fail its test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const TF_LOAD: &str = env!("CARGO_BIN_EXE_tf-load");

/// The forwarder beside `tf-load`. Tests of the workspace build it before they run.
fn forwarder() -> PathBuf {
    let path = Path::new(TF_LOAD).with_file_name("traffic-forwarder");
    if !path.is_file() {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "-p", "traffic-forwarder"]);
        assert!(cargo.status().unwrap().success(), "cannot build the forwarder");
    }
    path
}

fn fleet(ours: &Path, page: &Path, words: &str) -> Output {
    let mut command = Command::new(TF_LOAD);
    command.args(["fleet", "--quick", "--limit", "300"]).args(words.split(' '));
    command.arg("--ours").arg(ours).arg("--out").arg(page).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn a_fleet_keeps_its_promises() {
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("page.md");
    let output = fleet(&forwarder(), &page, "--only cases,times,model");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let page = fs::read_to_string(page).unwrap();
    for text in [
        "| `rollout back` returns to the text before | all run the text before |",
        "| two publishers publish at once | one ended with 0, and all run its text",
        "| the trial of all is in the store, until all run the text |",
        "## 20 instances at one member",
    ] {
        assert!(page.contains(text), "{text} is missing in\n{page}");
    }
}

/// Becomes the forwarder, and kills it as `edge-2` when a canary is published.
const CUTS: &str = r#"#!/bin/sh
case "$*" in
*--canary*) : >"$0.flag" ;;
*forwarder.conf*)
    if grep -q "'edge-2'" "$2"; then
        (while [ ! -e "$0.flag" ]; do sleep 0.1; done; kill -9 $$) &
    fi
    ;;
esac
exec PROGRAM "$@"
"#;

#[test]
fn a_session_that_is_cut_fails_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let (cuts, page) = (dir.path().join("cuts"), dir.path().join("page.md"));
    fs::write(&cuts, CUTS.replace("PROGRAM", forwarder().to_str().unwrap())).unwrap();
    fs::set_permissions(&cuts, fs::Permissions::from_mode(0o755)).unwrap();
    let output = fleet(&cuts, &page, "--only cases --cases canary");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(
        errors.contains("sessions went wrong: ") && errors.contains(" of edge-2: "),
        "{errors}"
    );
    assert!(!page.exists());
}
