//! What stands where, for each size of the terminal.

use ratatui::layout::Rect;

/// Smaller terminals show nothing but that they are too small.
const LEAST_WIDTH: u16 = 40;
const LEAST_HEIGHT: u16 = 10;
/// Lower ones do without the line of what the process uses.
const HIGH: u16 = 20;

/// The parts of the screen, from the top. By default there is no screen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Layout {
    pub(super) totals: Rect,
    /// What is shown below, how it is sorted and filtered.
    pub(super) title: Rect,
    pub(super) body: Rect,
    pub(super) message: Rect,
    pub(super) footer: Rect,
}

impl Layout {
    /// `None` if the terminal is too small.
    pub(super) fn of(area: Rect) -> Option<Self> {
        if area.width < LEAST_WIDTH || area.height < LEAST_HEIGHT {
            return None;
        }
        let totals = if area.height < HIGH { 4 } else { 5 };
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

    /// The rows of a list, below its heading.
    pub(super) fn rows(self) -> usize {
        usize::from(self.body.height.saturating_sub(1))
    }

    /// The lines of a box in front of all of it, as high as the screen.
    pub(super) fn lines_in_box(self) -> usize {
        lines_in_box(self.footer.bottom() - self.totals.y).into()
    }
}

/// What a box of this height has inside of its border.
pub(super) fn lines_in_box(height: u16) -> u16 {
    height.saturating_sub(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_fill_the_screen() {
        for (width, height) in [(80, 24), (120, 40), (60, 15), (40, 10), (500, 200)] {
            let layout = Layout::of(Rect::new(0, 0, width, height)).unwrap();
            let Layout { totals, title, body, message, footer } = layout;
            let mut next = 0;
            for part in [totals, title, body, message, footer] {
                assert_eq!((part.y, part.width), (next, width));
                next = part.bottom();
            }
            assert_eq!(next, height);
            assert!(layout.rows() >= 2);
        }
        assert!(Layout::of(Rect::new(0, 0, 39, 24)).is_none());
        assert!(Layout::of(Rect::new(0, 0, 80, 9)).is_none());
    }
}
