//! Reaping of orphaned processes. The first process of a container inherits them, and each ended
//! one keeps its process id until it is reaped (pid_namespaces(7)).

use crate::Errno;
use rustix::process::{WaitId, WaitIdOptions, waitid};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Number of running children that their creator waits for.
static OWN: Mutex<usize> = Mutex::new(0);

/// Guard: suspends [`reap_orphans`] while a child of this process runs. Hold it from before the
/// child starts until it has been waited for.
#[derive(Debug)]
pub struct ChildGuard(());

impl ChildGuard {
    /// Suspends [`reap_orphans`] until the guard is dropped.
    pub fn expect() -> Self {
        *own() += 1;
        Self(())
    }
}

impl Drop for ChildGuard {
    fn drop(&mut self) {
        *own() -= 1;
    }
}

/// Reaps all ended children. Returns false, and reaps none, while a [`ChildGuard`] exists.
pub fn reap_orphans() -> bool {
    // Locked until the end, so that no guarded child starts meanwhile.
    let own = own();
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    let reap = || matches!(waitid(WaitId::All, ended), Ok(Some(_)) | Err(Errno::INTR));
    if *own == 0 {
        while reap() {}
    }
    *own == 0
}

fn own() -> MutexGuard<'static, usize> {
    // The number is consistent even after a panic.
    OWN.lock().unwrap_or_else(PoisonError::into_inner)
}
