//! Dialogs in front of the screen: help, sort menu, confirmation, filter input.

use super::{BOLD, REVERSED, cells, line, shown};
use crate::console::screen::{columns, cut};
use crate::top::keys::help;
use crate::top::layout::{Layout, lines_in_box};
use crate::top::model::{Act, Dialog, Model, Place, View};
use crate::top::scroll::Scroll;
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};

pub(super) fn draw(frame: &mut Frame<'_>, layout: Layout, model: &Model, dialog: &Dialog) {
    match dialog {
        Dialog::Help(scroll) => draw_help(frame, *scroll),
        Dialog::Filter(text) => draw_input(frame, layout, text, filtered(model.view)),
        Dialog::Sort(place) => {
            draw_box(frame, " Sort by ", sort_lines(model.sorts().0, *place), 0);
        }
        Dialog::Confirm(act) => draw_box(frame, " Confirm ", question(act), 0),
    }
}

/// If the help does not fit, the title shows the scroll position.
fn draw_help(frame: &mut Frame<'_>, scroll: Scroll) {
    let lines = help_lines();
    let scroll = scroll.fitted(lines.len(), lines_in_box(frame.area().height).into());
    let title = scroll.place().map_or_else(
        || " Help: any key closes it ".to_owned(),
        |place| format!(" Help {place}: Esc closes it "),
    );
    draw_box(frame, &title, lines, scroll.shown().start);
}

fn help_lines() -> Vec<Line<'static>> {
    let row = |(keys, meaning)| {
        Line::from(vec![Span::styled(format!("{keys:10}"), BOLD), Span::raw(meaning)])
    };
    help().map(row).collect()
}

fn sort_lines(words: &[&'static str], place: usize) -> Vec<Line<'static>> {
    let row = |(index, word): (usize, &&'static str)| {
        let line = Line::from(format!(" {word:16}"));
        if index == place { line.style(REVERSED) } else { line }
    };
    words.iter().enumerate().map(row).collect()
}

/// Names the operation and its object, so that a confirmation cannot hit the wrong one.
fn question(act: &Act) -> Vec<Line<'static>> {
    let name = |name: &str| cut(&shown(name), 40);
    let named = |Place { forward, target }: &Place| match target {
        Some(address) => format!("{} of {}", name(address), name(forward)),
        None => name(forward),
    };
    let lines = match act {
        Act::Kill { id, forward, client } => vec![
            format!("Kill session {id} of {}?", name(forward)),
            format!("Its client {} and its target get a reset.", name(client)),
        ],
        Act::Drain(place) => vec![
            format!("Drain {}?", named(place)),
            "It takes no new sessions; open ones continue.".to_owned(),
        ],
        Act::Resume(place) => {
            vec![format!("Resume {}?", named(place)), "It takes new sessions again.".to_owned()]
        }
    };
    let answers = [String::new(), "y yes   any other key no".to_owned()];
    lines.into_iter().chain(answers).map(Line::from).collect()
}

/// Draws a centred box, as large as its text needs and the screen allows, from line `skipped` on.
fn draw_box(frame: &mut Frame<'_>, title: &str, lines: Vec<Line<'static>>, skipped: usize) {
    let screen = frame.area();
    let widest = lines.iter().map(Line::width).chain([title.len()]).max().unwrap_or(0);
    let width = cells(widest + 4, screen.width);
    let height = cells(lines.len() + 2, screen.height);
    let area = Rect {
        x: screen.x + (screen.width - width) / 2,
        y: screen.y + (screen.height - height) / 2,
        width,
        height,
    };
    let inside = Rect {
        x: area.x + 2,
        y: area.y + 1,
        width: width.saturating_sub(4),
        height: lines_in_box(height),
    };
    let skipped = cells(skipped, u16::MAX);
    frame.render_widget(Clear, area);
    frame.render_widget(Block::bordered().title(title), area);
    frame.render_widget(Paragraph::new(lines).scroll((skipped, 0)), inside);
}

/// What the filter of a view takes.
fn filtered(view: View) -> &'static str {
    match view {
        View::Sessions => "forward, or client: 10.0.0.7, 10.0.0.0/8, 10.0.",
        _ => "a part of the forward's name",
    }
}

/// Draws the filter input over the footer, with the cursor after the text.
fn draw_input(frame: &mut Frame<'_>, layout: Layout, text: &str, what: &str) {
    const PROMPT: &str = "Filter: ";
    let text = format!("{PROMPT}{}", shown(text));
    let at = cells(columns(&text), layout.footer.width - 1);
    frame.render_widget(Clear, layout.footer);
    let hint = Span::raw(format!("   {what}   Enter: apply   Esc: cancel"));
    line(frame, layout.footer, Line::from(vec![Span::styled(text, BOLD), hint]));
    frame.set_cursor_position(Position { x: layout.footer.x + at, y: layout.footer.y });
}
