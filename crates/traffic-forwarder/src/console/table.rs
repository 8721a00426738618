//! Tables of aligned columns.

use crate::console::screen::{Colour, Screen, columns, cut};
use std::fmt::Write as _;

const GAP: &str = "  ";
/// Text columns are not narrowed below this width.
const NARROWEST: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Align {
    /// Text, which may be truncated.
    Left,
    /// Numbers, which are never truncated.
    Right,
}

/// A column heading with its alignment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column(&'static str, Align);

pub(crate) const fn text(head: &'static str) -> Column {
    Column(head, Align::Left)
}

pub(crate) const fn number(head: &'static str) -> Column {
    Column(head, Align::Right)
}

/// The content of one cell, with control characters escaped.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    colour: Option<Colour>,
}

impl Cell {
    pub(crate) fn coloured(text: impl AsRef<str>, colour: Option<Colour>) -> Self {
        Self { text: plan::escaped(text.as_ref()), colour }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::coloured(text, None)
    }
}

pub(crate) struct Table<const N: usize> {
    columns: [Column; N],
    rows: Vec<[Cell; N]>,
}

impl<const N: usize> Table<N> {
    pub(crate) fn new(columns: [Column; N], rows: impl Iterator<Item = [Cell; N]>) -> Self {
        Self { columns, rows: rows.collect() }
    }

    /// Renders the heading and the rows.
    pub(crate) fn render(&self, screen: &Screen) -> String {
        let widths = self.widths(screen.width());
        let head = self.columns.map(|column| Cell::from(column.0));
        let lines = std::iter::once(&head).chain(&self.rows);
        lines.map(|row| self.line(row, &widths, screen)).collect()
    }

    /// Column widths: those of the widest cells. If the terminal is too narrow, the widest text
    /// columns shrink first.
    fn widths(&self, most: Option<usize>) -> [usize; N] {
        let cells = |index: usize| self.rows.iter().map(move |row| columns(&row[index].text));
        let mut widths: [usize; N] = std::array::from_fn(|index| {
            cells(index).chain([columns(self.columns[index].0)]).max().unwrap_or(0)
        });
        let Some(most) = most else { return widths };
        let mut over =
            (widths.iter().sum::<usize>() + GAP.len() * N.saturating_sub(1)).saturating_sub(most);
        while over > 0 {
            let texts = (0..N).filter(|index| self.columns[*index].1 == Align::Left);
            let widest = texts.max_by_key(|index| widths[*index]);
            let Some(widest) = widest.filter(|index| widths[*index] > NARROWEST) else { break };
            widths[widest] -= 1;
            over -= 1;
        }
        widths
    }

    fn line(&self, row: &[Cell; N], widths: &[usize; N], screen: &Screen) -> String {
        let mut line = String::new();
        // Columns that still do not fit are dropped, so that no line wraps.
        let mut left = screen.width().unwrap_or(usize::MAX);
        for ((cell, width), column) in row.iter().zip(widths).zip(&self.columns) {
            let text = cut(&cell.text, *width);
            let padding = " ".repeat(width - columns(&text));
            let painted = screen.paint(&text, cell.colour);
            let gap = if line.is_empty() { "" } else { GAP };
            let Some(rest) = left.checked_sub(gap.len() + width) else { break };
            left = rest;
            line.push_str(gap);
            match column.1 {
                Align::Left => line.extend([painted, padding]),
                Align::Right => line.extend([padding, painted]),
            }
        }
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    }
}

/// Renders lines of a name and a text, with the texts aligned.
pub(crate) fn facts(facts: &[(&str, String)]) -> String {
    let width = facts.iter().map(|(name, _)| columns(name)).max().unwrap_or(0);
    facts.iter().fold(String::new(), |mut text, (name, fact)| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:width$}{GAP}{}", plan::escaped(fact));
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [text("NAME"), number("UP"), text("TARGET")];

    fn table() -> Table<3> {
        let rows = [["数据库", "12 MiB", "db.internal.example:5432"], ["web", "0 B", "w:80"]];
        Table::new(COLUMNS, rows.iter().map(|row| row.map(Cell::from)))
    }

    fn screen(width: Option<usize>, colours: bool) -> Screen {
        Screen { size: width.map(|width| (width, 24)), colours }
    }

    #[test]
    fn text_is_left_aligned_and_numbers_are_right_aligned() {
        let expected = "\
NAME        UP  TARGET
数据库  12 MiB  db.internal.example:5432
web        0 B  w:80
";
        assert_eq!(table().render(&screen(None, false)), expected);
    }

    #[test]
    fn the_widest_text_shrinks_and_no_line_is_wider_than_the_terminal() {
        let expected = "\
NAME        UP  TARGET
数据库  12 MiB  db.internal…
web        0 B  w:80
";
        assert_eq!(table().render(&screen(Some(28), false)), expected);
        for width in 0..40 {
            let shown = table().render(&screen(Some(width), false));
            assert!(shown.lines().all(|line| columns(line) <= width), "{width}:\n{shown}");
        }
    }

    #[test]
    fn colours_do_not_change_the_alignment_and_escapes_are_inert() {
        let row = [Cell::coloured("a\x1b[2J", Some(Colour::Bad)), "1".into(), "t".into()];
        let table = Table::new(COLUMNS, std::iter::once(row));
        let plain = table.render(&screen(None, false));
        assert!(!plain.contains('\x1b') && plain.contains(r"a\u{1b}[2J"), "{plain:?}");
        let painted = table.render(&screen(None, true));
        assert_eq!(painted.replace("\x1b[31m", "").replace("\x1b[0m", ""), plain);
        assert_ne!(painted, plain);
    }

    #[test]
    fn facts_are_aligned() {
        assert_eq!(facts(&[("a", "1".into()), ("long", "2".into())]), "a     1\nlong  2\n");
    }
}
