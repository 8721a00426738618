//! What a command says: one JSON object for programs, one line for people.

use std::io::Write;

use serde_json::Value;

/// The result of a client.
#[derive(Debug)]
pub(crate) struct Report {
    /// Report as JSON, for programs.
    pub(crate) json: Value,
    /// Report as one line, for a terminal.
    pub(crate) line: String,
    /// Whether all was well; decides the exit status.
    pub(crate) ok: bool,
}

impl Report {
    /// Prints it in one of its two forms.
    pub(crate) fn print(&self, json: bool) {
        if json { say(&self.json.to_string()) } else { say(&self.line) }
    }
}

/// Prints a line on standard output. A closed pipe is not an error.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// A line on standard error.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
