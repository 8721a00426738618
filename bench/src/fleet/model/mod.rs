//! A model of many instances at one member of etcd: each has the client and the decisions of a real one, and runs
//! nothing.

mod instance;
mod metrics;
mod reader;
mod reporter;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use testkit::{Etcd, Forwarder};
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use super::FleetOptions;
use super::records::store_of;
use super::scene::PREFIX;
use super::texts::{Extra, Texts, Version};
use super::watchdog;
use crate::failure::{Context, Failure, Result};
use crate::report::say;
use crate::stats::wide;
use instance::Shared;
use metrics::Reading;

/// Forwards of the text.
const FORWARDS: usize = 1000;
/// Time between the starts of two instances.
const START: Duration = Duration::from_millis(10);
/// Time until the first renewals are spread.
const CALM: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(120);

/// The results of the model.
pub(super) struct Model {
    pub(super) instances: usize,
    /// From the first start to the last status.
    pub(super) started: Duration,
    pub(super) rest: Rates,
    pub(super) trial: Rates,
    /// From the trial to the instances that run its text: the median, and the last.
    pub(super) read: [Duration; 2],
    /// From the stable text to the instances that have confirmed it, likewise.
    pub(super) confirmed: [Duration; 2],
}

/// Operations of etcd in a second, and its resources.
pub(super) struct Rates {
    pub(super) reads: f64,
    pub(super) writes: f64,
    pub(super) renewals: f64,
    pub(super) watches: f64,
    pub(super) leases: f64,
    /// CPUs that etcd keeps busy.
    pub(super) cpus: f64,
    pub(super) rss: u64,
    /// CPUs that the model itself keeps busy.
    pub(super) own_cpus: f64,
}

/// Time over which rates are measured.
fn window(is_quick: bool) -> Duration {
    Duration::from_secs(if is_quick { 3 } else { 30 })
}

/// Runs the model.
pub(super) fn measure(options: &FleetOptions) -> Result<Model> {
    watchdog::step("the model of many instances");
    let (count, window) = (options.model(), window(options.quick));
    let dir = TempDir::new()?;
    let cluster = Etcd::start(1);
    let texts = Texts { forwards: FORWARDS };
    let first = publisher(options, &dir, &cluster, &texts.version(1, Extra::None), "1s")?;
    super::scene::finish(&first, 0)?;
    let shared = Arc::new(Shared::default());
    let begun = Instant::now();
    let runner = spawn(count, &cluster, &shared)?;
    shared.await_all(&shared.reported, count, "statuses")?;
    let started = begun.elapsed();
    say(&format!("{count} simulated instances after {:.1} s", started.as_secs_f64()));
    thread::sleep(if options.quick { Duration::from_secs(1) } else { CALM });
    let rest = rates(&cluster, &shared, window)?;
    let hold = format!("{}s", window.as_secs() + 5);
    let second = publisher(options, &dir, &cluster, &texts.version(2, Extra::None), &hold)?;
    let begun = await_line(&second, "is on trial on all")?;
    shared.await_all(&shared.tried, count, "instances on trial")?;
    let read = shared.tried.since(begun);
    let trial = rates(&cluster, &shared, window)?;
    let stable = await_line(&second, "is stable")?;
    shared.await_all(&shared.confirmed, count, "confirmations")?;
    let confirmed = shared.confirmed.since(stable);
    super::scene::finish(&second, 0)?;
    shared.is_over.store(true, Ordering::SeqCst);
    let words = "the thread of the model panicked";
    runner.join().unwrap_or_else(|_| Err(Failure::new(words)))?;
    Ok(Model { instances: count, started, rest, trial, read, confirmed })
}

/// Starts the instances in a thread.
fn spawn(
    count: usize,
    cluster: &Etcd,
    shared: &Arc<Shared>,
) -> Result<thread::JoinHandle<Result<()>>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (store, shared) = (store_of(cluster, PREFIX), Arc::clone(shared));
    Ok(thread::spawn(move || {
        runtime.block_on(async {
            let mut instances = JoinSet::new();
            for number in 0..count {
                instances.spawn(instance::run(store.clone(), number, Arc::clone(&shared)));
                tokio::time::sleep(START).await;
            }
            while !shared.is_over.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Ok(())
    }))
}

fn publisher(
    options: &FleetOptions,
    dir: &TempDir,
    cluster: &Etcd,
    version: &Version,
    hold: &str,
) -> Result<Forwarder> {
    let file = dir.path().join("model.toml");
    std::fs::write(&file, &version.text).context("write a text")?;
    let binary = std::path::absolute(&options.ours)?;
    let publisher = Forwarder::binary(binary).arg("publish").arg(file);
    Ok(publisher.args(["--hold", hold, "--from", &cluster.url(PREFIX)]).start())
}

/// Waits for a line of a publisher.
fn await_line(publisher: &Forwarder, part: &str) -> Result<Instant> {
    let begun = Instant::now();
    while !publisher.stdout().iter().any(|line| line.contains(part)) {
        if begun.elapsed() > LIMIT || publisher.exit_status().is_some() {
            let lines = [publisher.stdout(), publisher.stderr()].concat().join("; ");
            return Err(Failure::new(format!("`publish` does not say `{part}`: {lines}")));
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(Instant::now())
}

fn rates(cluster: &Etcd, shared: &Shared, window: Duration) -> Result<Rates> {
    let before = Reading::of(cluster);
    let renewed = shared.renewals.load(Ordering::Relaxed);
    thread::sleep(window);
    let after = Reading::of(cluster);
    let renewed = shared.renewals.load(Ordering::Relaxed) - renewed;
    let rates = after.since(&before, crate::stats::float(wide(renewed)));
    match shared.fault() {
        Some(fault) => Err(Failure::new(fault)),
        None => Ok(rates),
    }
}
