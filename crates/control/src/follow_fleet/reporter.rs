//! The status of this instance in the store, under a lease that ends with the instance.

use super::flag::is_set;
use fleet::{Etcd, Instance, LeaseId, Op, Store as _, StoreError, Txn};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

/// Time after which the store forgets an instance that renews its lease no more.
const TTL: Duration = Duration::from_secs(15);
const RENEWAL: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_secs(2);
/// Time for the last request.
const LEAVE_LIMIT: Duration = Duration::from_secs(1);

/// Writes the latest status until it is dropped.
pub(super) struct Reporter {
    wanted: watch::Sender<Option<Instance>>,
    task: JoinHandle<()>,
    leaves: watch::Sender<bool>,
}

impl Reporter {
    pub(super) fn start(client: Arc<Etcd>, key: String) -> Self {
        let (wanted, receiver) = watch::channel(None);
        let (leaves, leaving) = watch::channel(false);
        let writer = Writer { client, key, lease: None, written: None };
        let task = tokio::spawn(writer.run(receiver, leaving));
        Self { wanted, task, leaves }
    }

    /// Has this status written.
    pub(super) fn report(&self, status: Instance) {
        self.wanted.send_replace(Some(status));
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
}

impl Writer {
    async fn run(
        mut self,
        mut wanted: watch::Receiver<Option<Instance>>,
        mut leaving: watch::Receiver<bool>,
    ) {
        // Apart from the writes: those of a trial come more often than renewals.
        let mut renew_at = Instant::now() + RENEWAL;
        loop {
            let status = wanted.borrow_and_update().clone();
            let result = match &status {
                Some(status) => self.write(status).await,
                None => Ok(()),
            };
            if let Err(error) = &result {
                tracing::debug!(%error, "the status of this instance is not in the store");
            }
            let retry_at = result.is_err().then(|| Instant::now() + RETRY);
            tokio::select! {
                () = sleep_until(retry_at.map_or(renew_at, |at| at.min(renew_at))) => {
                    self.renew().await;
                    renew_at = Instant::now() + RENEWAL;
                }
                changed = wanted.changed() => if changed.is_err() { return },
                () = is_set(&mut leaving) => break,
            }
        }
        if let Some(lease) = self.lease {
            let _ = self.client.revoke(lease).await;
        }
    }

    async fn write(&mut self, status: &Instance) -> Result<(), StoreError> {
        let lease = match self.lease {
            Some(lease) => lease,
            None => *self.lease.insert(self.client.grant(TTL).await?),
        };
        if self.written.as_ref() == Some(status) {
            return Ok(());
        }
        // After an error, the key may have either value.
        self.written = None;
        let put = Op::Put { key: self.key.clone(), value: status.to_json(), lease: Some(lease) };
        self.client.transact(&Txn { compare: Vec::new(), ops: vec![put] }).await?;
        self.written = Some(status.clone());
        Ok(())
    }

    /// Renews the lease. One that has expired took the key with it.
    async fn renew(&mut self) {
        let Some(lease) = self.lease else { return };
        if matches!(self.client.renew(lease).await, Ok(false)) {
            (self.lease, self.written) = (None, None);
        }
    }
}
