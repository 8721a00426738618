//! The order of the runs: A B C, A B C, ... for each measure.

use std::path::Path;

use super::Compare;
use super::affinity::Layout;
use super::job::Job;
use super::machine;
use super::measures::Measure;
use super::results::{DIRECT, Entrant, Measured, Results, Runs};
use super::stage::Bench;
use super::subject::Subject;
use crate::report::complain;
use crate::stats::{Spread, figure};

/// After so many failures a subject is not asked again for the same measure.
const FAILURES_MAX: usize = 2;

/// What a remark about failed runs begins with.
const FAILED: &str = "failed: ";

/// Part of the fastest forwarder's rate that makes a subject count among the fast.
const FAST: f64 = 0.75;

/// Part of the capacity that the load of the probe is.
const LOAD: f64 = 0.7;

/// Everything that shall run.
pub(super) struct Turns<'a> {
    pub(super) options: &'a Compare,
    pub(super) layout: &'a Layout,
    pub(super) program: &'a Path,
    pub(super) dir: &'a Path,
    pub(super) measures: &'a [Measure],
    /// `None` stands for the direct connection.
    pub(super) subjects: &'a [Option<Subject>],
}

/// Whether runs are missing because they failed.
pub(super) fn is_failure(runs: &Runs) -> bool {
    runs.remark.as_ref().is_some_and(|remark| remark.starts_with(FAILED))
}

impl Turns<'_> {
    /// Runs every measure for every subject.
    pub(super) fn take(&self, missing: Vec<(String, String)>) -> Results {
        let mut bench = self.bench();
        let mut measured = Vec::new();
        for measure in self.measures {
            if measure.job == Job::Probe {
                bench.load = self.find_load(&bench);
            }
            measured.push(self.measure(&bench, measure));
        }
        Results {
            circumstances: self.circumstances(),
            entrants: self.subjects.iter().map(|subject| entrant(subject.as_ref())).collect(),
            missing,
            measured,
        }
    }

    fn bench(&self) -> Bench<'_> {
        Bench {
            program: self.program,
            layout: self.layout,
            workers: self.options.workers,
            seconds: self.options.seconds(),
            warmup: self.options.warmup(),
            dir: self.dir,
            load: 0.0,
        }
    }

    fn measure(&self, bench: &Bench<'_>, measure: &Measure) -> Measured {
        let mut all: Vec<_> = self.subjects.iter().map(|_| Runs::default()).collect();
        let mut failures = vec![0; all.len()];
        for repetition in 1..=self.options.repetitions() {
            for (index, subject) in self.subjects.iter().enumerate() {
                let name = entrant(subject.as_ref()).name;
                if let Some(reason) = unfit(measure, subject.as_ref()) {
                    all[index].remark = Some(reason);
                    continue;
                }
                if failures[index] >= FAILURES_MAX {
                    continue;
                }
                match bench.run(measure.job, subject.as_ref()) {
                    Ok(sample) => {
                        let value = measure.columns.first().and_then(|it| sample.get(it.key));
                        let value = value.map_or("-".to_owned(), |value| figure(*value));
                        complain(&format!("{} {repetition} {name}: {value}", measure.key));
                        all[index].samples.push(sample);
                    }
                    Err(failure) => {
                        complain(&format!("{} {repetition} {name}: {failure}", measure.key));
                        all[index].remark = Some(format!("{FAILED}{failure}"));
                        failures[index] += 1;
                    }
                }
            }
        }
        Measured { measure: measure.clone(), runs: all }
    }

    /// The load of the probe: a part of what the slowest subject can do, not counting those that
    /// do less than three quarters of what the fastest forwarder does.
    fn find_load(&self, bench: &Bench<'_>) -> f64 {
        let job = Job::Rr { sessions: 64, size: 64 };
        let rate = |subject: &Subject| {
            let runs = (0..self.options.repetitions().min(3))
                .filter_map(|_| bench.run(job, Some(subject)).ok()?.get("rate").copied());
            Spread::of(&runs.collect::<Vec<_>>()).map(|spread| spread.median)
        };
        let rates: Vec<f64> = self.subjects.iter().flatten().filter_map(rate).collect();
        let load = LOAD * slowest_of_the_fast(&rates).unwrap_or(10_000.0);
        complain(&format!("probe: the load is {} per second", figure(load)));
        load
    }

    fn circumstances(&self) -> Vec<(&'static str, String)> {
        let options = self.options;
        let layout = if self.layout.subject == self.layout.load {
            format!("everything on CPU {}", self.layout.subject)
        } else {
            let Layout { subject, load } = self.layout;
            format!("forwarder on CPU {subject}, load and target on CPU {load}")
        };
        let mut list = machine::describe();
        list.extend([
            ("Layout", layout),
            ("Workers of a forwarder", options.workers.to_string()),
            ("Repetitions", options.repetitions().to_string()),
            ("Seconds of a run", figure(options.seconds().as_secs_f64())),
        ]);
        if options.quick {
            list.push(("Beware", "a quick run: its figures mean nothing".to_owned()));
        }
        list
    }
}

/// Why a subject cannot take part in a measure.
fn unfit(measure: &Measure, subject: Option<&Subject>) -> Option<String> {
    let Some(Subject { adapter, .. }) = subject else {
        return measure.job.needs_forwarder().then(|| "there is no forwarder".to_owned());
    };
    let most = adapter.max_sessions;
    if most < measure.sessions {
        return Some(format!("not run: it holds at most {most} sessions"));
    }
    if measure.job.forwards() > 1 && adapter.forward.is_none() {
        return Some("cannot: its adapter can express one forward only".to_owned());
    }
    let cannot = measure.job.workers().is_some() && !adapter.has_workers();
    cannot.then(|| "cannot: the number of its workers is fixed".to_owned())
}

fn entrant(subject: Option<&Subject>) -> Entrant {
    let Some(Subject { adapter, version, .. }) = subject else {
        return Entrant {
            key: DIRECT.to_owned(),
            name: DIRECT.to_owned(),
            version: String::new(),
            note: "no forwarder".to_owned(),
        };
    };
    Entrant {
        key: adapter.key.clone(),
        name: adapter.name.clone(),
        version: version.clone(),
        note: adapter.note.clone(),
    }
}

fn slowest_of_the_fast(rates: &[f64]) -> Option<f64> {
    let fastest = rates.iter().copied().reduce(f64::max)?;
    rates.iter().copied().filter(|rate| *rate >= fastest * FAST).reduce(f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_is_what_all_but_the_slow_can_bear() {
        assert_eq!(slowest_of_the_fast(&[40.0, 47.0, 10.0, 30.0]), Some(40.0));
        assert_eq!(slowest_of_the_fast(&[]), None);
    }
}
