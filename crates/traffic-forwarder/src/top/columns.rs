//! Columns of the lists of forwards and sessions, and the choice of those that fit.

use crate::console::screen::Colour;
use crate::console::sessions::{colour as verdict_colour, paths};
use crate::console::status::{alert, colour as state_colour, first_and_count, targets};
use crate::console::units::{bytes, rate, seconds};
use api::{Condition, Forward, Rates, Session};

/// Spaces between two columns.
pub(super) const GAP: u16 = 1;

/// The content of one cell.
pub(super) type Cell = (String, Option<Colour>);

/// A column of a list of `T`.
pub(super) struct Column<T> {
    pub(super) head: &'static str,
    /// Width of numbers, which are never truncated; minimum width of text.
    width: u16,
    /// Text is left-aligned, may be truncated, and gets the remaining width. Numbers are
    /// right-aligned.
    pub(super) is_text: bool,
    /// Columns with the highest rank are dropped first.
    rank: u8,
    /// The sort order of this column; empty if the list cannot be sorted by it.
    sort: &'static str,
    pub(super) cell: fn(&T) -> Cell,
}

const fn text<T>(head: &'static str, width: u16, rank: u8, cell: fn(&T) -> Cell) -> Column<T> {
    Column { head, width, is_text: true, rank, sort: "", cell }
}

const fn number<T>(head: &'static str, width: u16, rank: u8, cell: fn(&T) -> Cell) -> Column<T> {
    Column { head, width, is_text: false, rank, sort: "", cell }
}

impl<T> Column<T> {
    const fn sorted_by(self, sort: &'static str) -> Self {
        Self { sort, ..self }
    }

    pub(super) fn is_sorted_by(&self, sort: &str) -> bool {
        !sort.is_empty() && self.sort == sort
    }
}

pub(super) const FORWARDS: [Column<Forward>; 16] = [
    text("FORWARD", 12, 0, |forward: &Forward| {
        let alert = (!forward.attention.is_empty()).then_some(Colour::Bad);
        (forward.name.clone(), alert)
    })
    .sorted_by("name"),
    text("STATE", 8, 2, |forward: &Forward| {
        (forward.state.to_string(), Some(state_colour(&forward.state)))
    }),
    text("LISTEN", 16, 6, |forward: &Forward| plain(first_and_count(&forward.listen))),
    text("TO", 16, 7, |forward: &Forward| plain(targets(forward))),
    number("SESSIONS", 11, 0, |forward: &Forward| {
        let text = format!("{}/{}", forward.sessions, forward.max_sessions);
        (text, alert(&forward.attention, Condition::AtLimit))
    })
    .sorted_by("sessions"),
    number("UP/S", 10, 1, |forward: &Forward| moved(forward.rates, |rates| rates.bytes_up))
        .sorted_by("rate"),
    number("DOWN/S", 10, 1, |forward: &Forward| moved(forward.rates, |rates| rates.bytes_down))
        .sorted_by("rate"),
    number("NEW/S", 6, 5, |forward: &Forward| plain(new_sessions(forward.rates))),
    number("REFUSED", 8, 3, |forward: &Forward| {
        (forward.all_refused().to_string(), alert(&forward.attention, Condition::Refusing))
    })
    .sorted_by("errors"),
    number("FAILED", 8, 3, |forward: &Forward| {
        (forward.failed.to_string(), alert(&forward.attention, Condition::Failing))
    })
    .sorted_by("errors"),
    number("DENIED", 8, 11, |forward: &Forward| plain(forward.not_allowed.to_string())),
    number("LIMITED", 8, 12, |forward: &Forward| {
        plain((forward.client_limit + forward.rate_limit).to_string())
    }),
    number("BACKLOG", 7, 9, |forward: &Forward| plain(forward.backlog.to_string())),
    number("OPENED", 8, 10, |forward: &Forward| plain(forward.opened.to_string())),
    number("UP", 8, 8, |forward: &Forward| plain(bytes(forward.bytes_up))).sorted_by("bytes"),
    number("DOWN", 8, 8, |forward: &Forward| plain(bytes(forward.bytes_down))).sorted_by("bytes"),
];

pub(super) const SESSIONS: [Column<Session>; 12] = [
    number("ID", 6, 0, |session: &Session| plain(session.id.to_string())).sorted_by("id"),
    text("FORWARD", 8, 1, |session: &Session| plain(session.forward.clone())),
    text("CLIENT", 15, 0, |session: &Session| plain(session.client.clone())),
    text("TARGET", 15, 6, |session: &Session| {
        plain(session.target_address.as_ref().unwrap_or(&session.target).clone())
    }),
    number("AGE", 6, 3, |session: &Session| plain(seconds(session.age))).sorted_by("age"),
    number("IDLE", 6, 5, |session: &Session| plain(seconds(session.idle))).sorted_by("idle"),
    number("UP", 8, 7, |session: &Session| plain(bytes(session.up.bytes))).sorted_by("bytes"),
    number("DOWN", 8, 7, |session: &Session| plain(bytes(session.down.bytes))).sorted_by("bytes"),
    number("UP/S", 10, 1, |session: &Session| plain(rate(session.up.rate))).sorted_by("rate"),
    number("DOWN/S", 10, 1, |session: &Session| plain(rate(session.down.rate))).sorted_by("rate"),
    text("PATH", 11, 8, |session: &Session| plain(paths(session))),
    text("VERDICT", 13, 2, |session: &Session| {
        (session.verdict.to_string(), verdict_colour(session))
    }),
];

fn plain(text: String) -> Cell {
    (text, None)
}

fn moved(rates: Option<Rates>, of: fn(Rates) -> f64) -> Cell {
    plain(rate(rates.map(of)))
}

/// New sessions per second.
pub(super) fn new_sessions(rates: Option<Rates>) -> String {
    rates.map_or_else(|| "-".to_owned(), |rates| format!("{:.1}", rates.opened))
}

/// Returns the columns that fit into a width of `room`, with their widths. The column that the list
/// is sorted by takes precedence.
pub(super) fn fitting<'c, T>(
    columns: &'c [Column<T>],
    room: u16,
    sort: &str,
) -> Vec<(&'c Column<T>, u16)> {
    let rank = |column: &Column<T>| if column.is_sorted_by(sort) { 0 } else { column.rank };
    let mut by_rank: Vec<usize> = (0..columns.len()).collect();
    by_rank.sort_by_key(|index| rank(&columns[*index]));
    let mut left = i32::from(room) + i32::from(GAP);
    let mut chosen: Vec<usize> = by_rank
        .into_iter()
        .map_while(|index| {
            left -= i32::from(columns[index].width + GAP);
            (left >= 0).then_some(index)
        })
        .collect();
    chosen.sort_unstable();
    let mut shown: Vec<_> =
        chosen.into_iter().map(|index| (&columns[index], columns[index].width)).collect();
    distribute_remaining_width(&mut shown, room);
    shown
}

/// Widens the text columns of variable length, narrowest first.
fn distribute_remaining_width<T>(shown: &mut [(&Column<T>, u16)], room: u16) {
    let used: u16 = shown.iter().map(|(_, width)| width + GAP).sum();
    let mut left = (room + GAP).saturating_sub(used);
    let grows = |column: &Column<T>| {
        matches!(column.head, "FORWARD" | "LISTEN" | "CLIENT" | "TO" | "TARGET")
    };
    while left > 0 {
        let narrowest = shown.iter_mut().filter(|(column, _)| grows(column));
        let Some((_, width)) = narrowest.min_by_key(|(_, width)| *width) else { return };
        *width += 1;
        left -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads(room: u16, sort: &str) -> Vec<&'static str> {
        fitting(&SESSIONS, room, sort).iter().map(|(column, _)| column.head).collect()
    }

    #[test]
    fn columns_of_low_rank_and_the_sort_column_stay() {
        assert_eq!(heads(60, "rate"), ["ID", "FORWARD", "CLIENT", "UP/S", "DOWN/S"]);
        assert!(heads(80, "rate").contains(&"VERDICT"));
        assert!(!heads(80, "rate").contains(&"IDLE") && heads(80, "idle").contains(&"IDLE"));
        assert_eq!(heads(200, "rate").len(), SESSIONS.len());
        assert_eq!(heads(0, "rate"), [] as [&str; 0]);
    }

    #[test]
    fn columns_fill_the_screen_exactly() {
        for room in 40..250 {
            let used: u16 = fitting(&FORWARDS, room, "").iter().map(|(_, width)| width + GAP).sum();
            assert_eq!(used, room + GAP);
        }
    }
}
