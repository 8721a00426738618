//! A store with one publisher, and an instance that follows it.

use std::fs;
use std::time::Duration;

use fleet::{
    Current, Etcd, FORMAT, Instance, InstanceState, Keys, On, Op, Store, TextHash, Trial, Txn, pack,
};
use plan::{FleetStore, StoreUrl};
use tempfile::TempDir;
use testkit::{Forwarder, Http, LIMIT, Port, connect, wait_for, wait_until};
use tokio::runtime::{Builder, Runtime};

use crate::support::{BINARY, forwarder, messages, ping};

const PREFIX: &str = "/p";
/// The instance under test.
pub(super) const NAME: &str = "edge-1";
/// A reading is due every 10 s, and a write may wait for a lease.
pub(super) const READ: Duration = Duration::from_secs(25);
/// A hold that no test waits for.
pub(super) const LONG: Duration = Duration::from_secs(120);

/// A store, its publisher, and the directory of an instance.
pub(super) struct Fleet {
    pub(super) cluster: testkit::Etcd,
    runtime: Runtime,
    store: Etcd,
    keys: Keys,
    dir: TempDir,
}

/// A running instance.
pub(super) struct Running {
    pub(super) forwarder: Forwarder,
    pub(super) http: Http,
}

impl Fleet {
    pub(super) fn start() -> Self {
        let cluster = testkit::Etcd::start(1);
        let endpoints = cluster.endpoints();
        let url = StoreUrl { tls: false, endpoints, prefix: PREFIX.to_owned() };
        let store = Etcd::new(&FleetStore::at(url), 0);
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        Self { cluster, runtime, store, keys: Keys::new(PREFIX), dir: TempDir::new().unwrap() }
    }

    /// Starts the instance, with the directory `keep` of earlier ones.
    pub(super) fn instance(&self) -> Running {
        let (dir, from) = (self.dir.path().display(), self.cluster.url(PREFIX));
        // A killed process leaves its socket.
        let _ = fs::remove_file(self.dir.path().join("admin.sock"));
        let config = format!(
            "[process]\nworkers = 1\nadmin = 'unix:{dir}/admin.sock'\n[log]\nformat = 'json'\n\
             [fleet]\nfrom = '{from}'\nname = '{NAME}'\nkeep = '{dir}/keep'\n"
        );
        let forwarder = forwarder().config(config).start();
        forwarder.ready();
        Running { forwarder, http: Http::new(self.dir.path().join("admin.sock")) }
    }

    fn write(&self, key: String, value: Vec<u8>) {
        let ops = vec![Op::Put { key, value, lease: None }];
        let txn = Txn { compare: Vec::new(), ops };
        assert!(self.runtime.block_on(self.store.transact(&txn)).unwrap().value);
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

    /// The status that the instance has written.
    pub(super) fn status(&self) -> Option<Instance> {
        let key = self.keys.instance(NAME);
        let entry = self.runtime.block_on(self.store.get(&key)).unwrap().value?;
        Some(Instance::parse(&entry.value).unwrap())
    }

    /// Waits until the instance reports this revision and state.
    #[track_caller]
    pub(super) fn wait_for(&self, revision: u64, state: InstanceState) -> Instance {
        self.wait_within(READ, &format!("revision {revision} to be {state}"), |it| {
            it.revision == revision && it.state == state
        })
    }

    #[track_caller]
    pub(super) fn wait_within(
        &self,
        limit: Duration,
        what: &str,
        is_it: impl Fn(&Instance) -> bool,
    ) -> Instance {
        let mut last = None;
        wait_for(what, limit, || {
            last = self.status();
            last.clone().filter(|it| is_it(it))
        })
    }
}

impl Running {
    /// Continues in another image of the program.
    pub(super) fn upgrade(&self) {
        self.http.post(&format!("/v1/upgrade?binary={BINARY}")).status(202);
        wait_until("the next image", LIMIT, || !messages(&self.forwarder, "upgraded").is_empty());
    }
}

/// A forward of a published text.
pub(super) fn forward(name: &str, listen: &Port, to: impl std::fmt::Display) -> String {
    let listen = listen.addr();
    format!("[[forward]]\nname = '{name}'\nlisten = '{listen}'\nto = '{to}'\n")
}

pub(super) fn serves(listen: &Port) -> bool {
    let Ok(client) = connect(listen) else { return false };
    ping(&client);
    true
}

pub(super) fn refuses(listen: &Port) -> bool {
    connect(listen).is_err()
}
