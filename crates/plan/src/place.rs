//! Where something is written, and what is wrong with a piece of text.

use std::fmt;

use crate::escape::write_escaped;

/// The source name of everything that came from the command line.
pub const COMMAND_LINE: &str = "command line";

/// Where something is written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The file name as given, or [`COMMAND_LINE`].
    pub source: String,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
}

impl Place {
    /// Whether this is an argument, which has no lines worth counting.
    pub fn is_command_line(&self) -> bool {
        self.source == COMMAND_LINE
    }
}

impl fmt::Display for Place {
    /// `file:line:column`, or just [`COMMAND_LINE`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_escaped(f, &self.source)?;
        if self.is_command_line() { Ok(()) } else { write!(f, ":{}:{}", self.line, self.column) }
    }
}

/// What is wrong with a piece of text, before anyone knows where that piece stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The bytes of the piece that are to blame.
    pub(crate) span: std::ops::Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Fault {
    pub(crate) fn new(span: std::ops::Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same fault, seen from a text in which the piece starts at `offset`.
    pub(crate) fn shifted(mut self, offset: usize) -> Self {
        self.span = self.span.start + offset..self.span.end + offset;
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

impl std::error::Error for Fault {}
