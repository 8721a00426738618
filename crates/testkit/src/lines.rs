//! The lines that a child process writes, collected in the background.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// The oldest lines beyond this many are forgotten.
const MAX_LINES: usize = 200_000;

#[derive(Clone, Debug, Default)]
pub(crate) struct Lines(Arc<Mutex<Collected>>);

#[derive(Debug, Default)]
struct Collected {
    lines: VecDeque<String>,
    /// The process has closed its end.
    ended: bool,
}

impl Lines {
    /// Reads `from` until its end, in a thread of its own.
    pub(crate) fn collect(from: impl Read + Send + 'static) -> Self {
        let lines = Self::default();
        let collecting = lines.clone();
        thread::spawn(move || collecting.run(BufReader::new(from)));
        lines
    }

    /// All lines so far.
    pub(crate) fn all(&self) -> Vec<String> {
        self.lock().lines.iter().cloned().collect()
    }

    /// The first line that satisfies `wanted`.
    pub(crate) fn find(&self, wanted: impl Fn(&str) -> bool) -> Option<String> {
        self.lock().lines.iter().find(|line| wanted(line)).cloned()
    }

    /// How many lines satisfy `wanted`.
    pub(crate) fn count(&self, wanted: impl Fn(&str) -> bool) -> usize {
        self.lock().lines.iter().filter(|line| wanted(line)).count()
    }

    /// Whether no further line will come.
    pub(crate) fn ended(&self) -> bool {
        self.lock().ended
    }

    fn run(&self, mut from: impl BufRead) {
        let mut line = Vec::new();
        while matches!(from.read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
            line.clear();
            let lines = &mut self.lock().lines;
            if lines.len() == MAX_LINES {
                lines.pop_front();
            }
            lines.push_back(text);
        }
        self.lock().ended = true;
    }

    fn lock(&self) -> MutexGuard<'_, Collected> {
        // A predicate of a test may panic under the lock; the lines are whole all the same.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
