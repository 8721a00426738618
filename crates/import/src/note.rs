//! Notes about the conversion, with their locations.

use std::fmt;
use std::sync::Arc;

/// A line of a foreign configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcePlace {
    /// File name as given.
    pub file: Arc<str>,
    /// Line number, from 1.
    pub line: u32,
}

impl SourcePlace {
    /// The line at an index from 0.
    pub(crate) fn nth(file: &Arc<str>, index: usize) -> Self {
        Self { file: Arc::clone(file), line: lines(index).saturating_add(1) }
    }
}

/// A count of lines, as they are shown. Saturates: a text with more is larger than 4 GiB.
pub(crate) fn lines(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl fmt::Display for SourcePlace {
    /// `file:line`, free of control characters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", plan::escaped(&self.file), self.line)
    }
}

/// Importance of a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteKind {
    /// A setting was left out.
    NotConverted,
    /// Nothing needed was left out, but the behaviour differs.
    Differs,
}

impl fmt::Display for NoteKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotConverted => "not converted",
            Self::Differs => "note",
        })
    }
}

/// A message about the conversion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Importance of the note.
    pub kind: NoteKind,
    /// Line that caused it.
    pub place: SourcePlace,
    /// The setting and its consequence, on one line.
    pub message: String,
    /// Advice, on one line.
    pub help: String,
}

impl fmt::Display for Note {
    /// Formats the note like a problem of a configuration: message, location and advice.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, place, message, help } = self;
        writeln!(f, "{kind}: {}\n --> {place}", plan::escaped(message))?;
        if help.is_empty() { Ok(()) } else { writeln!(f, "  = help: {}", plan::escaped(help)) }
    }
}

/// Characters of foreign text repeated in a note.
const QUOTED_MAX: usize = 80;

/// Foreign text for a note: in backquotes, and cut if it is long.
pub(crate) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_MAX) {
        None => format!("`{text}`"),
        Some((end, _)) => format!("`{}…`", text.get(..end).unwrap_or_default()),
    }
}
