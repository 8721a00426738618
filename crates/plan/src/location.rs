//! Where something is written, and what is wrong with a piece of text.

use std::fmt;

use crate::escape::write_escaped;

/// The source name of everything that came from the command line.
pub const COMMAND_LINE: &str = "command line";

/// Where something is written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Location {
    /// The file name as given, or [`COMMAND_LINE`].
    pub source: String,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
}

impl Location {
    /// Whether this is an argument, which has no lines worth counting.
    pub fn is_command_line(&self) -> bool {
        self.source == COMMAND_LINE
    }
}

impl fmt::Display for Location {
    /// `file:line:column`, or just [`COMMAND_LINE`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_escaped(f, &self.source)?;
        if self.is_command_line() { Ok(()) } else { write!(f, ":{}:{}", self.line, self.column) }
    }
}

/// What is wrong with a piece of text, before anyone knows where that piece stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The bytes of the piece that are to blame.
    pub(crate) range: std::ops::Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl ParseError {
    pub(crate) fn new(range: std::ops::Range<usize>, message: impl Into<String>) -> Self {
        Self { range, message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same fault, seen from a text in which the piece starts at `offset`.
    pub(crate) fn shifted(mut self, offset: usize) -> Self {
        self.range = self.range.start + offset..self.range.end + offset;
        self
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

impl std::error::Error for ParseError {}
