//! The areas of the screen for each size of the terminal.

use ratatui::layout::Rect;

/// The minimum size. Smaller terminals show "too small".
const LEAST_WIDTH: u16 = 40;
const LEAST_HEIGHT: u16 = 10;
/// Terminals below this height omit the line of resource usage.
const HIGH: u16 = 20;

/// The areas of the screen from top to bottom; empty by default.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Layout {
    pub(super) totals: Rect,
    /// The list's name, sort order and filter.
    pub(super) title: Rect,
    pub(super) body: Rect,
    pub(super) message: Rect,
    pub(super) footer: Rect,
}

impl Layout {
    /// Returns `None` if the terminal is too small.
    pub(super) fn of(area: Rect, has_fleet: bool) -> Option<Self> {
        if area.width < LEAST_WIDTH || area.height < LEAST_HEIGHT {
            return None;
        }
        let usual = if area.height < HIGH { 4 } else { 5 };
        let totals = usual + u16::from(has_fleet);
        let body = area.height - totals - 3;
        let mut y = area.y;
        let mut lines = |height: u16| {
            let part = Rect { y, height, ..area };
            y += height;
            part
        };
        Some(Self {
            totals: lines(totals),
            title: lines(1),
            body: lines(body),
            message: lines(1),
            footer: lines(1),
        })
    }

    /// The same screen with or without a line for the fleet.
    pub(super) fn with_fleet(self, has_fleet: bool) -> Option<Self> {
        let height = self.footer.bottom() - self.totals.y;
        Self::of(Rect { height, ..self.totals }, has_fleet)
    }

    /// The number of list rows below the heading.
    pub(super) fn rows(self) -> usize {
        usize::from(self.body.height.saturating_sub(1))
    }

    /// The number of text lines in a box as high as the screen.
    pub(super) fn lines_in_box(self) -> usize {
        lines_in_box(self.footer.bottom() - self.totals.y).into()
    }
}

/// The height of a box without its border.
pub(super) fn lines_in_box(height: u16) -> u16 {
    height.saturating_sub(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_areas_fill_the_screen() {
        for (width, height) in [(80, 24), (120, 40), (60, 15), (40, 10), (500, 200)] {
            for has_fleet in [false, true] {
                let layout = Layout::of(Rect::new(0, 0, width, height), has_fleet).unwrap();
                let Layout { totals, title, body, message, footer } = layout;
                let mut next = 0;
                for part in [totals, title, body, message, footer] {
                    assert_eq!((part.y, part.width), (next, width));
                    next = part.bottom();
                }
                assert_eq!(next, height);
                assert!(layout.rows() >= 2 - usize::from(has_fleet));
                let other = layout.with_fleet(!has_fleet).unwrap();
                assert_eq!(other.rows() + 1 - 2 * usize::from(has_fleet), layout.rows());
            }
        }
        assert!(Layout::of(Rect::new(0, 0, 39, 24), false).is_none());
        assert!(Layout::of(Rect::new(0, 0, 80, 9), false).is_none());
    }
}
