//! Programs with their results, from the files of `programs`.
//!
//! A program begins with a comment that says what it shows. Each of its lines is an operation and its
//! result: `send C0 5 -> 5`. An empty line ends it.

use crate::program::Program;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A program and the results that it must have.
pub(crate) struct Fact {
    pub(crate) title: String,
    pub(crate) program: Program,
    pub(crate) results: Vec<String>,
}

impl Fact {
    /// Whether the simulated kernel differs on purpose. The documentation of `testkit::sim` says why.
    pub(crate) fn is_of_linux_only(&self) -> bool {
        self.title.starts_with("Linux only")
    }
}

pub(crate) fn files() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernel_model/programs");
    let entries = std::fs::read_dir(directory).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

pub(crate) fn read(file: &Path) -> Vec<Fact> {
    let text = std::fs::read_to_string(file).unwrap();
    text.split("\n\n").filter(|block| !block.trim().is_empty()).map(fact).collect()
}

fn fact(block: &str) -> Fact {
    let (comments, lines): (Vec<_>, Vec<_>) = block.lines().partition(|line| line.starts_with('#'));
    let title: Vec<_> = comments.iter().map(|line| line.trim_start_matches(['#', ' '])).collect();
    let (mut ops, mut results) = (Vec::new(), Vec::new());
    for line in lines {
        let (op, result) = line.split_once(" -> ").unwrap_or((line, ""));
        ops.push(op.parse().unwrap_or_else(|()| panic!("no operation: {op}")));
        results.push(result.to_owned());
    }
    Fact { title: title.join(" "), program: Program::new(ops), results }
}

/// Writes programs with new results into their file.
pub(crate) fn write(file: &Path, facts: &[Fact]) {
    let mut text = String::new();
    for Fact { title, program, results } in facts {
        if !text.is_empty() {
            text.push('\n');
        }
        for line in wrapped(title) {
            let _ = writeln!(text, "# {line}");
        }
        text.push_str(&program.with(results));
    }
    std::fs::write(file, text).unwrap();
}

/// The words of a text in lines of up to 100 characters.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is a first line");
        if line.len() + word.len() >= 98 {
            lines.push(word.to_owned());
        } else {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        }
    }
    lines
}
