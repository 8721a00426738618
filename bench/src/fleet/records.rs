//! The store as an observer sees it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fleet::{Current, Etcd, EtcdWatch, FleetReading, Instance, Keys, Store as _, Watch as _};
use plan::{FleetStore, StoreUrl};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::failure::{Context, Failure, Result};

/// Time after which the keys are read although no watch has reported a change.
const READ_PERIOD: Duration = Duration::from_millis(200);

/// Reads the keys of a fleet.
pub(super) struct Records {
    runtime: Runtime,
    etcd: Etcd,
    keys: Keys,
    prefix: String,
    watch: Option<EtcdWatch>,
}

/// The keys at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    pub(super) current: Option<Current>,
    pub(super) instances: BTreeMap<String, Instance>,
    /// The store's revision.
    revision: i64,
}

/// The address of a cluster's prefix.
pub(super) fn store_of(cluster: &testkit::Etcd, prefix: &str) -> FleetStore {
    let endpoints = cluster.endpoints();
    FleetStore::at(StoreUrl { tls: false, endpoints, prefix: prefix.to_owned() })
}

impl Records {
    pub(super) fn new(cluster: &testkit::Etcd, prefix: &str) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let etcd = Etcd::new(&store_of(cluster, prefix), 0);
        let (keys, prefix) = (Keys::new(prefix), prefix.to_owned());
        Ok(Self { runtime, etcd, keys, prefix, watch: None })
    }

    /// Reads the keys once.
    pub(super) fn read(&self) -> Result<View> {
        self.runtime.block_on(read(&self.etcd, &self.keys))
    }

    /// Waits until the keys are so. Returns the time of the reading, and the result of `probe`. `what` names the awaited
    /// state, with what is missing.
    pub(super) fn wait_for<T>(
        &mut self,
        what: &str,
        limit: Duration,
        mut probe: impl FnMut(&View) -> std::result::Result<T, String>,
    ) -> Result<(Instant, T)> {
        let begun = Instant::now();
        loop {
            let missing = match self.read() {
                Ok(view) => match probe(&view) {
                    Ok(value) => return Ok((Instant::now(), value)),
                    Err(missing) => {
                        self.wait(view.revision);
                        missing
                    }
                },
                Err(error) => {
                    std::thread::sleep(READ_PERIOD);
                    error.to_string()
                }
            };
            if begun.elapsed() > limit {
                let seconds = limit.as_secs();
                return Err(Failure::new(format!("{what}, not within {seconds} s: {missing}")));
            }
        }
    }

    /// Waits for a change of a key, or for [`READ_PERIOD`].
    fn wait(&mut self, seen: i64) {
        let Self { runtime, etcd, prefix, watch, .. } = self;
        let changed = async {
            if watch.is_none() {
                *watch = etcd.watch(prefix, seen).await.ok();
            }
            match watch {
                Some(running) => running.changed().await.is_ok(),
                None => false,
            }
        };
        match runtime.block_on(async { timeout(READ_PERIOD, changed).await }) {
            Ok(true) | Err(_) => {}
            Ok(false) => {
                self.watch = None;
                std::thread::sleep(READ_PERIOD);
            }
        }
    }
}

async fn read(etcd: &Etcd, keys: &Keys) -> Result<View> {
    let current = etcd.get(&keys.current()).await.context("read the store")?;
    let instances = etcd.list(&keys.instances()).await.context("read the store")?;
    let reading = FleetReading::new(keys, current.value.as_ref(), &instances.value);
    let reading = reading.context("read the store")?;
    let (current, revision) = (reading.current().cloned(), current.revision);
    Ok(View { current, instances: reading.instances, revision })
}
