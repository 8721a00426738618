//! Children that nobody waits for. The first process of a container inherits those of others, and
//! each that has ended keeps its number until it is waited for (pid_namespaces(7)).

use crate::Errno;
use rustix::process::{WaitId, WaitIdOptions, waitid};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many own children are waited for by who started them.
static OWN: Mutex<usize> = Mutex::new(0);

/// As long as this lives, nobody's end is taken by [`reap_orphans`]: to be held by whoever starts a
/// child, from before its start until it was waited for.
#[derive(Debug)]
pub struct ChildGuard(());

impl ChildGuard {
    /// Keeps [`reap_orphans`] away.
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

/// Waits for all children that have ended. False if that must wait, because of an [`ChildGuard`].
pub fn reap_orphans() -> bool {
    // Held to the end: no child of ours can be started meanwhile.
    let own = own();
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    let reap = || matches!(waitid(WaitId::All, ended), Ok(Some(_)) | Err(Errno::INTR));
    if *own == 0 {
        while reap() {}
    }
    *own == 0
}

fn own() -> MutexGuard<'static, usize> {
    // A number is whole even if somebody panicked.
    OWN.lock().unwrap_or_else(PoisonError::into_inner)
}
