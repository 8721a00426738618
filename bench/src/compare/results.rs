//! What all runs gave.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::measures::{Column, Measure};
use super::stage::Sample;
use crate::stats::Spread;

/// A subject in the results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entrant {
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) note: String,
}

/// The key of the run without a forwarder.
pub(crate) const DIRECT: &str = "direct";

/// The key of our own forwarder.
pub(crate) const OURS: &str = "ours";

/// The runs of one subject in one measure.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs {
    pub(crate) samples: Vec<Sample>,
    /// Why there is none, or not as many as there should be.
    pub(crate) remark: Option<String>,
}

/// The runs of one measure, in the order of the subjects.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) measure: Measure,
    pub(crate) runs: Vec<Runs>,
}

/// All results of a comparison.
#[derive(Clone, Debug)]
pub(crate) struct Results {
    /// What a reader has to know of the machine and the settings, as pairs.
    pub(crate) circumstances: Vec<(&'static str, String)>,
    pub(crate) entrants: Vec<Entrant>,
    /// Programs that were not found, and what to install.
    pub(crate) missing: Vec<(String, String)>,
    pub(crate) measured: Vec<Measured>,
}

impl Runs {
    /// Median and range of one figure.
    pub(crate) fn spread(&self, column: &Column) -> Option<Spread> {
        let values = self.samples.iter().filter_map(|sample| sample.get(column.key).copied());
        Spread::of(&values.filter(|value| value.is_finite()).collect::<Vec<_>>())
    }
}

impl Results {
    /// The place of our own forwarder among the subjects.
    pub(crate) fn ours(&self) -> Option<usize> {
        self.entrants.iter().position(|entrant| entrant.key == OURS)
    }

    /// All individual values as JSON.
    pub(crate) fn json(&self) -> Value {
        let pairs = self.circumstances.iter().map(|(name, value)| (*name, value));
        let circumstances: BTreeMap<_, _> = pairs.collect();
        let entrants: Vec<_> = self
            .entrants
            .iter()
            .map(|it| json!({ "key": it.key, "name": it.name, "version": it.version }))
            .collect();
        let measured: BTreeMap<_, _> = self.measured.iter().map(|it| self.entry(it)).collect();
        json!({ "circumstances": circumstances, "subjects": entrants, "measures": measured })
    }

    fn entry<'a>(&self, measured: &'a Measured) -> (&'a str, Value) {
        let runs = self.entrants.iter().zip(&measured.runs);
        let runs: BTreeMap<_, _> = runs
            .map(|(entrant, runs)| {
                (&entrant.key, json!({ "samples": runs.samples, "remark": runs.remark }))
            })
            .collect();
        (&measured.measure.key, json!(runs))
    }
}

/// Sample results for tests of the reports.
#[cfg(test)]
pub(crate) fn example() -> Results {
    let entrant = |key: &str, name: &str| Entrant {
        key: key.into(),
        name: name.into(),
        version: "1.0".into(),
        note: String::new(),
    };
    let measure = super::measures::all(true).remove(1);
    let runs = |rates: &[f64]| Runs {
        samples: rates.iter().map(|rate| Sample::from([("rate", *rate)])).collect(),
        remark: rates.is_empty().then(|| "failed: a < b".to_owned()),
    };
    let runs = vec![
        runs(&[90_000.0]),
        runs(&[47_000.0, 46_000.0, 48_000.0]),
        runs(&[40_000.0]),
        runs(&[]),
    ];
    Results {
        circumstances: vec![("CPU", "a CPU".into())],
        entrants: vec![
            entrant(DIRECT, "direct"),
            entrant(OURS, "ours"),
            entrant("peer", "a peer"),
            entrant("other", "another"),
        ],
        missing: vec![("realm".into(), "realm".into())],
        measured: vec![Measured { measure, runs }],
    }
}
