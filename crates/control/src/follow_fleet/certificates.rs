//! The ends of the certificates in this host's files, for metrics.

use fleet::{Etcd, Expiry};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Time between two readings: the files may be replaced without a reload.
const INTERVAL: Duration = Duration::from_secs(60);

/// The ends as read last.
#[derive(Default)]
pub(super) struct Certificates {
    expiry: Expiry,
    begun: Option<Instant>,
    /// A thread that reads the files: a disk may take its time.
    reading: Option<JoinHandle<Expiry>>,
}

impl Certificates {
    pub(super) fn expiry(&self) -> Expiry {
        self.expiry
    }

    /// Takes a finished reading, and begins the next one.
    pub(super) async fn read_if_due(&mut self, client: &Arc<Etcd>) {
        if let Some(reading) = self.reading.take_if(|reading| reading.is_finished()) {
            self.expiry = reading.await.unwrap_or_default();
        }
        if self.reading.is_none() && self.begun.is_none_or(|at| at.elapsed() >= INTERVAL) {
            self.begun = Some(Instant::now());
            let client = Arc::clone(client);
            self.reading = Some(tokio::task::spawn_blocking(move || client.expiry()));
        }
    }
}
