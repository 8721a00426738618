//! Source texts: spans, locations, and excerpts that are safe to print.

use std::ops::Range;

use crate::escape::{escaped, push_escaped};
use crate::location::{COMMAND_LINE, Location, ParseError};

/// Characters of a line in an excerpt, before and after the start of the span.
const BEFORE_MAX: usize = 60;
const AFTER_MAX: usize = 80;

/// Characters of offending text in a message.
const QUOTED_MAX: usize = 60;

/// Maximum distance of two marks in bytes, so that finding a column never scans a huge line.
const MARK_EVERY: usize = 4096;

/// A source text: a file or an argument.
pub(crate) struct Source {
    name: String,
    text: String,
    marks: Vec<Mark>,
    /// Whether it follows the local texts in the order of problems.
    is_published: bool,
}

/// Line and column at one offset: a mark per line start, and more within long lines.
#[derive(Clone, Copy)]
struct Mark {
    offset: usize,
    line: u32,
    column: u32,
}

/// A byte range in a source.
#[derive(Clone)]
pub(crate) struct Span<'a> {
    pub(crate) source: &'a Source,
    pub(crate) range: Range<usize>,
}

/// Part of a text with its offset in the whole, for parsers that do not know the location of the
/// text. Errors refer to bytes of the whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fragment<'a> {
    pub(crate) text: &'a str,
    at: usize,
}

/// One line around a location, truncated and without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Excerpt {
    pub(crate) text: String,
    /// Bytes of `text` to underline.
    pub(crate) underlined: Range<usize>,
}

impl Source {
    pub(crate) fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { name: name.into(), marks: marks(&text), text, is_published: false }
    }

    /// A published text.
    pub(crate) fn published(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { is_published: true, ..Self::new(name, text) }
    }

    /// Place in the order of problems: the file, the command line, the published text.
    pub(crate) fn rank(&self) -> u8 {
        if self.is_published { 2 } else { u8::from(self.name == COMMAND_LINE) }
    }

    pub(crate) fn is_published(&self) -> bool {
        self.is_published
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The file name, or [`crate::COMMAND_LINE`].
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A span of this source; a range that does not fit is clamped.
    pub(crate) fn span(&self, range: Range<usize>) -> Span<'_> {
        let start = floor_boundary(&self.text, range.start);
        let end = floor_boundary(&self.text, range.end).max(start);
        Span { source: self, range: start..end }
    }

    /// The span of the whole text.
    pub(crate) fn all(&self) -> Span<'_> {
        self.span(0..self.text.len())
    }

    /// The line of a byte offset, from 1.
    pub(crate) fn line(&self, offset: usize) -> u32 {
        self.mark(offset).line
    }

    fn location(&self, offset: usize) -> Location {
        let mark = self.mark(offset);
        let chars = self.text.get(mark.offset..offset).map_or(0, |text| text.chars().count());
        Location {
            source: self.name.clone(),
            line: mark.line,
            column: mark.column.saturating_add(saturated(chars)),
        }
    }

    /// The last mark at or before an offset.
    fn mark(&self, offset: usize) -> Mark {
        let after = self.marks.partition_point(|mark| mark.offset <= offset);
        let start = Mark { offset: 0, line: 1, column: 1 };
        self.marks.get(after.saturating_sub(1)).copied().unwrap_or(start)
    }
}

/// Converts a number of lines or characters. It never saturates for files (`file.rs` asserts their
/// size), and locations in arguments are not displayed.
pub(crate) fn saturated(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl<'a> Span<'a> {
    /// The text in the span.
    pub(crate) fn text(&self) -> &'a str {
        self.source.text.get(self.range.clone()).unwrap_or_default()
    }

    /// A part of the span; `range` counts from its start.
    pub(crate) fn within(&self, range: &Range<usize>) -> Self {
        let end = self.range.end;
        let start = self.range.start.saturating_add(range.start).min(end);
        self.source.span(start..self.range.start.saturating_add(range.end).min(end))
    }

    pub(crate) fn location(&self) -> Location {
        self.source.location(self.range.start)
    }

    /// The line in which the span starts, truncated around it.
    pub(crate) fn excerpt(&self) -> Excerpt {
        let text = self.source.text();
        let (before, rest) = text.split_at(self.range.start);
        let before = before.rsplit('\n').next().unwrap_or_default();
        let rest = rest.split(['\n', '\r']).next().unwrap_or_default();
        let underlined = self.range.len().min(rest.len());

        let mut shown = String::new();
        let skipped =
            before.char_indices().rev().nth(BEFORE_MAX).map_or(0, |(at, c)| at + c.len_utf8());
        if skipped > 0 {
            shown.push('…');
        }
        push_escaped(&mut shown, before.get(skipped..).unwrap_or_default());
        let start = shown.len();
        let kept = rest.char_indices().nth(AFTER_MAX).map_or(rest.len(), |(at, _)| at);
        let (fragment, after) = rest.split_at(floor_boundary(rest, underlined.min(kept)));
        push_escaped(&mut shown, fragment);
        let end = shown.len();
        push_escaped(&mut shown, after.get(..kept - fragment.len()).unwrap_or_default());
        if kept < rest.len() {
            shown.push('…');
        }
        Excerpt { text: shown, underlined: start..end }
    }
}

impl<'a> Fragment<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// An error at this fragment.
    pub(crate) fn error(self, message: impl Into<String>) -> ParseError {
        ParseError::new(self.range(), message)
    }

    /// Byte range in the whole text.
    pub(crate) fn range(self) -> Range<usize> {
        self.at..self.at + self.text.len()
    }

    /// A part of this fragment; empty if the range does not fit.
    pub(crate) fn part(self, range: Range<usize>) -> Self {
        let at = self.at + range.start.min(self.text.len());
        Self { text: self.text.get(range).unwrap_or_default(), at }
    }

    pub(crate) fn strip_prefix(self, prefix: &str) -> Option<Self> {
        let text = self.text.strip_prefix(prefix)?;
        Some(Self { text, at: self.at + prefix.len() })
    }

    pub(crate) fn split_once(self, separator: char) -> Option<(Self, Self)> {
        self.text.find(separator).map(|at| self.split_around(at, separator))
    }

    pub(crate) fn rsplit_once(self, separator: char) -> Option<(Self, Self)> {
        self.text.rfind(separator).map(|at| self.split_around(at, separator))
    }

    fn split_around(self, at: usize, separator: char) -> (Self, Self) {
        let (before, after) = self.text.split_at(at);
        let skipped = separator.len_utf8();
        let after = after.get(skipped..).unwrap_or_default();
        (Self { text: before, at: self.at }, Self { text: after, at: self.at + at + skipped })
    }

    /// The fragment without surrounding white space.
    pub(crate) fn trimmed(self) -> Self {
        let text = self.text.trim_start();
        Self { text: text.trim_end(), at: self.at + (self.text.len() - text.len()) }
    }
}

fn marks(text: &str) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut line = 0u32;
    let mut start = 0;
    for content in text.split_inclusive('\n').chain(text.ends_with('\n').then_some("")) {
        line = line.saturating_add(1);
        let mut mark = Mark { offset: start, line, column: 1 };
        marks.push(mark);
        start += content.len();
        while start - mark.offset > MARK_EVERY {
            let next = floor_boundary(text, mark.offset + MARK_EVERY);
            let chars = text.get(mark.offset..next).map_or(0, |text| text.chars().count());
            mark.column = mark.column.saturating_add(saturated(chars));
            mark.offset = next;
            marks.push(mark);
        }
    }
    marks
}

/// The last character boundary at or before `offset`.
fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// Formats offending text for a message: in backquotes, escaped and truncated.
pub(crate) fn quoted(text: &str) -> String {
    format!("`{}`", cut(text))
}

/// Escapes and truncates offending text for an example.
pub(crate) fn cut(text: &str) -> String {
    let kept = text.char_indices().nth(QUOTED_MAX).map_or(text.len(), |(at, _)| at);
    let mut shown = escaped(text.get(..kept).unwrap_or_default());
    if kept < text.len() {
        shown.push('…');
    }
    shown
}

/// The closest word, if it is a likely misspelling.
pub(crate) fn nearest<'w>(text: &str, words: &[&'w str]) -> Option<&'w str> {
    // Comparing takes time proportional to both lengths, and a text this long is no misspelling.
    let words = words.iter().filter(|word| text.len() <= 2 * word.len());
    let near = words.map(|word| (strsim::damerau_levenshtein(text, word), *word));
    near.filter(|(edits, word)| *edits <= word.len().div_ceil(3)).min().map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_count_lines_and_characters() {
        let source = Source::new("f", "ab\ncé d\r\n\nx");
        let cases = [(0, 1, 1), (1, 1, 2), (2, 1, 3), (3, 2, 1), (4, 2, 2), (6, 2, 3), (10, 3, 1)];
        for (offset, line, column) in cases {
            let location = source.span(offset..offset).location();
            assert_eq!((location.line, location.column), (line, column), "{offset}");
        }
        // The middle of a character, and beyond the end.
        assert_eq!(source.span(5..5).location().column, 2);
        assert_eq!(source.span(99..100).location().line, 4);
        assert_eq!(Source::new("f", "a\n").span(2..2).location().line, 2);
    }

    #[test]
    fn columns_in_long_lines_are_exact() {
        let source = Source::new("f", format!("x\n{}", "éa".repeat(10_000)));
        for chars in [0, 1, 4095, 4096, 4097, 12_345, 19_999] {
            let offset = 2 + chars / 2 * 3 + chars % 2 * 2;
            let location = source.span(offset..offset).location();
            assert_eq!((location.line, location.column as usize), (2, chars + 1));
        }
    }

    #[test]
    fn excerpts_are_truncated_around_the_span() {
        let source = Source::new("f", "\tab \u{1b}cd\nnext");
        let excerpt = source.span(2..6).excerpt();
        assert_eq!(excerpt.text, " ab \\u{1b}cd");
        assert_eq!(&excerpt.text[excerpt.underlined], "b \\u{1b}c");

        let source = Source::new("f", format!("{}é{}", "a".repeat(100), "b".repeat(100)));
        let excerpt = source.span(100..102).excerpt();
        assert_eq!(&excerpt.text[excerpt.underlined], "é");
        assert_eq!(excerpt.text, format!("…{}é{}…", "a".repeat(60), "b".repeat(79)));
        // A span over several lines is underlined to the end of the first.
        let source = Source::new("f", "ab\ncd");
        assert_eq!(source.all().excerpt().underlined, 0..2);
    }
}
