//! The visible lines of one session.

use super::{BOLD, Palette, line};
use crate::console::sessions::colour;
use crate::top::detail::{NAME, lines};
use crate::top::scroll::Scroll;
use api::Session;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Draws the lines and returns the scroll position fitted to them: after a resize, the model's
/// position is that of the previous size.
pub(super) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    session: &Session,
    scroll: Scroll,
    palette: Palette,
) -> Scroll {
    let lines = lines(session, area.width);
    let scroll = scroll.fitted(lines.len(), area.height.into());
    for (area, fact) in area.rows().zip(&lines[scroll.shown()]) {
        let style = palette.style(colour(session).filter(|_| fact.is_verdict));
        let name = format!("{:width$}", fact.name, width = usize::from(NAME));
        let spans = vec![Span::styled(name, BOLD), Span::styled(fact.text.as_str(), style)];
        line(frame, area, Line::from(spans));
    }
    scroll
}
