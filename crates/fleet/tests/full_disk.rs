//! The directory `keep` on a full disk. Alone in its process: a child of it briefly holds a copy of each lock.

use fleet::{Keep, KeepState, PublishedText, TextHash};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

fn kept(revision: u64, text: &str) -> KeepState {
    let good = PublishedText { hash: TextHash::of(text), revision, text: text.into() };
    KeepState { cluster: 1, revision, good: Some(good), ..KeepState::default() }
}

/// The state fits into the limit, and the text does not.
#[test]
fn a_full_disk_keeps_the_old_state() {
    const PLACE: &str = "FLEET_FULL_DISK";
    let text = "x".repeat(100_000);
    if let Some(path) = std::env::var_os(PLACE) {
        let mut keep = Keep::open(Path::new(&path)).unwrap();
        assert_eq!(keep.load().unwrap(), Some(kept(1, "small")));
        let error = keep.save(&kept(2, &text)).unwrap_err();
        assert!(error.to_string().contains("could not write"), "{error}");
        let mut after = kept(1, "small");
        assert_eq!(keep.load().unwrap(), Some(after.clone()));
        after.revision = 2;
        keep.save(&after).unwrap();
        assert_eq!(keep.load().unwrap(), Some(after));
        return;
    }
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("keep");
    Keep::open(&path).unwrap().save(&kept(1, "small")).unwrap();
    // This test again, in a process with a limit for the size of files: 16 blocks of 512 bytes.
    let run = "trap '' XFSZ; ulimit -f 16; exec \"$0\" --exact a_full_disk_keeps_the_old_state --nocapture";
    let program = std::env::current_exe().unwrap();
    let mut limited = Command::new("sh");
    // Its output goes through pipes: the limit holds for a file, too.
    let finished = limited.args(["-c", run]).arg(program).env(PLACE, &path).output().unwrap();
    assert!(finished.status.success(), "{finished:?}");
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 3);
}
