//! Tables of aligned columns.

use crate::console::screen::{Colour, Screen, columns, cut, cut_within};
use std::fmt::Write as _;

/// Text columns are not narrowed below this width.
const NARROWEST: usize = 8;
/// Columns are dropped before text columns are narrowed below this width, unless a column has its own.
const COMFORTABLE: usize = 20;
/// The longest IPv6 address with its port. A longer address, such as a name, does not widen its column on a
/// narrow terminal.
const ADDRESS: usize = 47;
/// The longest IPv4 address with its port. Before a column of the last ranks is dropped, the rows of longer
/// addresses go on in the next line.
const SHORT_ADDRESS: usize = 21;
/// Columns up to this rank are dropped only after addresses have been given separate lines.
const LAST: u8 = 2;
/// Spaces between two columns, and between those of a table that does not fit.
const GAPS: [usize; 2] = [2, 1];

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
    /// The column is at least as wide, so that it does not move with each number.
    least: usize,
    is_hidden: bool,
    /// Columns with the highest rank are dropped first; those with 0 never.
    rank: u8,
    /// The order of rows that this column shows; empty for none.
    sort: &'static str,
}

/// A column of text, which may be truncated.
pub(crate) const fn text(head: &'static str) -> Column {
    Column {
        head,
        align: Align::Left,
        shrinks: true,
        breaks: false,
        comfortable: COMFORTABLE,
        least: 0,
        is_hidden: false,
        rank: 0,
        sort: "",
    }
}

/// A column of words, which are never truncated.
pub(crate) const fn word(head: &'static str) -> Column {
    Column { shrinks: false, ..text(head) }
}

/// A column of text that means nothing if it is truncated. On a narrow terminal, the row of a long one goes
/// on in the next line.
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

    /// Makes the column at least this wide.
    pub(crate) const fn least(self, width: usize) -> Self {
        Self { least: width, ..self }
    }

    /// Shows the column only if `is_shown`.
    pub(crate) const fn only_if(self, is_shown: bool) -> Self {
        Self { is_hidden: !is_shown, ..self }
    }

    /// Names the order of rows that this column shows.
    pub(crate) const fn sorts(self, sort: &'static str) -> Self {
        Self { sort, ..self }
    }
}

/// A part of a line: the text of a cell, or space.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) text: String,
    pub(crate) colour: Option<Colour>,
    /// It is the heading of the column that the rows are sorted by.
    pub(crate) is_sorted_by: bool,
}

fn space(columns: usize) -> Part {
    Part { text: " ".repeat(columns), colour: None, is_sorted_by: false }
}

/// A heading or a row: its lines.
pub(crate) type Lines = Vec<Vec<Part>>;

/// Widths by column, `None` for a dropped one, and the gap between two of them.
#[derive(Clone, Copy)]
struct Widths<const N: usize> {
    columns: [Option<usize>; N],
    gap: usize,
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

/// How an address is shown that is wider than its column.
#[derive(Clone, Copy)]
enum Long {
    /// Whole, also if it is wider than the terminal, which then breaks it without a gap.
    Whole,
    /// In lines that fit; of a name longer than any address, the beginning and the end.
    Fitted,
}

pub(crate) struct Table<const N: usize> {
    columns: [Column; N],
    rows: Vec<[Cell; N]>,
    sort: String,
}

impl<const N: usize> Table<N> {
    pub(crate) fn new(columns: [Column; N], rows: impl Iterator<Item = [Cell; N]>) -> Self {
        Self { columns, rows: rows.collect(), sort: String::new() }
    }

    /// Never drops the columns of this order of rows.
    pub(crate) fn sorted_by(mut self, sort: &str) -> Self {
        for column in &mut self.columns {
            if !sort.is_empty() && column.sort == sort {
                column.rank = 0;
            }
        }
        Self { sort: sort.to_owned(), ..self }
    }

    /// Renders the heading and the rows.
    pub(crate) fn render(&self, screen: &Screen) -> String {
        let line = |parts: Vec<Part>| {
            let parts = parts.into_iter().map(|part| screen.paint(&part.text, part.colour));
            let line = parts.collect::<String>();
            line.trim_end().to_owned() + "\n"
        };
        let rows = self.rows(screen.width(), Long::Whole);
        rows.into_iter().flatten().map(line).collect()
    }

    /// The heading and the rows, in lines of at most `most` columns.
    pub(crate) fn lines(&self, most: usize) -> Vec<Lines> {
        self.rows(Some(most), Long::Fitted)
    }

    fn rows(&self, most: Option<usize>, long: Long) -> Vec<Lines> {
        let widths = self.widths(most);
        let head = self.columns.map(|column| Cell::from(column.head));
        let mut lines = vec![self.row(&head, &widths, most, long)];
        for part in lines.iter_mut().flatten().flatten() {
            let column = self.columns.iter().find(|column| column.head == part.text);
            part.is_sorted_by =
                column.is_some_and(|it| !it.sort.is_empty() && it.sort == self.sort);
        }
        lines.extend(self.rows.iter().map(|row| self.row(row, &widths, most, long)));
        lines
    }

    /// Column widths: those of the widest cells. If the terminal is too narrow, gaps and the widest text
    /// columns shrink first, and then columns are dropped by their ranks. Before the last ones, addresses
    /// are given separate lines.
    fn widths(&self, most: Option<usize>) -> Widths<N> {
        let cells = |index: usize| self.rows.iter().map(move |row| columns(&row[index].text));
        let columns = std::array::from_fn(|index| {
            let Column { head, is_hidden, least, .. } = self.columns[index];
            (!is_hidden).then(|| cells(index).chain([columns(head), least]).max().unwrap_or(0))
        });
        let mut widths = Widths { columns, gap: GAPS[0] };
        let Some(most) = most else { return widths };
        if widths.excess(most) > 0 {
            self.narrow_addresses(&mut widths, ADDRESS, usize::MAX);
        }
        let comfortable = |widths: &Widths<N>| {
            self.shrunk(*widths, most, |column| column.comfortable).excess(most)
        };
        if comfortable(&widths) > 0 {
            widths.gap = GAPS[1];
        }
        while comfortable(&widths) > 0 && self.drop_above(&mut widths, LAST) {}
        let excess = self.shrunk(widths, most, |_| NARROWEST).excess(most);
        self.narrow_addresses(&mut widths, SHORT_ADDRESS, excess);
        while comfortable(&widths) > 0 && self.drop_above(&mut widths, 0) {}
        let mut widths = self.shrunk(widths, most, |_| NARROWEST);
        let excess = self.without_the_last(widths).excess(most);
        self.narrow_addresses(&mut widths, NARROWEST, excess);
        widths
    }

    /// Without the columns behind those of addresses and of the order of rows: [`Self::row`] leaves them out
    /// if they do not fit.
    fn without_the_last(&self, mut widths: Widths<N>) -> Widths<N> {
        let is_needed = |it: &Column| it.breaks || (!it.sort.is_empty() && it.sort == self.sort);
        let needed = self.columns.iter().rposition(is_needed).map_or(0, |last| last + 1);
        widths.columns[needed..].fill(None);
        widths
    }

    /// Narrows the columns of addresses, but not below `floor`, by at most `excess` columns.
    fn narrow_addresses(&self, widths: &mut Widths<N>, floor: usize, mut excess: usize) {
        let shown = widths.columns.iter_mut().zip(&self.columns).filter(|(_, it)| it.breaks);
        for (width, column) in shown.filter_map(|(width, it)| Some((width.as_mut()?, it))) {
            let less = width.saturating_sub(floor.max(column.head.len())).min(excess);
            *width -= less;
            excess -= less;
        }
    }

    /// Drops the columns of the highest rank above `last`. False if there is none.
    fn drop_above(&self, widths: &mut Widths<N>, last: u8) -> bool {
        let shown = (0..N).filter(|index| widths.columns[*index].is_some());
        let highest = shown.map(|index| self.columns[index].rank).max().unwrap_or(0);
        if highest <= last {
            return false;
        }
        for (width, column) in widths.columns.iter_mut().zip(&self.columns) {
            *width = width.filter(|_| column.rank < highest);
        }
        true
    }

    /// These widths, with text columns as narrow as necessary, but not below their `floor`.
    fn shrunk(&self, mut widths: Widths<N>, most: usize, floor: fn(&Column) -> usize) -> Widths<N> {
        for _ in 0..widths.excess(most) {
            let texts = widths.columns.iter_mut().zip(&self.columns);
            let texts = texts.filter(|(_, column)| column.shrinks);
            let texts = texts.filter_map(|(width, column)| Some((width.as_mut()?, floor(column))));
            let widest = texts.filter(|(width, floor)| **width > *floor);
            let Some((width, _)) = widest.max_by_key(|(width, _)| **width) else { break };
            *width -= 1;
        }
        widths
    }

    fn row(&self, row: &[Cell; N], widths: &Widths<N>, most: Option<usize>, long: Long) -> Lines {
        let (mut lines, mut line): (Lines, Vec<Part>) = Default::default();
        // Columns that still do not fit are left out, so that no line wraps.
        let mut left = most.unwrap_or(usize::MAX);
        for ((cell, width), column) in row.iter().zip(&widths.columns).zip(&self.columns) {
            let Some(width) = width else { continue };
            let gap = if line.is_empty() { 0 } else { widths.gap };
            let Some(room) = left.checked_sub(gap) else { break };
            let Some(rest) = room.checked_sub(*width) else { break };
            line.push(space(gap));
            let part = |text: String| Part { text, colour: cell.colour, is_sorted_by: false };
            let whole = match long {
                Long::Whole => cell.text.clone(),
                Long::Fitted => cut_within(&cell.text, ADDRESS.max(*width)),
            };
            let is_long = column.breaks && columns(&whole) > *width;
            if let Some(most) = most.filter(|_| is_long) {
                let start = most - room;
                let pieces = match long {
                    Long::Whole => vec![whole],
                    Long::Fitted => pieces(&whole, room),
                };
                for piece in pieces {
                    line.push(part(piece));
                    lines.push(std::mem::replace(&mut line, vec![space(start)]));
                }
                line = vec![space(start + width)];
            } else {
                let text = if column.breaks { whole } else { cut(&cell.text, *width) };
                let padding = space(width - columns(&text));
                match column.align {
                    Align::Left => line.extend([part(text), padding]),
                    Align::Right => line.extend([padding, part(text)]),
                }
            }
            left = rest;
        }
        // Nothing may have fitted behind a long address.
        if lines.is_empty() || line.len() > 1 {
            lines.push(line);
        }
        lines
    }
}

impl<const N: usize> Widths<N> {
    /// The columns by which a table of these widths exceeds `most`.
    fn excess(&self, most: usize) -> usize {
        let shown = || self.columns.iter().flatten();
        let gaps = self.gap * shown().count().saturating_sub(1);
        (shown().sum::<usize>() + gaps).saturating_sub(most)
    }
}

/// A text in pieces of at most `most` columns.
fn pieces(text: &str, most: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for c in text.chars() {
        let wide = columns(c.encode_utf8(&mut [0; 4]));
        if pieces.last().is_some_and(|last| !last.is_empty() && columns(last) + wide > most) {
            pieces.push(String::new());
        }
        if let Some(last) = pieces.last_mut() {
            last.push(c);
        }
    }
    pieces
}

/// Renders lines of a name and a text, with the texts aligned.
pub(crate) fn facts(facts: &[(&str, String)]) -> String {
    let gap = " ".repeat(GAPS[0]);
    let width = facts.iter().map(|(name, _)| columns(name)).max().unwrap_or(0);
    facts.iter().fold(String::new(), |mut text, (name, fact)| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:width$}{gap}{}", plan::escaped(fact));
        text
    })
}

#[cfg(test)]
mod tests;
