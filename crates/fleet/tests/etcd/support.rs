//! Stores, and short forms of calls.

use std::future::Future;
use std::time::Duration;

use fleet::{Compare, Etcd, Op, Store, StoreError, Txn, Watch};
use plan::{FleetStore, StoreUrl};
use tokio::runtime::Builder;
use tokio::time::timeout;

/// More than any call may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// Runs a test on one thread, as the control thread does.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { timeout(LIMIT * 3, test).await.expect("a test ends") })
}

/// The store at these endpoints, without a login and without TLS.
pub(crate) fn at(endpoints: Vec<String>) -> FleetStore {
    let url = StoreUrl { tls: false, endpoints, prefix: "/a".to_owned() };
    FleetStore { url, user: None, ca: None, certificate: None }
}

/// The store of a cluster, first its first member.
pub(crate) fn store(cluster: &testkit::Etcd) -> Etcd {
    Etcd::new(&at(cluster.endpoints()), 0)
}

pub(crate) fn put(key: &str, value: &[u8]) -> Op {
    Op::Put { key: key.to_owned(), value: value.to_vec(), lease: None }
}

/// A transaction without conditions.
pub(crate) fn all_of(ops: Vec<Op>) -> Txn {
    Txn { compare: Vec::new(), ops }
}

pub(crate) fn last_changed(key: &str, mod_revision: i64) -> Compare {
    Compare { key: key.to_owned(), mod_revision }
}

/// Writes one key without conditions.
pub(crate) async fn write(store: &Etcd, key: &str, value: &[u8]) -> Result<i64, StoreError> {
    let done = store.transact(&all_of(vec![put(key, value)])).await?;
    assert!(done.value, "no condition fails");
    Ok(done.revision)
}

/// The value of a key as text.
pub(crate) async fn text(store: &Etcd, key: &str) -> Option<String> {
    let read = store.get(key).await.unwrap();
    read.value.map(|entry| String::from_utf8(entry.value).unwrap())
}

/// Waits for a change.
pub(crate) async fn changed<W: Watch>(watch: &mut W) -> Result<(), StoreError> {
    timeout(LIMIT, watch.changed()).await.expect("a watch does not stay silent")
}
