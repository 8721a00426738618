//! Tables of aligned columns.

use crate::console::screen::{Colour, Screen, columns, cut, cut_within};
use std::fmt::Write as _;

const GAP: &str = "  ";
/// Text columns are not narrowed below this width.
const NARROWEST: usize = 8;
/// Columns are dropped before text columns are narrowed below this width, unless a column has its own.
const COMFORTABLE: usize = 20;
/// The longest IPv6 address with its port. A longer address, such as a name, does not widen its column on a
/// narrow terminal.
const ADDRESS: usize = 47;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Align {
    Left,
    Right,
}

/// A column heading with its alignment, and what happens to the column on a narrow terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    head: &'static str,
    align: Align,
    shrinks: bool,
    /// A cell that is too long is followed by a line break.
    breaks: bool,
    /// Columns are dropped before this one is narrowed below this width.
    comfortable: usize,
    is_hidden: bool,
    /// Columns with the highest rank are dropped first; those with 0 last, from the right.
    rank: u8,
}

/// A column of text, which may be truncated.
pub(crate) const fn text(head: &'static str) -> Column {
    let shrinks = true;
    Column {
        head,
        align: Align::Left,
        shrinks,
        breaks: false,
        comfortable: COMFORTABLE,
        is_hidden: false,
        rank: 0,
    }
}

/// A column of text that means nothing if it is truncated. On a narrow terminal, the row of a very long one
/// goes on in the next line.
pub(crate) const fn address(head: &'static str) -> Column {
    Column { shrinks: false, breaks: true, ..text(head) }
}

/// A column of numbers, which are never truncated.
pub(crate) const fn number(head: &'static str) -> Column {
    Column { align: Align::Right, shrinks: false, ..text(head) }
}

impl Column {
    /// Drops the column on a narrow terminal, before those of a lower rank and with those of the same.
    pub(crate) const fn rank(self, rank: u8) -> Self {
        Self { rank, ..self }
    }

    /// Drops other columns before this one is narrowed below `width`.
    pub(crate) const fn comfortable(self, width: usize) -> Self {
        Self { comfortable: width, ..self }
    }

    /// Shows the column only if `is_shown`.
    pub(crate) const fn only_if(self, is_shown: bool) -> Self {
        Self { is_hidden: !is_shown, ..self }
    }
}

/// A part of a line in one colour: the text of a cell, or space.
pub(crate) type Part = (String, Option<Colour>);

/// Widths by column; `None` for a dropped one.
type Widths<const N: usize> = [Option<usize>; N];

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

/// How an address is shown that is wider than its column.
#[derive(Clone, Copy)]
enum Long {
    /// Whole; the row goes on in the next line.
    Broken,
    /// Its beginning and its end.
    Shortened,
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
        let line = |parts: Vec<Part>| {
            let parts = parts.into_iter().map(|(text, colour)| screen.paint(&text, colour));
            let line = parts.collect::<String>();
            line.trim_end().to_owned() + "\n"
        };
        let rows = self.rows(screen.width(), Long::Broken);
        rows.into_iter().flatten().map(line).collect()
    }

    /// The parts of the heading and of each row, in at most `most` columns. Of a very long address, the
    /// beginning and the end are shown.
    pub(crate) fn lines(&self, most: Option<usize>) -> Vec<Vec<Part>> {
        self.rows(most, Long::Shortened).into_iter().flatten().collect()
    }

    /// The lines of the heading and of each row.
    fn rows(&self, most: Option<usize>, long: Long) -> Vec<Vec<Vec<Part>>> {
        let widths = self.widths(most);
        let head = self.columns.map(|column| Cell::from(column.head));
        let rows = std::iter::once(&head).chain(&self.rows);
        rows.map(|row| self.row(row, &widths, most, long)).collect()
    }

    /// Column widths: those of the widest cells. If the terminal is too narrow, the widest text columns
    /// shrink first, and then columns are dropped by their ranks.
    fn widths(&self, most: Option<usize>) -> Widths<N> {
        let cells = |index: usize| self.rows.iter().map(move |row| columns(&row[index].text));
        let mut widths: Widths<N> = std::array::from_fn(|index| {
            let Column { head, is_hidden, .. } = self.columns[index];
            (!is_hidden).then(|| cells(index).chain([columns(head)]).max().unwrap_or(0))
        });
        let Some(most) = most else { return widths };
        if too_wide(&widths, most) > 0 {
            for (width, column) in widths.iter_mut().zip(&self.columns).filter(|(_, it)| it.breaks)
            {
                *width = width.map(|width| width.min(ADDRESS.max(column.head.len())));
            }
        }
        while too_wide(&self.shrunk(widths, most, |column| column.comfortable), most) > 0 {
            let shown = (0..N).filter(|index| widths[*index].is_some());
            let highest = shown.map(|index| self.columns[index].rank).max().unwrap_or(0);
            if highest == 0 {
                break;
            }
            for (width, column) in widths.iter_mut().zip(&self.columns) {
                *width = width.filter(|_| column.rank < highest);
            }
        }
        self.shrunk(widths, most, |_| NARROWEST)
    }

    /// These widths, with text columns as narrow as necessary, but not below their `floor`.
    fn shrunk(&self, mut widths: Widths<N>, most: usize, floor: fn(&Column) -> usize) -> Widths<N> {
        for _ in 0..too_wide(&widths, most) {
            let texts = widths.iter_mut().zip(&self.columns).filter(|(_, column)| column.shrinks);
            let texts = texts.filter_map(|(width, column)| Some((width.as_mut()?, floor(column))));
            let widest = texts.filter(|(width, floor)| **width > *floor);
            let Some((width, _)) = widest.max_by_key(|(width, _)| **width) else { break };
            *width -= 1;
        }
        widths
    }

    fn row(
        &self,
        row: &[Cell; N],
        widths: &Widths<N>,
        most: Option<usize>,
        long: Long,
    ) -> Vec<Vec<Part>> {
        let (mut lines, mut line): (Vec<Vec<Part>>, Vec<Part>) = Default::default();
        // Columns that still do not fit are left out, so that no line wraps.
        let mut left = most.unwrap_or(usize::MAX);
        for ((cell, width), column) in row.iter().zip(widths).zip(&self.columns) {
            let Some(width) = width else { continue };
            let gap = if line.is_empty() { "" } else { GAP };
            let Some(rest) = left.checked_sub(gap.len() + width) else { break };
            left = rest;
            line.push((gap.to_owned(), None));
            let text = match long {
                Long::Broken if column.breaks && columns(&cell.text) > *width => {
                    line.push((cell.text.clone(), cell.colour));
                    let indent = " ".repeat(most.unwrap_or_default() - left);
                    lines.push(std::mem::replace(&mut line, vec![(indent, None)]));
                    continue;
                }
                Long::Shortened if column.breaks => cut_within(&cell.text, *width),
                _ => cut(&cell.text, *width),
            };
            let padding = " ".repeat(width - columns(&text));
            let text = (text, cell.colour);
            match column.align {
                Align::Left => line.extend([text, (padding, None)]),
                Align::Right => line.extend([(padding, None), text]),
            }
        }
        // Nothing may have fitted behind a long address.
        if lines.is_empty() || line.len() > 1 {
            lines.push(line);
        }
        lines
    }
}

/// The columns by which a table of these widths exceeds `most`.
fn too_wide<const N: usize>(widths: &Widths<N>, most: usize) -> usize {
    let shown = || widths.iter().flatten();
    let gaps = GAP.len() * shown().count().saturating_sub(1);
    (shown().sum::<usize>() + gaps).saturating_sub(most)
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
    fn columns_are_dropped_by_rank_and_addresses_stay_whole() {
        let columns = [text("NAME"), address("TO"), number("A").rank(1), number("B").rank(2)];
        let columns = [&columns[..], &[text("STATE"), text("NEVER").only_if(false)]].concat();
        let columns: [Column; 6] = columns.try_into().unwrap();
        let row = ["web", "127.0.0.1:27101", "1000", "2000", "up", "x"].map(Cell::from);
        let table = Table::new(columns, std::iter::once(row));
        let shown = |width| table.render(&screen(width, false)).lines().nth(1).unwrap().to_owned();
        assert_eq!(shown(None), "web   127.0.0.1:27101  1000  2000  up");
        assert_eq!(shown(Some(40)), "web   127.0.0.1:27101  1000  2000  up");
        assert_eq!(shown(Some(39)), "web   127.0.0.1:27101  1000  up");
        assert_eq!(shown(Some(34)), "web   127.0.0.1:27101  1000  up");
        assert_eq!(shown(Some(33)), "web   127.0.0.1:27101  up");
    }

    #[test]
    fn the_row_of_a_very_long_address_goes_on_in_the_next_line() {
        let columns = [text("NAME"), address("TO"), text("STATE"), number("N").rank(1)];
        let long = format!("{}:5432", "x".repeat(60));
        let rows = [["web", "w:80", "up", "1"], ["db", &long, "down", "2"]];
        let table = Table::new(columns, rows.iter().map(|row| row.map(Cell::from)));
        let indent = " ".repeat(6 + ADDRESS);
        let place = " ".repeat(ADDRESS - 4);
        let head = " ".repeat(ADDRESS - 2);
        let expected = format!(
            "NAME  TO{head}  STATE  N\nweb   w:80{place}  up     1\n\
             db    {long}\n{indent}  down   2\n"
        );
        assert_eq!(table.render(&screen(Some(66), false)), expected);
        let one_line = |most| {
            let parts = table.lines(Some(most)).remove(2).into_iter().map(|(text, _)| text);
            parts.collect::<String>()
        };
        let (front, back) = ("x".repeat(23), "x".repeat(18));
        assert_eq!(one_line(66), format!("db    {front}…{back}:5432  down   2"));
        assert!(one_line(100).contains(&long));
    }

    #[test]
    fn no_blank_line_follows_a_long_address() {
        let columns = [text("NAME"), address("TO"), text("STATE")];
        let row = ["db", &"x".repeat(60), "down"].map(Cell::from);
        let table = Table::new(columns, std::iter::once(row));
        for width in 30..70 {
            let shown = table.render(&screen(Some(width), false));
            assert!(shown.lines().all(|line| !line.is_empty()), "{width}:\n{shown}");
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
