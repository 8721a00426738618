//! Profiles: stacks with numbers, written in the format of pprof, or drawn as a flame graph.
//! [`sampling`] takes them from the running process.

pub mod sampling;

mod symbols;
pub use symbols::{Frame, Symbols};

mod message;

mod pprof;
pub use pprof::pprof;

mod tree;

mod flame_graph;
pub use flame_graph::flame_graph;

use std::time::{Duration, SystemTime};

/// What a number of a profile counts.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its name, such as `cpu`.
    pub name: &'static str,
    /// What it is counted in: `nanoseconds`, `bytes` or `count`.
    pub unit: &'static str,
}

/// Samples of a process.
#[derive(Clone, Debug)]
pub struct Profile {
    /// What the numbers of each sample count; the last is what one looks at first.
    pub kinds: &'static [Kind],
    /// The samples.
    pub samples: Vec<Sample>,
    /// A sample was taken each time so much of this was used.
    pub period: (Kind, i64),
    /// When the first could be taken.
    pub since: SystemTime,
    /// For how long samples were taken.
    pub duration: Duration,
    /// What whoever reads it has to know.
    pub remarks: Vec<String>,
}

/// A stack, and what was counted there.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Addresses of code in this process, the innermost first.
    pub addresses: Vec<usize>,
    /// One number for each of [`Profile::kinds`].
    pub values: Vec<i64>,
}
