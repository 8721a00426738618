//! The visible lines of one session or target.

use super::{BOLD, Palette, line};
use crate::top::detail::{Line as Fact, NAME};
use crate::top::scroll::Scroll;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Draws the lines and returns the scroll position fitted to them: after a resize, the model's
/// position is that of the previous size.
pub(super) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    lines: &[Fact],
    scroll: Scroll,
    palette: Palette,
) -> Scroll {
    let scroll = scroll.fitted(lines.len(), area.height.into());
    for (area, fact) in area.rows().zip(&lines[scroll.shown()]) {
        let name = format!("{:width$}", fact.name, width = usize::from(NAME));
        let text = Span::styled(fact.text.as_str(), palette.style(fact.colour));
        line(frame, area, Line::from(vec![Span::styled(name, BOLD), text]));
    }
    scroll
}
