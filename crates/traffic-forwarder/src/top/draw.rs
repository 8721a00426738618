//! Draws the model.

mod details;
mod dialogs;
mod lists;
mod totals;

use super::keys::footer_of;
use super::layout::Layout;
use super::model::{Model, View};
use super::scroll::Scroll;
use super::targets::TargetRow;
use crate::console::screen::{Colour, cut};
use crate::console::{forward_table, session_table, target_table};
use api::TargetState;
use plan::counted;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use std::time::SystemTime;

/// The colour support of the terminal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Palette {
    pub(super) colours: bool,
}

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const REVERSED: Style = Style::new().add_modifier(Modifier::REVERSED);

impl Palette {
    /// Maps the colours of the command-line tables.
    fn style(self, colour: Option<Colour>) -> Style {
        match colour.filter(|_| self.colours) {
            None => Style::new(),
            Some(Colour::Good) => Style::new().fg(Color::Green),
            Some(Colour::Notable) => Style::new().fg(Color::Yellow),
            Some(Colour::Bad) => Style::new().fg(Color::Red),
        }
    }
}

/// Draws the whole screen.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, palette: Palette, now: SystemTime) {
    let area = frame.area();
    let Some(mut layout) = Layout::of(area, model.status.fleet.is_some()) else {
        return line(frame, Rect { height: area.height.min(1), ..area }, "too small");
    };
    totals::draw(frame, layout.totals, model, palette);
    line(frame, layout.title, title(model, palette));
    match model.view {
        View::Forwards => {
            let list = &model.forwards;
            let table = |rows: &[&_]| forward_table::table(rows, list.sort(), true);
            lists::draw(frame, layout.body, list, table, palette);
        }
        View::Sessions => {
            let list = &model.sessions;
            let table = |rows: &[&_]| session_table::table(rows, list.sort());
            lists::draw(frame, layout.body, list, table, palette);
        }
        View::Targets => {
            let list = &model.targets;
            let table = |rows: &[&TargetRow]| {
                let rows: Vec<_> = rows.iter().map(|row| (&*row.forward, &row.target)).collect();
                target_table::table(&rows, Some(now)).sorted_by(list.sort())
            };
            lists::draw(frame, layout.body, list, table, palette);
        }
        View::Session(_) | View::Target => {
            let lines = model.details(layout.body.width);
            let scroll = details::draw(frame, layout.body, &lines, model.detail, palette);
            layout.message = draw_place(frame, layout.message, scroll);
        }
    }
    let (message, is_red) = model.message(now);
    let style = palette.style(is_red.then_some(Colour::Bad));
    line(frame, layout.message, Span::styled(shown(&message), style));
    line(frame, layout.footer, footer(layout.footer.width));
    if let Some(dialog) = &model.dialog {
        dialogs::draw(frame, layout, model, dialog);
    }
}

/// Draws one line, clipped to its area.
fn line<'l>(frame: &mut Frame<'_>, area: Rect, line: impl Into<Line<'l>>) {
    let line = marked(line.into(), area.width);
    frame.render_widget(line, area);
}

/// The line, with an ellipsis where it does not fit.
fn marked(mut line: Line<'_>, width: u16) -> Line<'_> {
    let mut left = usize::from(width);
    if line.width() <= left {
        return line;
    }
    for span in &mut line.spans {
        let is_last = span.width() >= left;
        if is_last {
            let text = cut(&format!("{} ", span.content), left);
            *span = Span::styled(text, span.style);
        }
        left = if is_last { 0 } else { left - span.width() };
    }
    line.spans.retain(|span| !span.content.is_empty());
    line
}

/// Columns or lines that a text takes of the `room` there is.
fn cells(count: usize, room: u16) -> u16 {
    u16::try_from(count).map_or(room, |count| count.min(room))
}

/// Draws the scroll position at the end of a line, and returns the rest of the line.
fn draw_place(frame: &mut Frame<'_>, area: Rect, scroll: Scroll) -> Rect {
    let Some(place) = scroll.place() else { return area };
    let text = Line::styled(format!(" lines {place}"), BOLD);
    let width = cells(text.width(), area.width);
    let rest = area.width - width;
    line(frame, Rect { x: area.x + rest, width, ..area }, text);
    Rect { width: rest, ..area }
}

/// Escapes control characters in text of foreign origin.
fn shown(text: &str) -> String {
    plan::escaped(text)
}

/// The title line: all lists, which one is shown, its sort order and filter.
fn title(model: &Model, palette: Palette) -> Line<'static> {
    let tab = |name: String, is_shown: bool| {
        Span::styled(format!(" {name} "), if is_shown { REVERSED } else { Style::new() })
    };
    let forwards = tab(counted(model.status.forwards, "forward"), model.view == View::Forwards);
    let sessions = tab(counted(model.status.sessions, "session"), model.view == View::Sessions);
    // The status does not count them.
    let targets = match model.view {
        View::Targets if model.targets.filter().is_empty() => {
            counted(model.targets.total(), "target")
        }
        _ => "targets".to_owned(),
    };
    let targets = tab(targets, model.view == View::Targets);
    let mut spans = vec![forwards, Span::raw(" "), sessions, Span::raw(" "), targets];
    spans.push(Span::raw("  "));
    let (filter, total) = match model.view {
        View::Forwards => (model.forwards.filter(), model.forwards.total()),
        View::Sessions => (model.sessions.filter(), model.sessions.total()),
        View::Session(id) => {
            spans.push(Span::styled(format!("session {id}"), BOLD));
            return Line::from(spans);
        }
        View::Targets => (model.targets.filter(), model.targets.total()),
        View::Target => {
            spans.push(Span::styled("one target", BOLD));
            return Line::from(spans);
        }
    };
    spans.push(Span::raw(format!("by {}", model.sorts().1)));
    for state in [TargetState::Down, TargetState::Unreachable] {
        let count = model.targets.known().iter().filter(|row| row.target.state == state).count();
        if model.view == View::Targets && count > 0 {
            let text = format!("  {count} {}", state.as_str());
            spans.push(Span::styled(text, palette.style(Some(Colour::Bad))));
        }
    }
    if !filter.is_empty() {
        let filter = cut(&shown(filter), 40);
        spans.push(Span::styled(format!("  {total} with \"{filter}\""), BOLD));
    }
    Line::from(spans)
}

fn footer(width: u16) -> Line<'static> {
    let label = |(key, label): (&'static str, &'static str)| {
        [Span::styled(key, BOLD), Span::styled(label, REVERSED), Span::raw(" ")]
    };
    let mut spans: Vec<_> = footer_of(width.into()).flat_map(label).collect();
    // The space behind the last one.
    spans.pop();
    Line::from(spans)
}

#[cfg(test)]
mod tests;
