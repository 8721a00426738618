//! One session in full, as the command `sessions ID` shows it.

use super::{BOLD, Palette, line, shown};
use crate::client::screen::columns;
use crate::client::sessions::{colour, facts_of};
use control::api::Session;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// The width of a fact's name, with the gap behind it.
const NAME: u16 = 12;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, session: Option<&Session>, palette: Palette) {
    let Some(session) = session else { return };
    let mut lines = area.rows();
    for (name, fact) in facts_of(session) {
        let is_verdict = name == "verdict";
        let style = palette.style(colour(session).filter(|_| is_verdict));
        for (index, part) in wrapped(&shown(&fact), area.width.saturating_sub(NAME)).enumerate() {
            let Some(area) = lines.next() else { return };
            let name = if index == 0 { name } else { "" };
            let name = Span::styled(format!("{name:width$}", width = usize::from(NAME)), BOLD);
            line(frame, area, Line::from(vec![name, Span::styled(part, style)]));
        }
    }
    if let Some(area) = lines.next() {
        let exact = format!("{} B up, {} B down", session.up.bytes, session.down.bytes);
        let name = Span::styled(format!("{:width$}", "bytes", width = usize::from(NAME)), BOLD);
        line(frame, area, Line::from(vec![name, Span::raw(exact)]));
    }
}

/// The parts of a list with commas, so many to a line as fit.
fn wrapped(text: &str, width: u16) -> impl Iterator<Item = String> {
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
    lines.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_facts_are_broken_behind_commas() {
        let lines = |width| wrapped("rtt 20us, 1 retransmit, 2 lost", width).collect::<Vec<_>>();
        assert_eq!(lines(80), ["rtt 20us, 1 retransmit, 2 lost"]);
        assert_eq!(lines(24), ["rtt 20us, 1 retransmit, ", "2 lost"]);
        assert_eq!(lines(5), ["rtt 20us, ", "1 retransmit, ", "2 lost"]);
    }
}
