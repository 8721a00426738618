//! One large text at one instance.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fleet::{InstanceState, TextHash, pack};
use rustix::process::{Resource, getrlimit};
use tempfile::TempDir;
use testkit::{Etcd, Forwarder};

use super::instances::Instances;
use super::ledger::Ledger;
use super::records::{Records, View};
use super::scene::PREFIX;
use super::texts::TARGET_PORT;
use super::traffic::Traffic;
use super::{FleetOptions, probe};
use crate::failure::{Context, Failure, Result};
use crate::report::say;
use crate::stats::{figure, float, size, wide};

/// Longer than any of these roll-outs.
const LIMIT: Duration = Duration::from_secs(300);
/// Descriptors that are left for everything but listeners.
const SPARE: u64 = 2_000;
/// Ports of each address.
const PORTS: usize = 10_000;
const FIRST_PORT: u16 = 10_000;
/// Forwards through which bytes go.
const PROBES: usize = 200;

/// The results of a text.
pub(super) struct Published {
    pub(super) what: String,
    pub(super) bytes: u64,
    /// Compressed, as in the store.
    pub(super) stored: u64,
    pub(super) parts: usize,
    /// From the command to the result.
    pub(super) time: Duration,
    /// The reason of the instance, if it refused the text.
    pub(super) refusal: Option<String>,
    pub(super) rss: u64,
}

struct Stage {
    records: Records,
    instances: Instances,
    binary: std::path::PathBuf,
    url: String,
    dir: TempDir,
    _cluster: Etcd,
}

/// Publishes a text of so many forwards. If it is refused, publishes one with as many listeners as this host's limit of
/// open files allows, and changes one of its forwards.
pub(super) fn measure(options: &FleetOptions) -> Result<Vec<Published>> {
    let dir = TempDir::new()?;
    let cluster = Etcd::start(1);
    let binary = std::path::absolute(&options.ours)?;
    let (records, url) = (Records::new(&cluster, PREFIX)?, cluster.url(PREFIX));
    let instances = Instances::start(&binary, dir.path(), url.clone(), 1)?;
    let mut stage = Stage { records, instances, binary, url, dir, _cluster: cluster };
    let traffic = Traffic::start(Ledger::new(1))?;
    let mut all = vec![stage.publish("", options.large, 0)?];
    let mut count = options.large;
    if all[0].refusal.is_some() {
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        count = size(files.saturating_sub(SPARE)).min(options.large - 1);
        all.push(stage.publish("", count, 0)?);
    }
    all.push(stage.publish(", of which one has changed", count, 1)?);
    if let Some(refusal) = all.last().and_then(|it| it.refusal.as_ref()) {
        return Err(Failure::new(format!("{count} forwards were refused: {refusal}")));
    }
    let begun = traffic.ledger.begin(0).ok_or_else(|| Failure::new("the instance is down"))?;
    for forward in (0..count).step_by((count / PROBES).max(1)) {
        probe::target_of(listener(forward), begun)?;
    }
    traffic.ledger.verdict()?;
    Ok(all)
}

impl Stage {
    fn publish(&mut self, what: &str, count: usize, version: u32) -> Result<Published> {
        let text = text(count, version);
        let (hash, packed) = (TextHash::of(&text), pack(&text).context("pack a text")?);
        let file = self.dir.path().join("large.toml");
        fs::write(&file, &text)?;
        let begun = Instant::now();
        let publisher = Forwarder::binary(&self.binary).arg("publish").arg(&file);
        let publisher = publisher.args(["--hold", "1s", "--from", &self.url]).start();
        let probe = |view: &View| {
            let it = view.instances.get("edge-1").ok_or("it has no status")?;
            match it.state {
                _ if it.runs == Some(hash) => Ok(None),
                InstanceState::Refused => Ok(Some(it.why.clone())),
                state => Err(format!("it is {state}")),
            }
        };
        let (time, refusal) = self.records.wait_for("a large text", LIMIT, probe)?;
        let time = time - begun;
        let code = publisher.wait_exit(LIMIT).code();
        if code != Some(i32::from(refusal.is_some())) {
            let lines = [publisher.stdout(), publisher.stderr()].concat().join("; ");
            return Err(Failure::new(format!("`publish` ended with {code:?}: {lines}")));
        }
        let what = format!("{} forwards{what}", figure(float(wide(count))));
        let result = if refusal.is_some() { "refused" } else { "runs" };
        say(&format!("{what}: {result} after {:.1} s", time.as_secs_f64()));
        let stored = packed.parts.iter().map(|part| wide(part.len())).sum();
        let rss = self.instances.get(0).map_or(0, |instance| instance.rss_bytes());
        let (bytes, parts) = (wide(text.len()), packed.parts.len());
        Ok(Published { what, bytes, stored, parts, time, refusal, rss })
    }
}

/// Where a forward listens.
fn listener(forward: usize) -> SocketAddr {
    let address = u8::try_from(forward / PORTS).unwrap_or(u8::MAX);
    let port = u16::try_from(forward % PORTS).unwrap_or_default() + FIRST_PORT;
    ([127, 80, address, 1], port).into()
}

/// The text; each version has another target of the first forward.
fn text(count: usize, version: u32) -> String {
    let mut text = String::new();
    for forward in 0..count {
        let changed = if forward == 0 { version } else { 0 };
        let (listen, [high, low]) = (listener(forward), [forward / 250, forward % 250 + 1]);
        let _ = write!(
            text,
            "[[forward]]\nname = 'f{forward:05}'\nlisten = '{listen}'\n\
             to = '127.{}.{high}.{low}:{TARGET_PORT}'\n\n",
            100 + changed
        );
    }
    text
}
