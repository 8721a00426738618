//! What is to be said about the conversion, and where its cause is written.

use std::fmt;
use std::sync::Arc;

/// A line of a foreign configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file's name as given.
    pub file: Arc<str>,
    /// From 1.
    pub line: u32,
}

impl Place {
    /// A line of a file, from 0 as iterators count.
    pub(crate) fn nth(file: &Arc<str>, index: usize) -> Self {
        let line = u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1);
        Self { file: Arc::clone(file), line }
    }
}

impl fmt::Display for Place {
    /// `file:line`, free of control characters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", plan::escaped(&self.file), self.line)
    }
}

/// How much a note matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something was left out.
    NotConverted,
    /// Nothing was left out that is needed here, but something is different.
    Differs,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotConverted => "not converted",
            Self::Differs => "note",
        })
    }
}

/// One thing to know about the conversion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// How much it matters.
    pub kind: Kind,
    /// Where its cause is written.
    pub place: Place,
    /// What it is and what it means; one line.
    pub message: String,
    /// What to do; one line.
    pub help: String,
}

impl fmt::Display for Note {
    /// As problems of a configuration are shown: what, where, and what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, place, message, help } = self;
        writeln!(f, "{kind}: {}\n --> {place}", plan::escaped(message))?;
        if help.is_empty() { Ok(()) } else { writeln!(f, "  = help: {}", plan::escaped(help)) }
    }
}

/// How many characters of foreign text a note repeats.
const QUOTED_MAX: usize = 80;

/// Foreign text for a note: in backquotes, and cut if it is long.
pub(crate) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_MAX) {
        None => format!("`{text}`"),
        Some((end, _)) => format!("`{}…`", text.get(..end).unwrap_or_default()),
    }
}
