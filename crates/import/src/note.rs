//! Notes about the conversion, with their locations.

use std::collections::{HashMap, HashSet};
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

/// Importance of a note, the highest one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoteKind {
    /// A setting was left out.
    NotConverted,
    /// Nothing needed was left out, but the behaviour differs.
    Differs,
    /// A setting has no counterpart, and none is needed.
    Unneeded,
}

impl fmt::Display for NoteKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotConverted => "not converted",
            Self::Differs | Self::Unneeded => "note",
        })
    }
}

/// A message about the conversion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Importance of the note.
    pub kind: NoteKind,
    /// First line that caused it.
    pub place: SourcePlace,
    /// Number of further lines that caused it.
    pub further: usize,
    /// The setting and its consequence, on one line.
    pub message: String,
    /// Advice, on one line.
    pub help: String,
}

impl fmt::Display for Note {
    /// Formats the note like a problem of a configuration: message, location and advice.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, message, help, .. } = self;
        writeln!(f, "{kind}: {}\n --> {}", plan::escaped(message), self.lines())?;
        if help.is_empty() { Ok(()) } else { writeln!(f, "  = help: {}", plan::escaped(help)) }
    }
}

impl Note {
    /// The first line, and the number of the others.
    pub(crate) fn lines(&self) -> String {
        match self.further {
            0 => self.place.to_string(),
            further => format!("{} and {}", self.place, plan::counted(further, "more line")),
        }
    }
}

/// Merges notes that differ in nothing but their lines, and sorts them by importance.
pub(crate) fn merged(notes: impl IntoIterator<Item = Note>) -> Vec<Note> {
    let mut merged: Vec<Note> = Vec::new();
    let (mut known, mut lines) = (HashMap::new(), HashSet::new());
    for note in notes {
        let next = merged.len();
        let nth =
            *known.entry((note.kind, note.message.clone(), note.help.clone())).or_insert(next);
        let is_new = lines.insert((nth, Arc::clone(&note.place.file), note.place.line));
        match merged.get_mut(nth) {
            None => merged.push(note),
            Some(first) => first.further += note.further + usize::from(is_new),
        }
    }
    merged.sort_by_key(|note| note.kind);
    merged
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
