//! The visible rows of a list.

use super::{BOLD, Palette, REVERSED, line, shown};
use crate::console::screen::{columns as width_of, cut};
use crate::top::columns::{Cell, Column, GAP, fitting};
use crate::top::list::List;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

pub(super) fn draw<T>(
    frame: &mut Frame<'_>,
    area: Rect,
    list: &List<T>,
    columns: &[Column<T>],
    palette: Palette,
) {
    let columns = fitting(columns, area.width, list.sort());
    let mut lines = area.rows();
    if let Some(area) = lines.next() {
        line(frame, area, heads(&columns, list.sort()));
    }
    for (area, (row, is_chosen)) in lines.zip(list.shown()) {
        let style = if is_chosen { REVERSED } else { Style::new() };
        frame.render_widget(cells(row, &columns, palette).style(style), area);
    }
}

fn heads<T>(columns: &[(&Column<T>, u16)], sort: &str) -> Line<'static> {
    let head = |(column, width): &(&Column<T>, u16)| {
        let underlined = BOLD.add_modifier(Modifier::UNDERLINED);
        let style = if column.is_sorted_by(sort) { underlined } else { BOLD };
        padded(column.is_text, *width, column.head, style)
    };
    joined(columns.iter().map(head))
}

/// An ellipsis stands for a row that has not been received yet.
fn cells<T>(row: Option<&T>, columns: &[(&Column<T>, u16)], palette: Palette) -> Line<'static> {
    let Some(row) = row else { return Line::from("…") };
    let cell = |(column, width): &(&Column<T>, u16)| {
        let (text, colour): Cell = (column.cell)(row);
        padded(column.is_text, *width, &shown(&text), palette.style(colour))
    };
    joined(columns.iter().map(cell))
}

/// Only the text is styled: an underlined heading must not underline its padding.
fn padded(is_text: bool, width: u16, text: &str, style: Style) -> [Span<'static>; 2] {
    let text = cut(text, usize::from(width));
    let padding = Span::raw(" ".repeat(usize::from(width) - width_of(&text)));
    let text = Span::styled(text, style);
    if is_text { [text, padding] } else { [padding, text] }
}

fn joined(cells: impl Iterator<Item = [Span<'static>; 2]>) -> Line<'static> {
    let mut line = Line::default();
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            line.push_span(" ".repeat(usize::from(GAP)));
        }
        line.extend(cell);
    }
    line
}
