//! Compares two kernels by the transcripts of a program.

use crate::program::Program;
use std::fmt::Write as _;

/// Runs of a program on the real kernel, of which one must be like the simulated one. Only one is
/// needed, unless another process of this host interferes.
pub(crate) const TRIES: usize = 16;

/// Runs a program on a kernel, and returns its transcript.
pub(crate) trait Run: Fn(&Program) -> Vec<String> {}

impl<F: Fn(&Program) -> Vec<String>> Run for F {}

/// Two transcripts of one program.
pub(crate) struct Difference {
    pub(crate) program: Program,
    real: Vec<String>,
    simulated: Vec<String>,
}

impl Difference {
    /// The difference between two kernels in the results of a program, if there is any.
    pub(crate) fn of(program: &Program, real: &impl Run, simulated: &impl Run) -> Option<Self> {
        let simulated = simulated(program);
        let mut last = Vec::new();
        for _ in 0..TRIES {
            last = real(program);
            if last == simulated {
                return None;
            }
        }
        Some(Self { program: program.clone(), real: last, simulated })
    }

    /// The difference of a shorter program: operations are removed as long as one remains.
    pub(crate) fn shrunk(mut self, real: &impl Run, simulated: &impl Run) -> Self {
        self.keep_until_the_first();
        let mut size = self.program.ops().len() / 2;
        while size > 0 {
            let mut at = 0;
            while at < self.program.ops().len() {
                match Self::of(&self.program.without(at, size), real, simulated) {
                    Some(mut shorter) => {
                        shorter.keep_until_the_first();
                        self = shorter;
                    }
                    None => at += size,
                }
            }
            size /= 2;
        }
        self
    }

    /// Position of the first result that differs.
    fn first(&self) -> usize {
        let same = self.real.iter().zip(&self.simulated).take_while(|(one, other)| one == other);
        same.count()
    }

    /// Drops the operations behind the first difference.
    fn keep_until_the_first(&mut self) {
        let count = self.first() + 1;
        self.program = self.program.without(count, usize::MAX - count);
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        let ops = self.program.ops().iter().map(ToString::to_string);
        let ops = ops.chain(["at the end".to_owned()]);
        for (op, (real, simulated)) in ops.zip(self.real.iter().zip(&self.simulated)) {
            let _ = if real == simulated {
                writeln!(text, "{op} -> {real}")
            } else {
                writeln!(text, "{op} -> {real}, but simulated: {simulated}")
            };
        }
        f.write_str(&text)
    }
}
