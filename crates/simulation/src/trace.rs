//! The steps of a run as a hash, to compare two runs, and as text, to read one.

use crate::random::mix;
use flow::Time;
use std::fmt::Debug;

/// Set to print every step of a run.
const VARIABLE: &str = "SIMULATION_TRACE";

/// The steps so far.
pub(crate) struct Trace {
    hash: u64,
    is_printed: bool,
}

impl Trace {
    pub(crate) fn new() -> Self {
        Self { hash: 0, is_printed: std::env::var_os(VARIABLE).is_some() }
    }

    /// Adds a step: the acting part, its number, and the result.
    pub(crate) fn add(&mut self, now: Time, part: &str, number: u64, result: &dyn Debug) {
        let code = part.bytes().fold(number, |code, byte| code.rotate_left(8) ^ u64::from(byte));
        self.hash = mix(self.hash ^ mix(now.as_micros()) ^ code);
        if self.is_printed {
            print_line(now, part, number, result);
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }
}

#[expect(clippy::print_stderr, reason = "asked for by an environment variable")]
fn print_line(now: Time, part: &str, number: u64, result: &dyn Debug) {
    eprintln!("{:>14} {part} {number} {result:?}", now.as_micros());
}
