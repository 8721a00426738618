//! The visible rows of the list of targets.

use super::{BOLD, Palette, REVERSED};
use crate::console::target_table::table;
use crate::top::list::List;
use crate::top::targets::TargetRow;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::time::SystemTime;

/// Draws the rows in the table of the command `targets`, as wide as the visible rows need: an address is
/// never cut.
pub(super) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    list: &List<TargetRow>,
    palette: Palette,
    now: SystemTime,
) {
    let (rows, chosen): (Vec<_>, Vec<_>) = list.shown().unzip();
    let rows: Vec<_> =
        rows.into_iter().flatten().map(|row| (row.forward.as_str(), &row.target)).collect();
    let styles = chosen.into_iter().map(|it| if it { REVERSED } else { Style::new() });
    let lines = table(&rows, Some(now)).lines(Some(area.width.into()));
    for ((area, parts), style) in area.rows().zip(lines).zip([BOLD].into_iter().chain(styles)) {
        let part = |(text, colour)| Span::styled(text, palette.style(colour));
        let line: Line<'_> = parts.into_iter().map(part).collect();
        frame.render_widget(line.style(style), area);
    }
}
