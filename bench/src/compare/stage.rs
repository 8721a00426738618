//! Where one run takes place: a fresh target, a fresh forwarder, and its clients.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::affinity::Layout;
use super::child::{Held, Loader};
use super::job::Job;
use super::launch::{Launch, Running, exchange_once};
use super::subject::Subject;
use crate::failure::{Failure, Result};
use crate::stats::float;

/// The figures of one run, by the keys of the columns.
pub(crate) type Sample = BTreeMap<&'static str, f64>;

pub(super) const MIB: f64 = 1_048_576.0;
pub(super) const GIB: f64 = 1024.0 * MIB;

/// Time that a background load runs before and after the measurement it disturbs.
pub(super) const MARGIN: Duration = Duration::from_millis(700);

/// How all runs are done.
pub(super) struct Bench<'a> {
    pub(super) program: &'a Path,
    pub(super) layout: &'a Layout,
    pub(super) workers: usize,
    pub(super) seconds: Duration,
    pub(super) warmup: Duration,
    /// Where configurations are written.
    pub(super) dir: &'a Path,
    /// Requests per second of the load of `probe`.
    pub(super) load: f64,
}

/// A target, and perhaps a forwarder before it.
pub(super) struct Stage<'a> {
    loader: Loader<'a>,
    _server: Held,
    pub(super) forwarder: Option<Running>,
    address: SocketAddr,
    /// How long after its start the forwarder had carried its first byte, or could be connected to.
    pub(super) ready: Duration,
    cpu_before: Duration,
}

impl Bench<'_> {
    pub(super) fn stage(&self, job: Job, subject: Option<&Subject>) -> Result<Stage<'_>> {
        let loader = Loader { program: self.program, cpus: &self.layout.load };
        let server = job.server();
        let (held, target) = loader.serve(server)?;
        let launch = Launch {
            target,
            forwards: job.forwards(),
            workers: job.workers().unwrap_or(self.workers),
            cpus: &self.layout.subject,
            dir: self.dir,
        };
        let forwarder = subject.map(|subject| launch.start(subject)).transpose()?;
        let address = forwarder.as_ref().map_or(target, |running| running.address);
        if server != "sink" {
            exchange_once(address)?;
        }
        let ready = forwarder.as_ref().map_or(Duration::ZERO, |it| it.begun.elapsed());
        let cpu_before = forwarder.as_ref().map_or(Duration::ZERO, |it| it.tree.cpu_time());
        Ok(Stage { loader, _server: held, forwarder, address, ready, cpu_before })
    }

    /// The words of a client: its name, how long it runs, and the rest.
    pub(super) fn words(
        &self,
        name: &str,
        extra: Duration,
        rest: &[(&str, String)],
    ) -> Vec<String> {
        let mut words = vec![name.to_owned()];
        let seconds = (self.seconds + extra).as_secs_f64();
        let warmup = self.warmup.as_secs_f64();
        for (option, value) in
            [("seconds", seconds.to_string()), ("warmup", warmup.to_string())].iter().chain(rest)
        {
            words.extend([format!("--{option}"), value.clone()]);
        }
        words
    }
}

impl Stage<'_> {
    pub(super) fn client(&self, words: &[String]) -> Result<Value> {
        self.loader.client(words, self.address)
    }

    /// Starts a client whose result is asked for later.
    pub(super) fn start(&self, words: &[String]) -> Result<Held> {
        self.loader.start(words, Some(self.address))
    }

    /// The forwarder of a measure that cannot be taken without one.
    pub(super) fn forwarder(&self) -> Result<&Running> {
        self.forwarder.as_ref().ok_or_else(|| Failure::new("there is no forwarder"))
    }

    /// Opens idle sessions, which are there until the result is dropped.
    pub(super) fn hold(&self, sessions: usize) -> Result<Held> {
        let words = ["idle".to_owned(), "--sessions".to_owned(), sessions.to_string()];
        let mut held = self.start(&words)?;
        held.first_line()?;
        Ok(held)
    }

    /// What the forwarder has used in this run.
    pub(super) fn cost(&self) -> Sample {
        let Some(running) = &self.forwarder else { return Sample::new() };
        let cpu = running.tree.cpu_time().saturating_sub(self.cpu_before);
        let peak = float(running.tree.peak_bytes()) / MIB;
        Sample::from([("cpu_s", cpu.as_secs_f64()), ("peak_mib", peak)])
    }

    pub(super) fn per_operation(&self, json: &Value) -> Sample {
        let mut sample = self.cost();
        sample.insert("rate", number(&json["rate"]));
        sample.extend(latencies(json));
        if let Some(cpu) = sample.get("cpu_s").copied() {
            sample.insert("cpu_us", 1e6 * cpu / number(&json["operations_total"]));
        }
        sample
    }
}

pub(super) fn latencies(json: &Value) -> Sample {
    let latency = &json["latency_us"];
    Sample::from([
        ("p50_us", number(&latency["p50"])),
        ("p99_us", number(&latency["p99"])),
        ("p999_us", number(&latency["p999"])),
    ])
}

pub(super) fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(0.0)
}
