//! The status of an instance under its lease, as `control/src/follow_fleet/reporter.rs` writes it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fleet::{Compare, Etcd, Instance, LeaseId, Op, Store as _, StoreError, Txn};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::instance::Shared;

/// The times of a real instance.
const TTL: Duration = Duration::from_secs(15);
const RENEWAL: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_secs(2);

pub(super) struct Reporter {
    pub(super) etcd: Arc<Etcd>,
    pub(super) key: String,
    pub(super) shared: Arc<Shared>,
    lease: Option<LeaseId>,
    written: Option<Instance>,
    written_at: Option<i64>,
    has_reported: bool,
}

impl Reporter {
    pub(super) fn new(etcd: Arc<Etcd>, key: String, shared: Arc<Shared>) -> Self {
        Self {
            etcd,
            key,
            shared,
            lease: None,
            written: None,
            written_at: None,
            has_reported: false,
        }
    }

    /// Writes each status until its sender is gone.
    pub(super) async fn run(mut self, mut wanted: watch::Receiver<Option<Instance>>) {
        let mut renew_at = Instant::now() + RENEWAL;
        loop {
            let status = wanted.borrow_and_update().clone();
            let result = match &status {
                Some(status) => self.write(status).await,
                None => Ok(()),
            };
            self.shared.note(&result);
            let retry_at = result.is_err().then(|| Instant::now() + RETRY);
            tokio::select! {
                () = sleep_until(retry_at.map_or(renew_at, |at| at.min(renew_at))) => {
                    let result = self.renew().await;
                    self.shared.note(&result);
                    renew_at = Instant::now() + RENEWAL;
                }
                changed = wanted.changed() => if changed.is_err() { return },
            }
        }
    }

    async fn write(&mut self, status: &Instance) -> Result<(), StoreError> {
        if self.written.as_ref() == Some(status) {
            return Ok(());
        }
        let lease = match self.lease {
            Some(lease) => lease,
            None => *self.lease.insert(self.etcd.grant(TTL).await?),
        };
        self.written = None;
        let put = Op::Put { key: self.key.clone(), value: status.to_json(), lease: Some(lease) };
        let is_unchanged = |mod_revision| Compare { key: self.key.clone(), mod_revision };
        let compare = self.written_at.take().map(is_unchanged).into_iter().collect();
        let done = self.etcd.transact(&Txn { compare, ops: vec![put] }).await?;
        (self.written, self.written_at) = (Some(status.clone()), Some(done.revision));
        if !std::mem::replace(&mut self.has_reported, true) {
            self.shared.reported.add();
        }
        Ok(())
    }

    /// Renews the lease, and looks at the key.
    async fn renew(&mut self) -> Result<(), StoreError> {
        let Some(lease) = self.lease else { return Ok(()) };
        self.shared.renewals.fetch_add(1, Ordering::Relaxed);
        if !self.etcd.renew(lease).await? {
            self.shared.complain(format!("the lease of {} has expired", self.key));
        }
        self.etcd.get(&self.key).await.map(drop)
    }
}
