//! One run: a job on a fresh stage, and its measurements.

use super::job::Job;
use super::stage::{Bench, GIB, Sample, Stage, number};
use super::subject::Subject;
use super::{background, balance, forwards};
use crate::failure::Result;
use crate::stats::{float, wide};
use std::time::Duration;

impl Bench<'_> {
    /// Runs one job through `subject`, or directly without one.
    pub(super) fn run(&self, job: Job, subject: Option<&Subject>) -> Result<Sample> {
        let stage = self.stage(job, subject)?;
        let done = match job {
            Job::Rr { sessions, size } => self.rr(&stage, sessions, size),
            Job::Crr { parallel } => self.crr(&stage, parallel),
            Job::Bulk { streams } => self.bulk(&stage, streams),
            Job::Probe => background::probe(self, &stage),
            Job::Beside { streams } => background::beside(self, &stage, streams),
            Job::Balance { streams, workers } => balance::balance(self, &stage, streams, workers),
            Job::Idle { sessions } => idle(&stage, sessions, subject),
            Job::Crowd { idle } => self.crowd(&stage, idle),
            Job::Forwards { .. } => forwards::forwards(&stage),
        };
        match &stage.forwarder {
            Some(running) => done.map_err(|failure| running.explain(&failure)),
            None => done,
        }
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
    let running = stage.forwarder()?;
    let sessions = subject.map_or(sessions, |it| sessions.min(it.adapter.max_sessions));
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
