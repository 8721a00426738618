//! The table of sessions, for `sessions` and `top`.

use crate::console::screen::Colour;
use crate::console::table::{Cell, Column, Table, address, number, text, word};
use crate::console::units::{bytes, rate, seconds};
use api::{Session, Word};
use flow::{Phase, Verdict};

/// The columns.
pub(crate) const COLUMNS: [Column; 12] = [
    number("ID").rank(2).sorts("id"),
    text("FORWARD").rank(3).comfortable(8),
    address("CLIENT"),
    address("TARGET").rank(6),
    number("AGE").least(5).rank(5).sorts("age"),
    number("IDLE").least(5).rank(8).sorts("idle"),
    number("UP").rank(7).sorts("bytes"),
    number("DOWN").rank(7).sorts("bytes"),
    number("UP/S").least(9).rank(4).sorts("rate"),
    number("DOWN/S").least(9).rank(4).sorts("rate"),
    text("PATH").rank(9),
    word("VERDICT").rank(1),
];

/// The address that a target was resolved to. A Unix target has only its path, which is not an address.
pub(crate) fn resolved(target_address: Option<&str>) -> Option<&str> {
    target_address.filter(|address| *address != "unix")
}

/// The table of these sessions, in this order of rows.
pub(crate) fn table(sessions: &[&Session], sort: &str) -> Table<12> {
    Table::new(COLUMNS, sessions.iter().map(|session| row(session))).sorted_by(sort)
}

fn row(session: &Session) -> [Cell; 12] {
    let Session { up, down, .. } = session;
    [
        session.id.to_string().into(),
        Cell::from(&session.forward),
        Cell::from(&session.client),
        Cell::from(resolved(session.target_address.as_deref()).unwrap_or(&session.target)),
        seconds(session.age).into(),
        seconds(session.idle).into(),
        bytes(up.bytes).into(),
        bytes(down.bytes).into(),
        rate(up.rate).into(),
        rate(down.rate).into(),
        paths(session).into(),
        Cell::coloured(session.verdict.to_string(), colour(session)),
    ]
}

/// The paths of both lanes, merged if equal; `connect` while the session has no lanes yet.
pub(crate) fn paths(Session { phase, up, down, .. }: &Session) -> String {
    match () {
        () if *phase == Phase::Connect => phase.to_string(),
        () if up.path == down.path => up.path.to_string(),
        () => format!("{}/{}", up.path, down.path),
    }
}

pub(crate) fn colour(session: &Session) -> Option<Colour> {
    match &session.verdict {
        _ if !session.attention.is_empty() => Some(Colour::Bad),
        Word::Known(Verdict::Ok) => Some(Colour::Good),
        Word::Known(Verdict::Idle) => None,
        _ => Some(Colour::Notable),
    }
}
