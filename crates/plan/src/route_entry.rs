//! Routes and targets as they are written in a file.

use std::ops::Range;

use flow::HelloRule;

use crate::target::TargetRange;

/// A route. Invalid names and targets are left out: each has been reported.
#[derive(Clone, Debug)]
pub(crate) struct RouteEntry {
    pub(crate) rule: HelloRule,
    pub(crate) targets: Vec<ParsedTarget>,
}

/// A target with its byte range in the source.
#[derive(Clone, Debug)]
pub(crate) struct ParsedTarget {
    pub(crate) target: TargetRange,
    pub(crate) range: Range<usize>,
}
