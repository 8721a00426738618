//! One run: a fresh target, a fresh forwarder, one load, and what came of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::affinity::{Cpus, Layout};
use super::child::{Held, Loader};
use super::measures::Job;
use super::subject::{Running, Subject, exchange_once};
use crate::failure::{Failure, Result};
use crate::stats::{float, wide};

/// The figures of one run, by the keys of the columns.
pub(crate) type Sample = BTreeMap<&'static str, f64>;

const MIB: f64 = 1_048_576.0;
const GIB: f64 = 1024.0 * MIB;

/// Requests per second of the probe beside bulk.
const BESIDE_RATE: f64 = 200.0;

/// How long a background load runs before what it disturbs is measured, and after.
const MARGIN: Duration = Duration::from_millis(700);

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
struct Stage<'a> {
    loader: Loader<'a>,
    _server: Held,
    forwarder: Option<Running>,
    address: SocketAddr,
    cpu_before: Duration,
}

impl Bench<'_> {
    /// Does one job with one subject; without a subject, directly.
    pub(super) fn run(&self, job: Job, subject: Option<&Subject>) -> Result<Sample> {
        let server = match job {
            Job::Bulk { .. } => "sink",
            Job::Beside { .. } => "mixed",
            _ => "echo",
        };
        let stage = self.stage(server, subject)?;
        let done = match job {
            Job::Rr { sessions, size } => self.rr(&stage, sessions, size),
            Job::Crr { parallel } => self.crr(&stage, parallel),
            Job::Bulk { streams } => self.bulk(&stage, streams),
            Job::Probe => self.probe(&stage),
            Job::Beside { streams } => self.beside(&stage, streams),
            Job::Idle { sessions } => idle(&stage, sessions, subject),
            Job::Crowd { idle } => self.crowd(&stage, idle),
        };
        match &stage.forwarder {
            Some(running) => done.map_err(|failure| running.explain(&failure)),
            None => done,
        }
    }

    fn stage(&self, server: &str, subject: Option<&Subject>) -> Result<Stage<'_>> {
        let loader = Loader { program: self.program, cpus: &self.layout.load };
        let (held, target) = loader.serve(server)?;
        let cpus: &Cpus = &self.layout.subject;
        let start = |subject: &Subject| subject.start(target, self.workers, cpus, self.dir);
        let forwarder = subject.map(start).transpose()?;
        let address = forwarder.as_ref().map_or(target, |running| running.address);
        if server != "sink" {
            exchange_once(address)?;
        }
        let cpu_before = forwarder.as_ref().map_or(Duration::ZERO, |it| it.tree.cpu_time());
        Ok(Stage { loader, _server: held, forwarder, address, cpu_before })
    }

    /// The words of a client: its name, how long it runs, and the rest.
    fn words(&self, name: &str, extra: Duration, rest: &[(&str, String)]) -> Vec<String> {
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

    fn rr(&self, stage: &Stage<'_>, sessions: usize, size: usize) -> Result<Sample> {
        let rest = [("sessions", sessions.to_string()), ("size", size.to_string())];
        let json = stage.client(&self.words("rr", Duration::ZERO, &rest))?;
        Ok(stage.per_operation(&json))
    }

    fn crr(&self, stage: &Stage<'_>, parallel: usize) -> Result<Sample> {
        let rest = [("parallel", parallel.to_string())];
        let json = stage.client(&self.words("crr", Duration::ZERO, &rest))?;
        Ok(stage.per_operation(&json))
    }

    fn bulk(&self, stage: &Stage<'_>, streams: usize) -> Result<Sample> {
        let rest = [("streams", streams.to_string())];
        let json = stage.client(&self.words("bulk", Duration::ZERO, &rest))?;
        let mut sample = stage.cost();
        sample.insert("rate", number(&json["rate"]) / GIB);
        if let Some(cpu) = sample.get("cpu_s").copied() {
            sample.insert("cpu_s_gib", cpu / (number(&json["bytes_total"]) / GIB));
        }
        Ok(sample)
    }

    fn probe(&self, stage: &Stage<'_>) -> Result<Sample> {
        let load = [
            ("rate", self.load.to_string()),
            ("sessions", "64".to_owned()),
            // In small bursts, as a closed loop makes them: the load generator itself shall not
            // be what fills the CPU.
            ("tick", "0.0005".to_owned()),
        ];
        let load = self.words("latency", MARGIN * 2, &load);
        let rest = [("rate", (self.load / 100.0).to_string())];
        let (json, load) =
            self.foreground(stage, &load, &self.words("probe", Duration::ZERO, &rest))?;
        let mut sample = stage.cost();
        sample.extend(latencies(&json));
        sample.insert("load", number(&load["rate"]));
        Ok(sample)
    }

    fn beside(&self, stage: &Stage<'_>, streams: usize) -> Result<Sample> {
        let bulk = [("streams", streams.to_string())];
        let bulk = self.words("bulk", MARGIN * 2, &bulk);
        let rest = [("rate", BESIDE_RATE.to_string())];
        let (json, bulk) =
            self.foreground(stage, &bulk, &self.words("probe", Duration::ZERO, &rest))?;
        let mut sample = stage.cost();
        sample.extend(latencies(&json));
        sample.insert("bulk", number(&bulk["rate"]) / GIB);
        Ok(sample)
    }

    /// Runs one client while another loads: the results of both.
    fn foreground(
        &self,
        stage: &Stage<'_>,
        load: &[String],
        words: &[String],
    ) -> Result<(Value, Value)> {
        let background = stage.loader.start(load, Some(stage.address))?;
        std::thread::sleep(MARGIN + self.warmup);
        let json = stage.client(words)?;
        Ok((json, background.result()?))
    }

    fn crowd(&self, stage: &Stage<'_>, idle: usize) -> Result<Sample> {
        let rest = [("sessions", "64".to_owned())];
        let words = self.words("rr", Duration::ZERO, &rest);
        let one = stage.hold(1)?;
        let alone = stage.client(&words)?;
        drop(one);
        let many = stage.hold(idle)?;
        let beside = stage.client(&words)?;
        let mut sample = stage.cost();
        drop(many);
        let (alone, beside) = (number(&alone["rate"]), number(&beside["rate"]));
        sample.extend([("rate_one", alone), ("rate_many", beside)]);
        sample.insert("kept", 100.0 * beside / alone);
        Ok(sample)
    }
}

/// The memory of idle sessions: the growth from one session to many.
fn idle(stage: &Stage<'_>, sessions: usize, subject: Option<&Subject>) -> Result<Sample> {
    let (Some(running), Some(subject)) = (&stage.forwarder, subject) else {
        return Err(Failure::new("there is no forwarder"));
    };
    let sessions = sessions.min(subject.adapter.max_sessions);
    let usage = || (float(running.tree.anonymous_bytes()), float(running.tree.descriptors()));
    let _one = stage.hold(1)?;
    let (bytes_before, descriptors_before) = usage();
    let _many = stage.hold(sessions)?;
    let (bytes, descriptors) = usage();
    let count = float(wide(sessions));
    let mut sample = stage.cost();
    sample.insert("bytes", (bytes - bytes_before) / count);
    sample.insert("descriptors", (descriptors - descriptors_before) / count);
    sample.insert("sessions", count);
    Ok(sample)
}

impl Stage<'_> {
    fn client(&self, words: &[String]) -> Result<Value> {
        self.loader.client(words, self.address)
    }

    /// Opens idle sessions, which are there until the result is dropped.
    fn hold(&self, sessions: usize) -> Result<Held> {
        let words = ["idle".to_owned(), "--sessions".to_owned(), sessions.to_string()];
        let mut held = self.loader.start(&words, Some(self.address))?;
        held.first_line()?;
        Ok(held)
    }

    /// What the forwarder has used in this run.
    fn cost(&self) -> Sample {
        let Some(running) = &self.forwarder else { return Sample::new() };
        let cpu = running.tree.cpu_time().saturating_sub(self.cpu_before);
        let peak = float(running.tree.peak_bytes()) / MIB;
        Sample::from([("cpu_s", cpu.as_secs_f64()), ("peak_mib", peak)])
    }

    fn per_operation(&self, json: &Value) -> Sample {
        let mut sample = self.cost();
        sample.insert("rate", number(&json["rate"]));
        sample.extend(latencies(json));
        if let Some(cpu) = sample.get("cpu_s").copied() {
            sample.insert("cpu_us", 1e6 * cpu / number(&json["operations_total"]));
        }
        sample
    }
}

fn latencies(json: &Value) -> Sample {
    let latency = &json["latency_us"];
    Sample::from([
        ("p50_us", number(&latency["p50"])),
        ("p99_us", number(&latency["p99"])),
        ("p999_us", number(&latency["p999"])),
    ])
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(0.0)
}
