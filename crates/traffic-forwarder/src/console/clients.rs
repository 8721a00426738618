//! `clients`: the places of each client, as a table.

use crate::console::command;
use crate::console::connection::AdminApi;
use crate::console::failure::CommandError;
use crate::console::screen::{Colour, Screen};
use crate::console::table::{Cell, Column, Table, address, number, text};
use crate::console::units::seconds;
use crate::console::watch::{self, Page};
use crate::console::{names, path, show};
use crate::exit::Exit;
use api::{Client, Clients};
use hyper::Method;
use plan::counted;
use std::collections::BTreeMap;
use std::time::SystemTime;

/// Names of forwards that count no clients; the others are counted.
const NAMED_MAX: usize = 3;

pub(crate) async fn run(args: &command::Clients) -> Result<Exit, CommandError> {
    let (admin, query) = (AdminApi::new(&args.query.connect)?, &args.query);
    if let Some(period) = args.watch.watch.filter(|_| query.json) {
        return watch::lines(period, async || list(&admin, args).await).await;
    }
    if let Some(period) = args.watch.watch {
        let draw = async |screen: &Screen| {
            let text = rendered(&list(&admin, args).await?, args.forward.as_deref(), screen);
            Ok(Page { status: admin.status().await?, text })
        };
        return watch::run(period, draw).await;
    }
    let clients = list(&admin, args).await?;
    Ok(show(query, &clients, |clients| rendered(clients, args.forward.as_deref(), &Screen::now())))
}

async fn list(admin: &AdminApi, args: &command::Clients) -> Result<Clients, CommandError> {
    let limit = args.limit.to_string();
    let parameters = [
        ("forward", args.forward.as_ref().map(String::as_bytes)),
        ("limit", Some(limit.as_bytes())),
    ];
    let answer = admin.ask(Method::GET, &path::with_query("/v1/clients", &parameters)).await;
    match &args.forward {
        Some(name) => names::suggest(admin, name, answer).await,
        None => answer,
    }
}

fn rendered(
    Clients { total, clients, uncounted, others }: &Clients,
    forward: Option<&str>,
    screen: &Screen,
) -> String {
    let note = others_note(others) + &uncounted_note(uncounted);
    if *total == 0 {
        let of = forward.map(|name| format!(" of {}", plan::escaped(name))).unwrap_or_default();
        return format!("no clients{of}\n{note}");
    }
    let count = match clients.len() {
        shown if shown < *total => format!("{shown} of {total} clients; --limit shows more"),
        _ => counted(*total, "client"),
    };
    format!("{}\n{count}\n{note}", table(clients, SystemTime::now()).render(screen))
}

/// The columns.
pub(crate) const COLUMNS: [Column; 5] = [
    text("FORWARD").comfortable(12),
    address("CLIENT"),
    number("SESSIONS"),
    number("FOR").rank(3),
    number("REFUSED").rank(1),
];

fn table(clients: &[Client], now: SystemTime) -> Table<5> {
    let rows = clients.iter().map(|client| {
        let refused = Some(Colour::Notable).filter(|_| client.refused > 0);
        [
            Cell::from(&client.forward),
            Cell::from(client.client.as_deref().unwrap_or("others")),
            client.places.to_string().into(),
            age(client, now).map_or_else(|| "-".to_owned(), seconds).into(),
            Cell::coloured(client.refused.to_string(), refused),
        ]
    });
    Table::new(COLUMNS, rows)
}

/// The seconds for which a client has had sessions.
fn age(client: &Client, now: SystemTime) -> Option<f64> {
    let since = humantime::parse_rfc3339(client.since.as_deref()?).ok()?;
    Some(now.duration_since(since).unwrap_or_default().as_secs_f64())
}

/// A line about sessions whose clients the table cannot have.
fn others_note(others: &BTreeMap<String, u32>) -> String {
    note(
        "sessions of clients that are exempt or come by a Unix socket: ",
        others.iter().map(|(name, sessions)| format!("{name} {sessions}")),
    )
}

/// A line about the forwards that the table cannot have.
fn uncounted_note(names: &[String]) -> String {
    note("not counted, since `share` is off: ", names.iter().cloned())
}

fn note(text: &str, entries: impl ExactSizeIterator<Item = String>) -> String {
    let more = match entries.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let first = entries.take(NAMED_MAX).collect::<Vec<_>>().join(", ");
    if first.is_empty() {
        String::new()
    } else {
        plan::escaped(&format!("{text}{first}{more}")) + "\n"
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    fn client(forward: &str, client: &str, places: u32, refused: u32) -> Client {
        let since = (places > 0).then(|| "2026-12-01T00:00:00.000Z".to_owned());
        let client = Some(client).filter(|text| !text.is_empty()).map(str::to_owned);
        Client { forward: forward.into(), client, places, since, refused }
    }

    #[test]
    fn clients_fit_in_80_columns() {
        let clients = [
            client("web", "2001:db8:1234:5678:9abc:def0:1234:5678", 900, 120_000),
            client("database-of-the-other-team", "10.0.0.0/24", 1, 0),
            client("web", "", 0, 3),
        ];
        let now = humantime::parse_rfc3339("2026-12-01T00:01:30Z").unwrap();
        let screen = Screen { size: Some((80, 24)), colours: false };
        let shown = table(&clients, now).render(&screen);
        let expected = "\
FORWARD         CLIENT                                  SESSIONS    FOR  REFUSED
web             2001:db8:1234:5678:9abc:def0:1234:5678       900  1m30s   120000
database-of-t…  10.0.0.0/24                                    1  1m30s        0
web             others                                         0      -        3
";
        assert_eq!(shown, expected);
    }

    #[test]
    fn forwards_without_counts_are_named() {
        let names = ["a", "b", "c", "d", "e"].map(str::to_owned);
        assert_eq!(uncounted_note(&names[..1]), "not counted, since `share` is off: a\n");
        let expected = "not counted, since `share` is off: a, b, c and 2 more\n";
        assert_eq!(uncounted_note(&names), expected);
        assert_eq!(uncounted_note(&[]), "");
        let others = BTreeMap::from([("db".to_owned(), 99)]);
        let expected = "sessions of clients that are exempt or come by a Unix socket: db 99\n";
        assert_eq!(others_note(&others), expected);
    }
}
