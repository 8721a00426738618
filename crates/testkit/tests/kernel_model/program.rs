//! A list of operations, and its text.

use crate::op::Op;
use std::fmt;
use std::str::FromStr;

/// A program. Its text has one operation on each line, or several with semicolons between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program(Vec<Op>);

impl Program {
    pub(crate) fn new(ops: Vec<Op>) -> Self {
        Self(ops)
    }

    pub(crate) fn ops(&self) -> &[Op] {
        &self.0
    }

    /// The program without some of its operations.
    pub(crate) fn without(&self, from: usize, count: usize) -> Self {
        let kept = self.0.iter().enumerate().filter(|(at, _)| !(from..from + count).contains(at));
        Self(kept.map(|(_, op)| *op).collect())
    }

    /// The operations with their results.
    pub(crate) fn with(&self, transcript: &[String]) -> String {
        let lines = self.0.iter().zip(transcript).map(|(op, result)| format!("{op} -> {result}\n"));
        lines.collect()
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ops: Vec<_> = self.0.iter().map(Op::to_string).collect();
        f.write_str(&ops.join("; "))
    }
}

impl FromStr for Program {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lines = text.split(['\n', ';']).map(str::trim).filter(|line| !line.is_empty());
        let op = |line: &str| line.parse().map_err(|()| format!("no operation: {line}"));
        lines.map(op).collect::<Result<_, _>>().map(Self)
    }
}
