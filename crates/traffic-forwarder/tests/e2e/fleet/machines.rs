//! Several instances on one host. Each has its own hosts file, in a mount namespace, which gives `self.test` the
//! address of that instance: so one published text listens on another address at each.

use std::fmt::Display;
use std::fs;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use fleet::{Current, Instance, InstanceState, TextHash};
use tempfile::TempDir;
use testkit::{Etcd, Forwarder, Http, Port, Signal, Socket, wait_for, wait_until};

use super::fixture::{READ, Running};
use super::records::Records;
use crate::support::{forwarder, served_client, with_hosts};

/// Longer than any roll-out of these tests: two holds, the end of a trial, and the way back.
pub(super) const ROLLOUT: Duration = Duration::from_secs(60);

/// The instances `edge-1`, `edge-2` ... of one fleet, by their numbers.
pub(super) struct Machines {
    pub(super) records: Records,
    url: String,
    dir: TempDir,
    running: Vec<Option<Running>>,
}

impl Machines {
    /// Starts instances that follow a prefix of this cluster, and waits until each has its key in the store.
    /// Several fleets may share a cluster.
    #[track_caller]
    pub(super) fn start(cluster: &Etcd, prefix: &str, count: usize) -> Self {
        let (records, url) = (Records::of(cluster, prefix), cluster.url(prefix));
        let running = (0..count).map(|_| None).collect();
        let mut machines = Self { records, url, dir: TempDir::new().unwrap(), running };
        machines.numbers().for_each(|number| machines.start_again(number));
        machines.wait_for_each(READ, "a status", |_| true);
        machines
    }

    pub(super) fn numbers(&self) -> RangeInclusive<usize> {
        1..=self.running.len()
    }

    /// Kills the instance by SIGKILL, if it runs.
    pub(super) fn kill(&mut self, number: usize) {
        if let Some(instance) = self.running[number - 1].take() {
            instance.forwarder.signal(Signal::KILL);
        }
    }

    /// Starts an instance that does not run, with the directory `keep` of the one before.
    #[track_caller]
    pub(super) fn start_again(&mut self, number: usize) {
        assert!(self.running[number - 1].is_none(), "{} runs", name(number));
        let dir = self.dir.path().join(name(number));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("hosts"), format!("{} self.test\n", ip(number))).unwrap();
        // A killed process leaves its socket.
        let socket = dir.join("admin.sock");
        let _ = fs::remove_file(&socket);
        let (socket_path, keep) = (socket.display(), dir.join("keep"));
        let config = format!(
            "[process]\nworkers = 1\nadmin = 'unix:{socket_path}'\n[log]\nformat = 'json'\n\
             [fleet]\nfrom = '{}'\nname = '{}'\nkeep = '{}'\n",
            self.url,
            name(number),
            keep.display(),
        );
        let forwarder = with_hosts(&dir).config(config).start();
        forwarder.ready();
        self.running[number - 1] = Some(Running { forwarder, http: Http::new(socket) });
    }

    /// The running instance.
    pub(super) fn instance(&self, number: usize) -> &Running {
        self.running[number - 1].as_ref().unwrap_or_else(|| panic!("{} runs", name(number)))
    }

    /// An established session of an echo at each instance.
    pub(super) fn clients(&self, port: &Port) -> Vec<Socket> {
        self.numbers().map(|number| served_client(at(number, port))).collect()
    }

    // === the publisher ===

    /// Writes a file, and returns its path.
    pub(super) fn file(&self, name: &str, text: &str) -> String {
        let path: PathBuf = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Starts `publish` or `rollout`.
    pub(super) fn begin(&self, arguments: &[&str]) -> Forwarder {
        command(&self.url, arguments)
    }

    /// Runs `publish` or `rollout` to its end, and returns all lines of its output.
    #[track_caller]
    pub(super) fn run(&self, arguments: &[&str], code: i32) -> String {
        let running = self.begin(arguments);
        let exit = running.wait_exit(ROLLOUT);
        let lines = [running.stdout(), running.stderr()].concat().join("\n");
        assert_eq!(exit.code(), Some(code), "{arguments:?}: {lines}");
        lines
    }

    /// Publishes a text at all instances at once, and waits until it is stable.
    #[track_caller]
    pub(super) fn publish(&self, text: &str) -> String {
        self.run(&["publish", &self.file("text.toml", text), "--hold", "1s"], 0)
    }

    // === what the store says ===

    pub(super) fn status(&self, number: usize) -> Option<Instance> {
        self.records.status(&name(number))
    }

    #[track_caller]
    pub(super) fn wait_for(&self, number: usize, state: InstanceState) -> Instance {
        let what = format!("{} to be {state}", name(number));
        wait_for(&what, READ, || self.status(number).filter(|it| it.state == state))
    }

    /// Waits until the status of each instance is so.
    #[track_caller]
    pub(super) fn wait_for_each(
        &self,
        limit: Duration,
        what: &str,
        is_so: impl Fn(&Instance) -> bool,
    ) {
        for number in self.numbers() {
            wait_until(&format!("{what}, of {}", name(number)), limit, || {
                self.status(number).is_some_and(|it| is_so(&it))
            });
        }
    }

    /// Waits until each instance follows the present revision, which has this stable text and no trial.
    #[track_caller]
    pub(super) fn wait_until_settled(&self, text: &str) -> Current {
        let current = self.records.current().expect("a revision");
        let hash = TextHash::of(text);
        assert_eq!((current.stable, &current.trial), (Some(hash), &None), "{current:?}");
        self.wait_for_each(READ, &format!("revision {}", current.revision), |it| {
            let is_settled = matches!(it.state, InstanceState::Stable | InstanceState::Confirmed);
            is_settled && it.revision == current.revision && it.runs == Some(hash)
        });
        current
    }
}

/// Starts `publish` or `rollout` with this way to the store.
pub(super) fn command(url: &str, arguments: &[&str]) -> Forwarder {
    forwarder().args(arguments).args(["--from", url]).start()
}

pub(super) fn name(number: usize) -> String {
    format!("edge-{number}")
}

fn ip(number: usize) -> String {
    format!("127.78.{number}.1")
}

/// The address of a port of every address at an instance.
pub(super) fn at(number: usize, port: &Port) -> SocketAddr {
    format!("{}:{port}", ip(number)).parse().unwrap()
}

/// A forward of a published text, at each instance on its address.
pub(super) fn own_forward(name: &str, port: &Port, to: impl Display) -> String {
    format!("[[forward]]\nname = '{name}'\nlisten = 'self.test:{port}'\nto = '{to}'\n")
}
