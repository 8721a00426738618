//! The first process of a container is the parent of all whose own parent has ended, and nobody
//! else can wait for them.

use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How long to wait where a child of our own is being waited for.
const PAUSE: Duration = Duration::from_millis(100);

/// Reaps orphans from now on, if they come to this process.
pub(crate) fn start_reaping() -> std::io::Result<()> {
    if std::process::id() == 1 {
        tokio::spawn(reap(signal(SignalKind::child())?));
    }
    Ok(())
}

async fn reap(mut ended: Signal) {
    // At once, too: before an upgrade had come this far, nobody was told of those that ended.
    loop {
        while !sys::reap_orphans() {
            tokio::time::sleep(PAUSE).await;
        }
        if ended.recv().await.is_none() {
            return;
        }
    }
}
