//! A store with one publisher, and an instance that follows it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fleet::{Instance, InstanceState, TextHash};
use plan::FleetStore;
use tempfile::TempDir;
use testkit::{Forwarder, Http, LIMIT, Port, connect, wait_for, wait_until};

use super::records::Records;
use crate::support::{BINARY, forwarder, messages, ping};

pub(super) const PREFIX: &str = "/p";
/// The instance under test.
pub(super) const NAME: &str = "edge-1";
/// A reading is due every 10 s, and a write may wait for a lease.
pub(super) const READ: Duration = Duration::from_secs(25);
/// A hold that no test waits for.
pub(super) const LONG: Duration = Duration::from_secs(120);

/// A store, its publisher, and the directory of an instance.
pub(super) struct Fleet {
    pub(super) cluster: testkit::Etcd,
    pub(super) records: Records,
    dir: TempDir,
}

/// A running instance.
pub(super) struct Running {
    pub(super) forwarder: Forwarder,
    pub(super) http: Http,
}

impl Fleet {
    pub(super) fn start() -> Self {
        Self::on(testkit::Etcd::start(1))
    }

    /// On a store without logins.
    pub(super) fn on(cluster: testkit::Etcd) -> Self {
        let records = Records::of(&cluster, PREFIX);
        Self { cluster, records, dir: TempDir::new().unwrap() }
    }

    /// With the publisher's login.
    pub(super) fn with_login(cluster: testkit::Etcd, publisher: &FleetStore) -> Self {
        Self { cluster, records: Records::at(publisher), dir: TempDir::new().unwrap() }
    }

    /// The directory of the instance.
    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Starts the instance, with the directory `keep` of earlier ones.
    pub(super) fn instance(&self) -> Running {
        self.instance_in(self.dir.path())
    }

    /// Starts an instance with this directory.
    pub(super) fn instance_in(&self, path: &Path) -> Running {
        let (dir, from) = (path.display(), self.cluster.url(PREFIX));
        // A killed process leaves its socket.
        let _ = fs::remove_file(path.join("admin.sock"));
        let config = format!(
            "[process]\nworkers = 1\nadmin = 'unix:{dir}/admin.sock'\n[log]\nformat = 'json'\n\
             [fleet]\nfrom = '{from}'\nname = '{NAME}'\nkeep = '{dir}/keep'\n"
        );
        let forwarder = forwarder().config(config).start();
        forwarder.ready();
        Running { forwarder, http: Http::new(path.join("admin.sock")) }
    }

    /// Address of the store.
    pub(super) fn url(&self) -> String {
        self.cluster.url(PREFIX)
    }

    /// The admin socket of the instance.
    pub(super) fn admin(&self) -> PathBuf {
        self.dir.path().join("admin.sock")
    }

    /// Writes a file, and returns its path.
    pub(super) fn file(&self, name: &str, text: &str) -> String {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Writes a document below the prefix, as any writer of the store can.
    pub(super) fn put(&self, key: &str, document: &serde_json::Value) {
        self.records.write(format!("{PREFIX}/{key}"), document.to_string().into_bytes());
    }

    /// The status that the instance has written.
    pub(super) fn status(&self) -> Option<Instance> {
        self.records.status(NAME)
    }

    /// Waits until the instance reports this revision and state, and runs the text of the revision: it reports a stable
    /// one before it has applied it.
    #[track_caller]
    pub(super) fn wait_for(&self, revision: u64, state: InstanceState) -> Instance {
        let has_ended = matches!(state, InstanceState::Refused | InstanceState::FellBack);
        let current = self.records.current().filter(|it| it.revision == revision && !has_ended);
        self.wait_within(READ, &format!("revision {revision} to be {state}"), |it| {
            let runs_it = current.as_ref().is_none_or(|current| current.text_for(NAME) == it.runs);
            it.revision == revision && it.state == state && runs_it
        })
    }

    /// Waits until the instance reports that it runs this text, in this state.
    #[track_caller]
    pub(super) fn wait_for_text(&self, text: &str, state: InstanceState) -> Instance {
        let runs = Some(TextHash::of(text));
        self.wait_within(READ, "the text", |it| it.runs == runs && it.state == state)
    }

    #[track_caller]
    pub(super) fn wait_within(
        &self,
        limit: Duration,
        what: &str,
        is_it: impl Fn(&Instance) -> bool,
    ) -> Instance {
        wait_for(what, limit, || self.status().filter(|it| is_it(it)))
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
