//! Reaps orphaned processes if this process is the first of a container: the kernel makes it the
//! parent of every orphan.

use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Pause while `sys::ChildGuard` suspends reaping.
const PAUSE: Duration = Duration::from_millis(100);

/// Starts reaping orphans if this is process 1.
///
/// # Errors
///
/// SIGCHLD cannot be handled.
pub(crate) fn start_reaping() -> std::io::Result<()> {
    if std::process::id() == 1 {
        tokio::spawn(reap(signal(SignalKind::child())?));
    }
    Ok(())
}

async fn reap(mut ended: Signal) {
    // The first round needs no signal: SIGCHLD of processes that ended during an upgrade was lost.
    loop {
        while !sys::reap_orphans() {
            tokio::time::sleep(PAUSE).await;
        }
        if ended.recv().await.is_none() {
            return;
        }
    }
}
