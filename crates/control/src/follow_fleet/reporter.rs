//! The status of this instance in the store, under a lease that ends with the instance.

use super::flag::is_set;
use super::namesake::{FoundKey, Namesake};
use fleet::{Compare, Etcd, Instance, LeaseId, Op, Store as _, StoreError, Txn};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{self, sleep_until, timeout};

/// Time after which the store forgets an instance that renews its lease no more.
const TTL: Duration = Duration::from_secs(15);
const RENEWAL: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_secs(2);
/// Time of failed writes to a readable store after which they are reported.
const REPORT_AFTER: Duration = Duration::from_secs(8);
/// Time for the first write of a reporter that replaces another one, whose status stays so long.
const REPLACE_LIMIT: Duration = Duration::from_secs(10);
/// Time for the last request.
const LEAVE_LIMIT: Duration = Duration::from_secs(1);

/// Writes the latest status until it is dropped.
pub(super) struct Reporter {
    wanted: watch::Sender<Option<Instance>>,
    task: JoinHandle<()>,
    leaves: watch::Sender<bool>,
    has_written: watch::Receiver<bool>,
    unwritten: watch::Receiver<Option<Unwritten>>,
    has_namesake: watch::Receiver<bool>,
    is_logged: bool,
    is_namesake_logged: bool,
}

/// A status that the store does not take.
#[derive(Clone)]
struct Unwritten {
    since: Instant,
    error: String,
}

impl Reporter {
    pub(super) fn start(client: Arc<Etcd>, key: String) -> Self {
        let (wanted, receiver) = watch::channel(None);
        let (leaves, leaving) = watch::channel(false);
        let (first, has_written) = watch::channel(false);
        let (sender, unwritten) = watch::channel(None);
        let (found, has_namesake) = watch::channel(false);
        let writer = Writer {
            client,
            key,
            lease: None,
            written: None,
            written_at: None,
            namesake: Namesake::default(),
            has_written: first,
            unwritten: sender,
            has_namesake: found,
        };
        let task = tokio::spawn(writer.run(receiver, leaving));
        Self {
            wanted,
            task,
            leaves,
            has_written,
            unwritten,
            has_namesake,
            is_logged: false,
            is_namesake_logged: false,
        }
    }

    /// Has this status written.
    pub(super) fn report(&self, status: Instance) {
        self.wanted.send_replace(Some(status));
    }

    /// The reason why a store that has been readable since this time has not taken the status for [`REPORT_AFTER`].
    /// Logs the begin and the end.
    pub(super) fn problem(&mut self, readable_since: Option<Instant>) -> Option<String> {
        let Some(Unwritten { since, error }) = self.unwritten.borrow().clone() else {
            if std::mem::take(&mut self.is_logged) {
                tracing::info!("publishers see the status of this instance again");
            }
            return None;
        };
        let since = readable_since?.max(since);
        if since.elapsed() < REPORT_AFTER {
            return None;
        }
        if !std::mem::replace(&mut self.is_logged, true) {
            tracing::warn!(error, "publishers do not see the status of this instance");
        }
        Some(format!("publishers do not see the status of this instance: {error}"))
    }

    /// The reason why publishers see the status of another process now and then. Logs the begin and the end.
    pub(super) fn namesake(&mut self) -> Option<String> {
        let has_namesake = *self.has_namesake.borrow();
        if has_namesake != std::mem::replace(&mut self.is_namesake_logged, has_namesake) {
            if has_namesake {
                tracing::warn!("another instance of the fleet has the name of this one");
            } else {
                tracing::info!("no other instance of the fleet has the name of this one any more");
            }
        }
        has_namesake.then(|| {
            "another instance of the fleet has this name: give each its own `name` in `[fleet]`"
                .to_owned()
        })
    }

    /// Writes to another store, or with another login. The old status leaves once the new one is written: in a trial, a
    /// publisher that finds none takes the text back.
    pub(super) fn replace(&mut self, client: Arc<Etcd>, key: String) {
        let new = Self::start(client, key);
        let mut has_written = new.has_written.clone();
        let old = std::mem::replace(self, new);
        // Renews its lease only: the key may be the same.
        old.wanted.send_replace(None);
        _ = tokio::spawn(async move {
            let _ = timeout(REPLACE_LIMIT, is_set(&mut has_written)).await;
            old.leave().await;
        });
    }

    /// Removes the status from the store.
    pub(super) async fn leave(mut self) {
        let _ = self.leaves.send(true);
        let _ = timeout(LEAVE_LIMIT, &mut self.task).await;
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Writer {
    client: Arc<Etcd>,
    key: String,
    lease: Option<LeaseId>,
    written: Option<Instance>,
    /// The revision of the store that wrote it; `None` before the first answer.
    written_at: Option<i64>,
    namesake: Namesake,
    has_written: watch::Sender<bool>,
    unwritten: watch::Sender<Option<Unwritten>>,
    has_namesake: watch::Sender<bool>,
}

impl Writer {
    async fn run(
        mut self,
        wanted: watch::Receiver<Option<Instance>>,
        mut leaving: watch::Receiver<bool>,
    ) {
        // A request in between may take its time: the last one must not wait for it.
        tokio::select! {
            () = self.write_on(wanted) => return,
            () = is_set(&mut leaving) => {}
        }
        if let Some(lease) = self.lease {
            let _ = self.client.revoke(lease, &self.key).await;
        }
    }

    async fn write_on(&mut self, mut wanted: watch::Receiver<Option<Instance>>) {
        // Apart from the writes: those of a trial come more often than renewals.
        let mut renew_at = time::Instant::now() + RENEWAL;
        loop {
            let status = wanted.borrow_and_update().clone();
            let result = match &status {
                Some(status) => self.write(status).await,
                None => Ok(()),
            };
            self.note(&result);
            let retry_at = result.is_err().then(|| time::Instant::now() + RETRY);
            tokio::select! {
                () = sleep_until(retry_at.map_or(renew_at, |at| at.min(renew_at))) => {
                    self.renew().await;
                    self.check_key().await;
                    renew_at = time::Instant::now() + RENEWAL;
                }
                changed = wanted.changed() => if changed.is_err() { return },
            }
        }
    }

    fn note(&self, result: &Result<(), StoreError>) {
        if let Err(error) = result {
            tracing::debug!(%error, "the status of this instance is not in the store");
        }
        self.unwritten.send_modify(|unwritten| {
            let since = unwritten.as_ref().map_or_else(Instant::now, |it| it.since);
            *unwritten =
                result.as_ref().err().map(|error| Unwritten { since, error: error.to_string() });
        });
    }

    async fn write(&mut self, status: &Instance) -> Result<(), StoreError> {
        if self.lease.is_some() && self.written.as_ref() == Some(status) {
            return Ok(());
        }
        match self.write_once(status).await {
            // The store was away for longer than the lease.
            Err(error) if error.is_lost_lease() => {
                self.lose_lease();
                self.write_once(status).await
            }
            result => result,
        }
    }

    async fn write_once(&mut self, status: &Instance) -> Result<(), StoreError> {
        let lease = match self.lease {
            Some(lease) => lease,
            None => *self.lease.insert(self.client.grant(TTL).await?),
        };
        // After an error, the key may have either value.
        self.written = None;
        let put = Op::Put { key: self.key.clone(), value: status.to_json(), lease: Some(lease) };
        let at = self.written_at.take();
        let is_unchanged = |mod_revision| Compare { key: self.key.clone(), mod_revision };
        let compare = at.map(is_unchanged).into_iter().collect();
        let mut done = self.client.transact(&Txn { compare, ops: vec![put.clone()] }).await?;
        if let (false, Some(at)) = (done.value, at) {
            self.note_key(at).await?;
            done = self.client.transact(&Txn { compare: Vec::new(), ops: vec![put] }).await?;
        }
        (self.written, self.written_at) = (Some(status.clone()), Some(done.revision));
        self.has_written.send_replace(true);
        Ok(())
    }

    /// Has a key written again that has changed or is gone.
    async fn check_key(&mut self) {
        let Some(at) = self.written_at else { return };
        match self.note_key(at).await {
            Ok(FoundKey::Own) => {}
            Ok(FoundKey::Foreign | FoundKey::Missing) => self.written = None,
            Err(error) => tracing::debug!(%error, "the status of this instance cannot be checked"),
        }
    }

    async fn note_key(&mut self, written_at: i64) -> Result<FoundKey, StoreError> {
        let found = self.client.get(&self.key).await?.value.map(|entry| entry.mod_revision);
        let found = FoundKey::new(found, written_at);
        self.namesake.note(found);
        self.has_namesake.send_replace(self.namesake.exists());
        Ok(found)
    }

    fn lose_lease(&mut self) {
        (self.lease, self.written, self.written_at) = (None, None, None);
    }

    /// Renews the lease. One that has expired took the key with it.
    async fn renew(&mut self) {
        let Some(lease) = self.lease else { return };
        match self.client.renew(lease).await {
            Ok(true) => {}
            Ok(false) => self.lose_lease(),
            Err(error) => tracing::debug!(%error, "the lease of this instance cannot be renewed"),
        }
    }
}
