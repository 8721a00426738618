//! Scrolling by keys, for lists and for texts longer than the screen.

use std::ops::Range;

/// A scroll command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
}

/// Scrollable content.
pub(super) trait Moves {
    fn height(&self) -> usize;

    /// Scrolls by `lines`, clamped to the content.
    fn step(&mut self, lines: isize);

    fn go(&mut self, to: Move) {
        let screen = self.height().cast_signed();
        self.step(match to {
            Move::Up => -1,
            Move::Down => 1,
            Move::PageUp => -screen,
            Move::PageDown => screen,
            Move::First => isize::MIN,
            Move::Last => isize::MAX,
        });
    }
}

/// The visible window of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Scroll {
    top: usize,
    lines: usize,
    height: usize,
}

impl Scroll {
    /// Fits the window to a text of `lines` lines on a screen of `height`. Leaves no empty lines
    /// while there is text above.
    pub(super) fn fitted(self, lines: usize, height: usize) -> Self {
        let top = self.top.min(lines.saturating_sub(height));
        Self { top, lines, height }
    }

    /// The visible lines, counted from 0.
    pub(super) fn shown(self) -> Range<usize> {
        self.top..self.lines.min(self.top + self.height)
    }

    /// `2-8 of 16`, or `None` if the whole text is visible.
    pub(super) fn place(self) -> Option<String> {
        let Range { start, end } = self.shown();
        (end - start < self.lines).then(|| format!("{}-{end} of {}", start + 1, self.lines))
    }
}

impl Moves for Scroll {
    fn height(&self) -> usize {
        self.height
    }

    fn step(&mut self, lines: isize) {
        self.top = self.top.saturating_add_signed(lines);
        *self = self.fitted(self.lines, self.height);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrolling_stops_at_both_ends() {
        let mut scroll = Scroll::default().fitted(10, 4);
        for (to, shown) in [
            (Move::Up, 0..4),
            (Move::Down, 1..5),
            (Move::PageDown, 5..9),
            (Move::PageDown, 6..10),
            (Move::Up, 5..9),
            (Move::PageUp, 1..5),
            (Move::Last, 6..10),
            (Move::First, 0..4),
        ] {
            scroll.go(to);
            assert_eq!(scroll.shown(), shown, "{to:?}");
        }
        assert_eq!(scroll.place().as_deref(), Some("1-4 of 10"));
    }

    #[test]
    fn a_resize_leaves_no_empty_lines() {
        let mut scroll = Scroll::default().fitted(10, 4);
        scroll.go(Move::Last);
        assert_eq!(scroll.fitted(10, 7).shown(), 3..10);
        assert_eq!(scroll.fitted(10, 2).shown(), 6..8, "the first line stays");
        assert_eq!(scroll.fitted(8, 4).shown(), 4..8);
        let whole = scroll.fitted(10, 10);
        assert_eq!((whole.shown(), whole.place()), (0..10, None));
        assert_eq!(scroll.fitted(0, 0).shown(), 0..0);
    }
}
