//! One session or target in full, laid out in lines of the screen.

use super::targets::{self, TargetRow};
use crate::console::screen::{Colour, columns};
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
        let parts = wrapped(&plan::escaped(&fact), width.saturating_sub(NAME));
        parts.into_iter().enumerate().map(move |(index, text)| {
            let name = if index == 0 { name } else { "" };
            Line { name, text, colour }
        })
    });
    lines.collect()
}

/// Wraps a text after commas, and what is longer between two of them after spaces or, if it has none,
/// anywhere: nothing is cut.
fn wrapped(text: &str, width: u16) -> Vec<String> {
    let width = usize::from(width.max(1));
    let fits = |part: &str| columns(part.trim_end()) <= width;
    let clauses = text.split_inclusive(", ").flat_map(|clause| {
        if fits(clause) { vec![clause] } else { clause.split_inclusive(' ').collect() }
    });
    let mut lines = vec![String::new()];
    for part in clauses {
        let last = lines.last().map_or(0, |line| columns(line));
        if last > 0 && last + columns(part.trim_end()) > width {
            lines.push(String::new());
        }
        for c in part.chars() {
            let is_full = |line: &String| {
                c != ' ' && columns(line) + columns(c.encode_utf8(&mut [0; 4])) > width
            };
            if lines.last().is_some_and(is_full) {
                lines.push(String::new());
            }
            if let Some(line) = lines.last_mut() {
                line.push(c);
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_facts_are_wrapped_after_commas() {
        let lines = |width| wrapped("rtt 20us, 1 retransmit, 2 lost", width);
        assert_eq!(lines(80), ["rtt 20us, 1 retransmit, 2 lost"]);
        assert_eq!(lines(24), ["rtt 20us, 1 retransmit, ", "2 lost"]);
        assert_eq!(lines(14), ["rtt 20us, ", "1 retransmit, ", "2 lost"]);
        assert_eq!(lines(5), ["rtt ", "20us, ", "1 ", "retra", "nsmit", ", 2 ", "lost"]);
    }
}
