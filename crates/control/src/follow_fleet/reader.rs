//! Readings of the key `current`: from time to time, and after each change that a watch reports.

use fleet::{Current, CurrentReading, Etcd, Keys, Store as _, StoreError, Watch as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Time between two readings. A watch may stay silent for ever, as that of a frozen member does.
const INTERVAL: Duration = Duration::from_secs(10);
/// Time after a failed reading.
const RETRY: Duration = Duration::from_secs(3);
/// The shortest time between two readings, however often writers change the key.
const BETWEEN: Duration = Duration::from_millis(200);
/// The shortest time until a watch is made again, and its random part in milliseconds.
const REWATCH: Duration = Duration::from_secs(1);
const REWATCH_RANDOM: u64 = 4000;

/// A reading, or why there is none.
pub(super) type ReadResult = Result<CurrentReading, String>;

/// Reads until it is dropped.
pub(super) struct Reader {
    results: mpsc::Receiver<ReadResult>,
    task: JoinHandle<()>,
}

impl Reader {
    pub(super) fn start(client: Arc<Etcd>, keys: Keys) -> Self {
        let (sender, results) = mpsc::channel(1);
        let (revision, _) = watch::channel(0);
        let source = Source { client, keys, revision, wake: Notify::new() };
        let task = tokio::spawn(async move {
            tokio::select! {
                () = source.read_on(sender) => {}
                () = source.watch_on() => {}
            }
        });
        Self { results, task }
    }

    /// The next reading.
    pub(super) async fn next(&mut self) -> ReadResult {
        match self.results.recv().await {
            Some(result) => result,
            // The task ends with this receiver only.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Source {
    client: Arc<Etcd>,
    keys: Keys,
    /// The store's revision at the last reading; 0 before it.
    revision: watch::Sender<i64>,
    /// A change was reported.
    wake: Notify,
}

impl Source {
    async fn read_on(&self, results: mpsc::Sender<ReadResult>) {
        let mut last = Last::default();
        loop {
            let result = self.read(&mut last).await;
            let pause = if result.is_ok() { INTERVAL } else { RETRY };
            if results.send(result.map_err(|error| error.to_string())).await.is_err() {
                return;
            }
            sleep(BETWEEN).await;
            let _ = timeout(pause, self.wake.notified()).await;
        }
    }

    async fn read(&self, last: &mut Last) -> Result<CurrentReading, StoreError> {
        let read = self.client.get(&self.keys.current()).await?;
        let changed_by = read.value.as_ref().map_or(0, |entry| entry.mod_revision);
        if last.changed_by != Some(changed_by) {
            last.instances = self.client.count(&self.keys.instances()).await?.value;
            last.changed_by = Some(changed_by);
        }
        self.revision.send_replace(read.revision);
        let current = read.value.map(|entry| Current::parse(&entry.value));
        Ok(CurrentReading { cluster: read.cluster, current, instances: last.instances })
    }

    async fn watch_on(&self) {
        let mut revision = self.revision.subscribe();
        // Without a reading there is no revision to begin with.
        let _ = revision.wait_for(|revision| *revision > 0).await;
        loop {
            let after = *revision.borrow_and_update();
            let error = tokio::select! {
                error = self.watch_changes(after) => error,
                // A store that has lost its latest revisions would be silent until it has them again.
                _ = revision.wait_for(|revision| *revision < after) => continue,
            };
            tracing::debug!(%error, "the fleet's store is not watched: it is read every ten seconds");
            let random = sys::random_u64() % REWATCH_RANDOM;
            sleep(REWATCH + Duration::from_millis(random)).await;
        }
    }

    /// Watches the key until that fails.
    async fn watch_changes(&self, after: i64) -> StoreError {
        let mut watch = match self.client.watch(&self.keys.current(), after).await {
            Ok(watch) => watch,
            Err(error) => return error,
        };
        loop {
            match watch.changed().await {
                Ok(()) => self.wake.notify_one(),
                Err(error) => {
                    // What ended it may have hidden a change.
                    self.wake.notify_one();
                    return error;
                }
            }
        }
    }
}

/// The last reading.
#[derive(Default)]
struct Last {
    /// The store's revision that changed the key last; 0 without the key, and `None` before the first reading.
    changed_by: Option<i64>,
    instances: u64,
}
