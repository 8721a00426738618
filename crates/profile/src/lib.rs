//! Profiles of this process: sampled stacks with values, written in pprof's format or drawn as a
//! flame graph. [`sampling`] takes the samples.

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

/// Meaning of a value in a profile.
#[derive(Clone, Copy, Debug)]
pub struct ValueKind {
    /// Label in pprof, such as `cpu`.
    pub name: &'static str,
    /// `nanoseconds`, `bytes` or `count`.
    pub unit: &'static str,
}

/// Samples of this process over one period of time.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Meaning of each sample's values; viewers show the last one first.
    pub kinds: &'static [ValueKind],
    /// Sampled stacks, each with its values.
    pub samples: Vec<Sample>,
    /// Sampling period: the mean amount of this kind between two samples.
    pub period: (ValueKind, i64),
    /// Time at which sampling started.
    pub since: SystemTime,
    /// Length of the sampling period.
    pub duration: Duration,
    /// Notes for the reader, such as the number of lost samples.
    pub remarks: Vec<String>,
}

/// A stack with the values attributed to it.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Code addresses in this process, innermost first.
    pub addresses: Vec<usize>,
    /// One value per entry of [`Profile::kinds`].
    pub values: Vec<i64>,
}
