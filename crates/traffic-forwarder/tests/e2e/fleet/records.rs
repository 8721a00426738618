//! The keys of a fleet in a real store, as a test reads and writes them.

use std::time::Duration;

use fleet::{Current, Etcd, FORMAT, Instance, Keys, On, Op, Store, TextHash, Trial, Txn, pack};
use plan::{FleetStore, StoreUrl};
use testkit::{LIMIT, wait_for};
use tokio::runtime::{Builder, Runtime};

/// Access to the keys below one prefix.
pub(super) struct Records {
    runtime: Runtime,
    store: Etcd,
    keys: Keys,
}

impl Records {
    pub(super) fn of(cluster: &testkit::Etcd, prefix: &str) -> Self {
        let endpoints = cluster.endpoints();
        let url = StoreUrl { tls: false, endpoints, prefix: prefix.to_owned() };
        Self::at(&FleetStore::at(url))
    }

    /// With the login and the certificates of this store.
    pub(super) fn at(store: &FleetStore) -> Self {
        let keys = Keys::new(&store.url.prefix);
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, store: Etcd::new(store, 0), keys }
    }

    /// Writes a key.
    pub(super) fn write(&self, key: String, value: Vec<u8>) {
        let ops = vec![Op::Put { key, value, lease: None }];
        let txn = Txn { compare: Vec::new(), ops };
        // Repeated, it does no harm; members may elect a leader.
        wait_for("the store to take a key", LIMIT * 2, || {
            self.runtime.block_on(self.store.transact(&txn)).ok().filter(|done| done.value)
        });
    }

    fn read(&self, key: &str) -> Option<Vec<u8>> {
        let read = wait_for("the store to answer", LIMIT * 2, || {
            self.runtime.block_on(self.store.get(key)).ok()
        });
        read.value.map(|entry| entry.value)
    }

    /// Writes a revision with its texts.
    #[track_caller]
    pub(super) fn publish(
        &self,
        revision: u64,
        stable: Option<&str>,
        trial: Option<(&str, On, Duration)>,
    ) {
        for text in stable.into_iter().chain(trial.as_ref().map(|it| it.0)) {
            let packed = pack(text).unwrap();
            for (number, part) in packed.parts.into_iter().enumerate() {
                self.write(self.keys.part(&packed.hash, number), part);
            }
        }
        let trial = trial.map(|(text, on, hold)| Trial { text: TextHash::of(text), on, hold });
        let [by, note, at] = ["a test", "", "2026-11-29T20:00:00Z"].map(str::to_owned);
        let stable = stable.map(TextHash::of);
        let current =
            Current { format: FORMAT, revision, stable, trial, by, note, at, earlier: Vec::new() };
        self.write(self.keys.current(), current.to_json());
    }

    /// The key that decides.
    pub(super) fn current(&self) -> Option<Current> {
        self.read(&self.keys.current()).map(|value| Current::parse(&value).unwrap())
    }

    /// The status that an instance has written.
    pub(super) fn status(&self, name: &str) -> Option<Instance> {
        self.read(&self.keys.instance(name)).map(|value| Instance::parse(&value).unwrap())
    }
}
