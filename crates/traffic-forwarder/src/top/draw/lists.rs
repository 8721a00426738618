//! The visible rows of a list, in the table of the command that lists the same.

use super::{BOLD, Palette, REVERSED, line};
use crate::console::table::{Lines, Part, Table};
use crate::top::list::List;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

/// Draws the rows as `table` shows them, as wide as the visible rows need: an address is never cut.
pub(super) fn draw<T, const N: usize>(
    frame: &mut Frame<'_>,
    area: Rect,
    list: &List<T>,
    table: impl Fn(&[&T]) -> Table<N>,
    palette: Palette,
) {
    let shown: Vec<_> = list.shown().collect();
    let known: Vec<_> = shown.iter().filter_map(|(row, _)| *row).collect();
    let mut lines = table(&known).lines(area.width.into()).into_iter();
    let head = lines.next().unwrap_or_default();
    let rows: Vec<_> =
        shown.iter().map(|(row, is_chosen)| (row.and_then(|_| lines.next()), *is_chosen)).collect();
    let below_head = usize::from(area.height).saturating_sub(head.len());
    let rows = from_the_first_that_fits(rows, below_head);
    let mut areas = area.rows();
    for (parts, area) in head.into_iter().zip(areas.by_ref()) {
        line(frame, area, joined(parts, palette).style(BOLD));
    }
    let lines = rows.into_iter().flat_map(|(lines, is_chosen)| {
        let style = if is_chosen { REVERSED } else { Style::new() };
        // An ellipsis stands for a row that has not been received yet.
        let lines = lines.map_or_else(
            || vec![Line::from("…")],
            |lines| lines.into_iter().map(|parts| joined(parts, palette)).collect(),
        );
        lines.into_iter().map(move |line| line.style(style))
    });
    for (area, line) in areas.zip(lines) {
        frame.render_widget(line, area);
    }
}

/// The rows without the first ones, if those would push the chosen row off a screen of this height: a row
/// may have several lines.
fn from_the_first_that_fits(
    mut rows: Vec<(Option<Lines>, bool)>,
    height: usize,
) -> Vec<(Option<Lines>, bool)> {
    let lines = |(lines, _): &(Option<Lines>, bool)| lines.as_ref().map_or(1, Vec::len);
    let Some(chosen) = rows.iter().position(|(_, is_chosen)| *is_chosen) else { return rows };
    let mut used: usize = rows[..=chosen].iter().map(lines).sum();
    let mut first = 0;
    while used > height && first < chosen {
        used -= lines(&rows[first]);
        first += 1;
    }
    rows.split_off(first)
}

fn joined(parts: Vec<Part>, palette: Palette) -> Line<'static> {
    let span = |part: Part| {
        let style = palette.style(part.colour);
        let underlined = style.add_modifier(Modifier::UNDERLINED);
        Span::styled(part.text, if part.is_sorted_by { underlined } else { style })
    };
    parts.into_iter().map(span).collect()
}
