//! Reaping of orphans. A separate test process, because it would reap the children of other tests.

#![expect(clippy::zombie_processes, reason = "that is what is tested")]

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// Waits until the child has ended, without reaping it.
fn ended(pid: u32) -> bool {
    let stat = PathBuf::from(format!("/proc/{pid}/stat"));
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        match std::fs::read_to_string(&stat) {
            Ok(stat) if stat.contains(") Z ") => return true,
            Ok(_) => std::thread::sleep(Duration::from_millis(5)),
            Err(_) => return false,
        }
    }
    false
}

#[test]
fn guarded_children_are_not_reaped() {
    let own = sys::ChildGuard::expect();
    let mut child = Command::new("sh").args(["-c", "exit 7"]).spawn().unwrap();
    assert!(ended(child.id()));
    assert!(!sys::reap_orphans());
    assert_eq!(child.wait().unwrap().code(), Some(7));
    drop(own);
    let orphan = Command::new("true").spawn().unwrap();
    assert!(ended(orphan.id()));
    assert!(sys::reap_orphans());
    assert!(!PathBuf::from(format!("/proc/{}", orphan.id())).exists());
}
