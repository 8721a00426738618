//! A fleet at work: its store, its instances, its traffic, and the text that is stable.

use std::fs;
use std::time::{Duration, Instant};

use fleet::{Instance, InstanceState};
use tempfile::TempDir;
use testkit::{Etcd, Forwarder};

use super::instances::{Instances, name};
use super::ledger::Ledger;
use super::probe;
use super::records::{Records, View};
use super::texts::{Extra, Texts, Version, extra_listener, listener};
use super::traffic::{Load, Traffic};
use crate::failure::{Context, Failure, Result};
use crate::stats::wide;

use super::FleetOptions;

/// The prefix of the fleet's keys.
pub(super) const PREFIX: &str = "/fleet";
/// Longer than any roll-out: two holds, the end of a trial, and the way back.
pub(super) const ROLLOUT: Duration = Duration::from_secs(90);
/// Time for all instances to follow the last revision: a reading is due every 10 s, and a lease has to expire.
const SETTLED: Duration = Duration::from_secs(60);
/// The last lines of a publisher that are part of an error.
const LINES: usize = 6;
/// The hold of each step.
pub(super) const HOLD: &str = "1s";

/// A running fleet.
pub(super) struct Scene {
    pub(super) cluster: Etcd,
    pub(super) records: Records,
    pub(super) instances: Instances,
    pub(super) traffic: Traffic,
    pub(super) texts: Texts,
    /// The text that is stable.
    pub(super) stable: Version,
    /// The number of the last version.
    last: u32,
    binary: std::path::PathBuf,
    dir: TempDir,
}

impl Scene {
    /// Starts a store and instances, publishes the first text, and begins the traffic.
    pub(super) fn start(options: &FleetOptions) -> Result<Self> {
        let dir = TempDir::new()?;
        let cluster = Etcd::start(3);
        let records = Records::new(&cluster, PREFIX)?;
        let binary = std::path::absolute(&options.ours)?;
        let count = options.instances();
        let instances = Instances::start(&binary, dir.path(), cluster.url(PREFIX), count)?;
        let traffic = Traffic::start(Ledger::new(usize::from(count)))?;
        let texts = Texts { forwards: options.forwards() };
        let stable = texts.version(1, Extra::None);
        let mut scene =
            Self { cluster, records, instances, traffic, texts, stable, last: 1, binary, dir };
        scene.await_all("a status of each instance", SETTLED, |_| Ok(()))?;
        let first = scene.stable.clone();
        let file = scene.file(&first)?;
        scene.run(&["publish", &file, "--hold", HOLD], 0)?;
        scene.settle(first)?;
        let load = Load { instances: count, short_rate: options.short_rate() };
        scene.traffic.begin(texts, load)?;
        Ok(scene)
    }

    /// A text that differs from all before.
    pub(super) fn next(&mut self, extra: Extra) -> Version {
        self.last += 1;
        self.texts.version(self.last, extra)
    }

    // === the publisher ===

    /// Writes a text to a file, and returns its path.
    pub(super) fn file(&self, version: &Version) -> Result<String> {
        let path = self.dir.path().join(format!("version-{}.toml", version.number));
        fs::write(&path, &version.text).context(&path.display().to_string())?;
        Ok(path.display().to_string())
    }

    /// Starts `publish` or `rollout` with this way to the store.
    pub(super) fn begin_at(&self, url: &str, arguments: &[&str]) -> Forwarder {
        Forwarder::binary(&self.binary).args(arguments).args(["--from", url]).start()
    }

    /// Starts `publish` or `rollout`.
    pub(super) fn begin(&self, arguments: &[&str]) -> Forwarder {
        self.begin_at(&self.cluster.url(PREFIX), arguments)
    }

    /// Runs `publish` or `rollout` to its end, and returns the lines of its output.
    pub(super) fn run(&self, arguments: &[&str], code: i32) -> Result<String> {
        finish(&self.begin(arguments), code)
    }

    /// Publishes a text: first at `edge-1`, then at all.
    pub(super) fn publish(&mut self, extra: Extra) -> Result<()> {
        let version = self.next(extra);
        let file = self.file(&version)?;
        self.run(&["publish", &file, "--canary", "edge-1", "--hold", HOLD], 0)?;
        self.settle(version).map(drop)
    }

    // === the instances ===

    /// Kills an instance. Its sessions may end.
    pub(super) fn kill(&mut self, instance: u16) {
        self.traffic.ledger.turn_era(instance);
        self.instances.kill(instance);
    }

    /// Starts a killed instance, and lets clients come when it serves.
    pub(super) fn start_again(&mut self, instance: u16) -> Result<()> {
        self.instances.start_again(instance)?;
        let begun = Instant::now();
        let last = self.texts.forwards - 1;
        while probe::is_refused(listener(instance, last)) {
            if begun.elapsed() > SETTLED {
                let words = format!("{} does not serve after its start", name(instance));
                return Err(Failure::new(words));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.traffic.ledger.turn_era(instance);
        Ok(())
    }

    /// Waits until the status of each instance is so.
    pub(super) fn await_all(
        &mut self,
        what: &str,
        limit: Duration,
        probe: impl Fn(&Instance) -> std::result::Result<(), String>,
    ) -> Result<Instant> {
        let names: Vec<_> = self.instances.numbers().map(name).collect();
        let all = |view: &View| {
            for name in &names {
                let instance = view.instances.get(name).ok_or(format!("{name} has no status"))?;
                probe(instance).map_err(|missing| format!("{name} {missing}"))?;
            }
            Ok(())
        };
        Ok(self.records.wait_for(what, limit, all)?.0)
    }

    /// Waits until one instance reports this state of a text.
    pub(super) fn await_state(
        &mut self,
        instance: u16,
        state: InstanceState,
        limit: Duration,
    ) -> Result<Instant> {
        let name = name(instance);
        let what = format!("{name} to report `{state}`");
        let probe = |view: &View| {
            let found = view.instances.get(&name).map(|it| it.state);
            if found == Some(state) { Ok(()) } else { Err(format!("it reports {found:?}")) }
        };
        Ok(self.records.wait_for(&what, limit, probe)?.0)
    }

    /// Waits until `version` is stable and every instance runs it under one revision, and looks at what they serve.
    /// Returns the time at which all ran it.
    pub(super) fn settle(&mut self, version: Version) -> Result<Instant> {
        let (hash, count) = (version.hash, self.instances.numbers().len());
        let what = format!("every instance on one revision with version {}", version.number);
        let settled = |view: &View| {
            let current = view.current.as_ref().ok_or("no revision")?;
            if current.stable != Some(hash) || current.trial.is_some() {
                return Err(format!("revision {} is another one", current.revision));
            }
            if view.instances.len() != count {
                return Err(format!("{} of {count} instances are there", view.instances.len()));
            }
            for (name, it) in &view.instances {
                let is_done = matches!(it.state, InstanceState::Stable | InstanceState::Confirmed);
                if !is_done || it.revision != current.revision || it.runs != Some(hash) {
                    let Instance { state, revision, runs, why, .. } = it;
                    let runs = runs.map_or("nothing".to_owned(), |hash| hash.short());
                    return Err(format!(
                        "{name} is {state} at revision {revision} of {}, runs {runs}: {why}",
                        current.revision
                    ));
                }
            }
            Ok(())
        };
        let (time, ()) = self.records.wait_for(&what, SETTLED, settled)?;
        self.stable = version;
        self.look()?;
        Ok(time)
    }

    /// Asserts that each instance serves the stable text, and that no session went wrong.
    pub(super) fn look(&self) -> Result<()> {
        for instance in self.instances.numbers() {
            let Some(begun) = self.traffic.ledger.begin(instance) else { continue };
            for forward in self.texts.changing() {
                let expected = self.texts.target(forward, self.stable.number);
                let found = probe::target_of(listener(instance, forward), begun)?;
                if found != expected {
                    let words = format!(
                        "{} leads forward {forward} to {found} instead of {expected}",
                        name(instance)
                    );
                    return Err(Failure::new(words));
                }
            }
            let extra = extra_listener(instance);
            let is_right = match self.stable.extra_target() {
                Some(target) => probe::target_of(extra, begun)? == target,
                None => self.stable.extra == Extra::Refuses || probe::is_refused(extra),
            };
            if !is_right {
                let words = format!("{} serves a forward of another text", name(instance));
                return Err(Failure::new(words));
            }
        }
        self.traffic.ledger.verdict()
    }

    /// A failure, after the faults of sessions, which may be its cause or its result.
    pub(super) fn explain(&self, failure: Failure) -> Failure {
        match self.traffic.ledger.verdict() {
            Ok(()) => failure,
            Err(faults) => Failure::new(format!("{faults}; then: {failure}")),
        }
    }

    /// Waits until all long sessions are open: those of a restarted instance begin again.
    pub(super) fn await_sessions(&self) -> Result<()> {
        let begun = Instant::now();
        let wanted = wide(self.texts.unchanged().len());
        loop {
            let open = self.traffic.ledger.long.load(std::sync::atomic::Ordering::SeqCst);
            self.traffic.ledger.verdict()?;
            if open == wanted {
                return Ok(());
            }
            if begun.elapsed() > SETTLED {
                return Err(Failure::new(format!("{open} of {wanted} long sessions are open")));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Waits for the end of a command, and returns the lines of its output.
pub(super) fn finish(running: &Forwarder, code: i32) -> Result<String> {
    let exit = running.wait_exit(ROLLOUT);
    let lines = [running.stdout(), running.stderr()].concat();
    if exit.code() == Some(code) {
        return Ok(lines.join("; "));
    }
    let last = lines[lines.len().saturating_sub(LINES)..].join("; ");
    Err(Failure::new(format!("a publisher ended with {exit} instead of {code}: {last}")))
}
