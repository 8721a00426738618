//! `sessions --ended`: the last sessions that have ended as a table, or one of them in full.

use crate::console::command;
use crate::console::connection::AdminApi;
use crate::console::failure::CommandError;
use crate::console::screen::{Colour, Screen};
use crate::console::session_query::find;
use crate::console::session_table::resolved;
use crate::console::table::{Cell, Column, Table, address, number, text, word};
use crate::console::units::{bytes, seconds};
use api::{Close, ClosedTcp, EndedSession, EndedSessions, SessionClosed};
use flow::{Cause, Fallback};
use plan::counted;

/// The columns. What a narrow terminal has no room for is in the record of the session.
const COLUMNS: [Column; 11] = [
    number("ID").rank(2),
    number("AGO").least(5).rank(1),
    text("FORWARD").rank(4).comfortable(8),
    address("CLIENT"),
    address("TARGET").rank(3),
    number("LASTED").rank(5),
    number("UP").rank(6),
    number("DOWN").rank(6),
    word("VERDICT").rank(7),
    word("CLOSED"),
    word("ERRNO").rank(8),
];

pub(crate) async fn list(
    admin: &AdminApi,
    args: &command::Sessions,
) -> Result<EndedSessions<'static>, CommandError> {
    find(admin, "/v1/sessions/ended", args, &[]).await
}

pub(crate) fn list_text(
    EndedSessions { since, total, sessions }: &EndedSessions<'_>,
    is_filtered: bool,
    screen: &Screen,
) -> String {
    let since = plan::escaped(since);
    if *total == 0 {
        let which = if is_filtered { "no such session" } else { "no session" };
        return format!("{which} has ended since {since}\n");
    }
    let count = match sessions.len() {
        shown if shown < *total => format!("{shown} of {total} ended sessions; --limit shows more"),
        _ => counted(*total, "ended session"),
    };
    let table = Table::new(COLUMNS, sessions.iter().map(row));
    format!("{}\n{count}; all since {since} are known\n", table.render(screen))
}

fn row(EndedSession { ago, record, .. }: &EndedSession<'_>) -> [Cell; 11] {
    let target = resolved(record.target_address.as_deref()).or(record.target.as_deref());
    [
        record.id.to_string().into(),
        seconds(*ago).into(),
        Cell::from(&*record.forward),
        Cell::from(&record.client),
        Cell::from(target.unwrap_or("-")),
        seconds(record.duration).into(),
        bytes(record.bytes_up).into(),
        bytes(record.bytes_down).into(),
        record.verdict.to_string().into(),
        Cell::coloured(reason(&record.close), colour(&record.close)),
        Cell::from(record.close.errno.as_deref().unwrap_or("-")),
    ]
}

/// The close reason in the form of the log, of metrics and of the documentation.
fn reason(Close { by, phase, cause, .. }: &Close<'_>) -> String {
    format!("{by}/{phase}/{cause}")
}

fn colour(close: &Close<'_>) -> Option<Colour> {
    (close.cause != Cause::Fin).then_some(Colour::Notable)
}

/// All facts of an ended session, as name and text.
pub(crate) fn facts_of(session: &EndedSession<'_>) -> [(&'static str, String); 11] {
    let EndedSession { ended, ago, record } = session;
    let address = resolved(record.target_address.as_deref());
    let address = address.map(|address| format!(" ({address})"));
    let target = record.target.as_deref().unwrap_or("none selected");
    let attempts = counted(record.attempts, "attempt");
    let proxy = record.proxy.as_ref().map(|address| format!(" by {address}")).unwrap_or_default();
    let sni = record.sni.as_ref().map(|name| format!(" for {name}")).unwrap_or_default();
    let SessionClosed { stalled_up, stalled_down, fallback_up, fallback_down, .. } = record;
    let up = lane(record.bytes_up, record.path_up.as_str(), fallback_up.as_str(), *stalled_up);
    let down =
        lane(record.bytes_down, record.path_down.as_str(), fallback_down.as_str(), *stalled_down);
    [
        ("session", format!("{}, ended {ended}, {} ago", record.id, seconds(*ago))),
        ("closed", explained(&record.close)),
        ("forward", record.forward.to_string()),
        ("client", format!("{}{proxy} at {}{sni}", record.client, record.listener)),
        ("target", format!("{target}{}, {attempts}", address.unwrap_or_default())),
        (
            "started",
            format!(
                "{}, lasted {}, {}",
                record.started,
                seconds(record.duration),
                connected(record)
            ),
        ),
        ("up", up),
        ("down", down),
        ("client tcp", tcp(record.client_tcp.as_ref())),
        ("target tcp", tcp(record.target_tcp.as_ref())),
        ("verdict", record.verdict.to_string()),
    ]
}

/// The close reason, with the kernel's error and the meaning of the cause.
fn explained(close: &Close<'_>) -> String {
    let errno = close.errno.as_ref().map(|errno| format!(" ({errno})")).unwrap_or_default();
    let meaning = Cause::of(close.cause.as_str()).map(Cause::explanation);
    // It names the keys of the configuration and the fields of the record in the form of the documentation.
    let meaning = meaning.map(|text| format!(": {}", text.replace('`', ""))).unwrap_or_default();
    format!("{}{errno}{meaning}", reason(close))
}

fn connected(record: &SessionClosed<'_>) -> String {
    let after = |what: &str, time: f64| format!("{what} after {}", seconds(time));
    let connected = record.connect_time.map(|time| after("connected", time));
    let connected = connected.unwrap_or_else(|| "not connected".to_owned());
    let first_byte = record.first_byte.map(|time| after(", first byte", time));
    connected + first_byte.as_deref().unwrap_or_default()
}

fn lane(count: u64, path: &str, fallback: &str, stalled: f64) -> String {
    let path = if count > 0 { format!(" by {path}") } else { String::new() };
    let fallback = (fallback != Fallback::None.as_str()).then(|| format!(" ({fallback})"));
    let stalled = (stalled > 0.0).then(|| format!(", stalled for {}", seconds(stalled)));
    bytes(count) + &path + &fallback.unwrap_or_default() + &stalled.unwrap_or_default()
}

fn tcp(tcp: Option<&ClosedTcp>) -> String {
    let Some(tcp) = tcp else { return "-".to_owned() };
    format!("rtt {}, {}", seconds(tcp.rtt), counted(tcp.retransmits, "retransmit"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_moves_no_cursor() {
        let screen = Screen { size: None, colours: false };
        let sessions =
            EndedSessions { since: "\u{1b}[2J\r".to_owned(), total: 0, sessions: vec![] };
        assert!(!list_text(&sessions, false, &screen).contains(['\u{1b}', '\r']));
    }
}
