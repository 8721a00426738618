//! What the same keys move: the lists, and texts that may be longer than the screen.

use std::ops::Range;

/// Where to, by one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
}

/// Lines of which so many fit on the screen.
pub(super) trait Moves {
    fn height(&self) -> usize;

    /// Goes so many lines on, and no further than there are some.
    fn step(&mut self, lines: isize);

    fn go(&mut self, to: Move) {
        let screen = isize::try_from(self.height()).unwrap_or(isize::MAX);
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

/// Which lines of a text are on the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Scroll {
    top: usize,
    lines: usize,
    height: usize,
}

impl Scroll {
    /// The same place in a text of so many lines, on a screen of another height. No line of the
    /// screen stays empty as long as there are lines above.
    pub(super) fn fitted(self, lines: usize, height: usize) -> Self {
        let top = self.top.min(lines.saturating_sub(height));
        Self { top, lines, height }
    }

    /// The lines that are shown, counted from 0.
    pub(super) fn shown(self) -> Range<usize> {
        self.top..self.lines.min(self.top + self.height)
    }

    /// `2-8 of 16`, unless all of them are shown.
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
    fn a_text_is_shown_from_its_first_line_to_its_last_and_no_further() {
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
    fn another_size_leaves_no_empty_lines() {
        let mut scroll = Scroll::default().fitted(10, 4);
        scroll.go(Move::Last);
        assert_eq!(scroll.fitted(10, 7).shown(), 3..10);
        assert_eq!(scroll.fitted(10, 2).shown(), 6..8, "the first line stays the first");
        assert_eq!(scroll.fitted(8, 4).shown(), 4..8);
        let whole = scroll.fitted(10, 10);
        assert_eq!((whole.shown(), whole.place()), (0..10, None));
        assert_eq!(scroll.fitted(0, 0).shown(), 0..0);
    }
}
