//! Properties of standard output and of standard error as terminals.

use rustix::termios::{Winsize, tcgetwinsize};
use std::io::{IsTerminal, stderr, stdout};
use std::os::fd::AsFd;
use unicode_width::UnicodeWidthChar;

/// The lines of a terminal that does not report them.
const USUAL_HEIGHT: usize = 24;

/// The state of a stream at one moment: a window may be resized.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    /// Columns and lines; `None` if the stream is not a terminal, or one of unknown width.
    pub(crate) size: Option<(usize, usize)>,
    pub(crate) colours: bool,
}

/// Colours from the terminal's own palette, so that they are legible on any background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Good,
    Notable,
    Bad,
}

/// The columns and lines that a terminal reports: 0 if unknown. Only the width is necessary.
fn size_of(size: Winsize) -> Option<(usize, usize)> {
    let [width, height] = [size.ws_col, size.ws_row].map(usize::from);
    (width > 0).then_some((width, if height > 0 { height } else { USUAL_HEIGHT }))
}

impl Screen {
    pub(crate) fn now() -> Self {
        Self::of(&stdout())
    }

    /// The state of standard error.
    pub(crate) fn of_errors() -> Self {
        Self::of(&stderr())
    }

    fn of(stream: &(impl IsTerminal + AsFd)) -> Self {
        let is_terminal = stream.is_terminal();
        let size = tcgetwinsize(stream).ok().and_then(size_of);
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let dumb = set("TERM").is_none_or(|term| term == "dumb");
        Self {
            size: size.filter(|_| is_terminal),
            colours: is_terminal && !dumb && set("NO_COLOR").is_none(),
        }
    }

    pub(crate) fn width(&self) -> Option<usize> {
        self.size.map(|(width, _)| width)
    }

    /// Colours the text, if colours are enabled.
    pub(crate) fn paint(&self, text: &str, colour: Option<Colour>) -> String {
        let code = match colour.filter(|_| self.colours) {
            None => return text.to_owned(),
            Some(Colour::Good) => 32,
            Some(Colour::Notable) => 33,
            Some(Colour::Bad) => 31,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// The display width of a text in terminal columns.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

fn columns_of(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// Truncates a text to at most `most` columns, with an ellipsis where it is cut.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if columns(text) <= most {
        return text.to_owned();
    }
    let mut left = most.saturating_sub(1);
    let fits = |c: &char| {
        let fits = columns_of(*c) <= left;
        left = left.saturating_sub(columns_of(*c));
        fits
    };
    let mut shown: String = text.chars().take_while(fits).collect();
    if most > 0 {
        shown.push('…');
    }
    shown
}

/// Like [`cut`], but keeps the beginning and the end.
pub(crate) fn cut_within(text: &str, most: usize) -> String {
    let back = most.saturating_sub(1) / 2;
    let mut left = back;
    let fits = |(_, c): &(usize, char)| {
        let fits = columns_of(*c) <= left;
        left = left.saturating_sub(columns_of(*c));
        fits
    };
    let end = text.char_indices().rev().take_while(fits).last().map_or("", |(at, _)| &text[at..]);
    if columns(text) <= most { text.to_owned() } else { cut(text, most - back) + end }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_without_lines_keeps_its_columns() {
        let size = |ws_col, ws_row| size_of(Winsize { ws_col, ws_row, ws_xpixel: 0, ws_ypixel: 0 });
        assert_eq!(size(80, 0), Some((80, 24)));
        assert_eq!(size(100, 30), Some((100, 30)));
        assert_eq!(size(0, 24), None);
    }

    #[test]
    fn a_text_is_cut_within() {
        let cases = [("short", 5, "short"), ("longer", 5, "lo…er"), ("ab", 1, "…"), ("ab", 0, "")];
        for (text, most, expected) in cases {
            assert_eq!(cut_within(text, most), expected);
        }
    }

    #[test]
    fn text_is_cut_by_columns_not_by_characters() {
        let cases = [("short", 5, "short"), ("longer", 5, "long…"), ("数据库", 5, "数据…")];
        for (text, most, expected) in cases {
            assert_eq!(cut(text, most), expected);
        }
        assert_eq!(cut("数据库", 4), "数…");
        assert_eq!(cut("text", 0), "");
    }
}
