//! One session or target in full, laid out in lines of the screen.

use super::targets::{self, TargetRow};
use crate::console::screen::Colour;
use crate::console::wrap::{LongWord, wrapped};
use crate::console::{session_table, sessions, target_table};
use api::Session;

/// The width of the name column, with the gap after it.
pub(super) const NAME: u16 = 12;

/// A fact, or a continuation line, whose name is empty.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) text: String,
    pub(super) colour: Option<Colour>,
}

/// All known facts of a session.
pub(super) fn of_session(session: &Session, width: u16) -> Vec<Line> {
    let exact = format!("{} B up, {} B down", session.up.bytes, session.down.bytes);
    let facts = sessions::facts_of(session).into_iter().chain([("bytes", exact)]);
    lines(facts, width, |name| session_table::colour(session).filter(|_| name == "verdict"))
}

/// All known facts of a target.
pub(super) fn of_target(row: &TargetRow, width: u16) -> Vec<Line> {
    let colour = target_table::colour(&row.target.state);
    lines(targets::facts_of(row), width, |name| (name == "state").then_some(colour))
}

/// Facts as lines of at most `width` columns, in the colours of their names.
fn lines(
    facts: impl IntoIterator<Item = (&'static str, String)>,
    width: u16,
    colour: impl Fn(&str) -> Option<Colour>,
) -> Vec<Line> {
    let lines = facts.into_iter().flat_map(|(name, fact)| {
        let colour = colour(name);
        let width = width.saturating_sub(NAME).into();
        let parts = wrapped(&plan::escaped(&fact), width, width, LongWord::Broken);
        parts.into_iter().enumerate().map(move |(index, text)| {
            let name = if index == 0 { name } else { "" };
            Line { name, text, colour }
        })
    });
    lines.collect()
}
