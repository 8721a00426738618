//! Readings of `current`, as `control/src/follow_fleet/reader.rs` makes them.

use std::sync::Arc;
use std::time::Duration;

use fleet::{Current, CurrentReading, Etcd, Keys, Store as _, StoreError, Watch as _};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::sleep;

use crate::random::mix;

/// The times of a real instance.
const INTERVAL: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_secs(3);
const REWATCH: Duration = Duration::from_secs(1);
const REWATCH_RANDOM: u64 = 4000;

pub(super) struct Reader {
    etcd: Arc<Etcd>,
    keys: Keys,
    revision: watch::Sender<i64>,
    wake: Notify,
}

impl Reader {
    pub(super) fn new(etcd: Arc<Etcd>, keys: Keys) -> Self {
        Self { etcd, keys, revision: watch::Sender::new(0), wake: Notify::new() }
    }

    /// Reads and watches until the receiver is gone.
    pub(super) async fn run(self, readings: mpsc::Sender<Result<CurrentReading, StoreError>>) {
        tokio::select! {
            () = self.read_on(readings) => {}
            () = self.watch_on() => {}
        }
    }

    async fn read_on(&self, readings: mpsc::Sender<Result<CurrentReading, StoreError>>) {
        let mut last = (None, 0);
        loop {
            let result = self.read(&mut last).await;
            let pause = if result.is_ok() { INTERVAL } else { RETRY };
            if readings.send(result).await.is_err() {
                return;
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = self.wake.notified() => {}
            }
        }
    }

    async fn read(&self, last: &mut (Option<i64>, u64)) -> Result<CurrentReading, StoreError> {
        let read = self.etcd.get(&self.keys.current()).await?;
        let changed_by = read.value.as_ref().map_or(0, |entry| entry.mod_revision);
        if last.0 != Some(changed_by) {
            let instances = self.etcd.count(&self.keys.instances()).await?.value;
            *last = (Some(changed_by), instances);
        }
        self.revision.send_replace(read.revision);
        let current = read.value.map(|entry| Current::parse(&entry.value));
        Ok(CurrentReading { cluster: read.cluster, current, instances: last.1 })
    }

    async fn watch_on(&self) {
        let mut revision = self.revision.subscribe();
        let _ = revision.wait_for(|revision| *revision > 0).await;
        loop {
            let after = *revision.borrow_and_update();
            if let Ok(mut watch) = self.etcd.watch(&self.keys.current(), after).await {
                while watch.changed().await.is_ok() {
                    self.wake.notify_one();
                }
                self.wake.notify_one();
            }
            let random = mix(after.unsigned_abs()) % REWATCH_RANDOM;
            sleep(REWATCH + Duration::from_millis(random)).await;
        }
    }
}
