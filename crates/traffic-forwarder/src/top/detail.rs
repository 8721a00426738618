//! One session in full, laid out in lines of the screen.

use crate::console::screen::columns;
use crate::console::sessions::facts_of;
use api::Session;

/// The width of the name column, with the gap after it.
pub(super) const NAME: u16 = 12;

/// A fact, or a continuation line, whose name is empty.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) text: String,
    pub(super) is_verdict: bool,
}

/// All known facts of a session, wrapped at commas to `width` columns where possible.
pub(super) fn lines(session: &Session, width: u16) -> Vec<Line> {
    let exact = format!("{} B up, {} B down", session.up.bytes, session.down.bytes);
    let facts = facts_of(session).into_iter().chain([("bytes", exact)]);
    let lines = facts.flat_map(|(name, fact)| {
        let parts = wrapped(&plan::escaped(&fact), width.saturating_sub(NAME));
        parts.into_iter().enumerate().map(move |(index, text)| {
            let is_verdict = name == "verdict";
            Line { name: if index == 0 { name } else { "" }, text, is_verdict }
        })
    });
    lines.collect()
}

/// Wraps a comma-separated list.
fn wrapped(text: &str, width: u16) -> Vec<String> {
    let mut lines = vec![String::new()];
    for part in text.split_inclusive(", ") {
        let last = lines.last().map_or(0, |line| columns(line));
        if last > 0 && last + columns(part.trim_end()) > usize::from(width) {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(part);
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
        assert_eq!(lines(5), ["rtt 20us, ", "1 retransmit, ", "2 lost"]);
    }
}
