//! Locations in the configuration, and errors of its parsers.

use std::fmt;

use crate::escape::write_escaped;

/// The source name for command-line arguments.
pub const COMMAND_LINE: &str = "command line";

/// A position in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Location {
    /// The file name as given, or [`COMMAND_LINE`].
    pub source: String,
    /// Line number, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Location {
    /// Whether this is an argument; its line and column are not displayed.
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

/// Error of a parser, with a byte range relative to the parsed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Byte range of the error.
    pub(crate) range: std::ops::Range<usize>,
    /// The error, on one line.
    pub message: String,
    /// How to fix it, if known.
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

    /// Replaces the hint, if `hint` is one.
    pub(crate) fn hint_if(self, hint: Option<String>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }

    /// The same error, relative to a text that contains the parsed one at `offset`.
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
