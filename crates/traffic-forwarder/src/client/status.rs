//! `status`: the process in a few lines, and its forwards in a table.

use crate::client::command::{self, Reach};
use crate::client::connection::Client;
use crate::client::failure::Failure;
use crate::client::red::{self, Red};
use crate::client::screen::{Colour, Screen};
use crate::client::table::{Cell, Table, facts, number, text};
use crate::client::units::{bytes, many, seconds};
use crate::client::watch::{self, Page};
use crate::client::{path, show};
use crate::exit::Exit;
use crate::say;
use control::api::{Forward, Forwards, LastReload, Status};
use hyper::Method;
use serde::Serialize;

/// Both answers, as they came.
#[derive(Serialize)]
struct Whole {
    status: Status,
    #[serde(flatten)]
    forwards: Forwards,
}

pub(crate) async fn run(wanted: &command::Status) -> Result<Exit, Failure> {
    if wanted.check {
        Client::of_probes(&wanted.reach.whom)?.probe("/readyz").await?;
        say("ready\n");
        return Ok(Exit::Done);
    }
    let (client, reach) = (Client::new(&wanted.reach.whom)?, &wanted.reach);
    if let Some(period) = wanted.watch.watch {
        let draw = async |screen: &Screen| {
            let status = process(&client).await?;
            let text = match &wanted.forward {
                Some(name) => one_text(&one(&client, name).await?),
                None => whole_text(&status, &all(&client).await?, screen),
            };
            Ok(Page { status, text })
        };
        return watch::run(period, draw).await;
    }
    match &wanted.forward {
        Some(name) => show(reach, &one(&client, name).await?, one_text),
        None => print_whole(reach, process(&client).await?, all(&client).await?),
    }
    Ok(Exit::Done)
}

fn print_whole(reach: &Reach, status: Status, forwards: Forwards) {
    let whole = Whole { status, forwards };
    show(reach, &whole, |whole| whole_text(&whole.status, &whole.forwards, &Screen::now()));
}

pub(crate) async fn process(client: &Client) -> Result<Status, Failure> {
    client.ask(Method::GET, "/v1/status").await
}

async fn all(client: &Client) -> Result<Forwards, Failure> {
    client.ask(Method::GET, "/v1/forwards").await
}

async fn one(client: &Client, name: &str) -> Result<Forward, Failure> {
    client.ask(Method::GET, &format!("/v1/forwards/{}", path::part(name))).await
}

fn whole_text(status: &Status, forwards: &Forwards, screen: &Screen) -> String {
    let forwards = match &*forwards.forwards {
        [] => "no forwards\n".to_owned(),
        forwards => table(forwards).render(screen),
    };
    format!("{}\n{forwards}", process_text(status))
}

fn process_text(status: &Status) -> String {
    let config = status.config.as_deref().unwrap_or("forwards of the command line");
    let mut lines = vec![
        (
            "process",
            format!(
                "{} for {}, pid {}, version {}",
                status.state,
                seconds(status.uptime),
                status.pid,
                status.version
            ),
        ),
        ("config", format!("{config}, generation {}", status.generation)),
    ];
    if status.sandboxed {
        lines.push(("sandbox", "kept to the directories of the configuration".to_owned()));
    }
    if let Some(reload) = &status.last_reload {
        lines.push(("last reload", format!("{} {}", reload.at, outcome(reload))));
    }
    if let Some(left) = status.confirm_within {
        let left = seconds(left);
        lines.push((
            "on trial",
            format!("goes back in {left} unless `traffic-forwarder confirm` follows"),
        ));
    }
    lines.extend([
        (
            "sessions",
            format!(
                "{} of at most {}, {} since the start",
                status.sessions, status.max_sessions, status.sessions_opened
            ),
        ),
        ("bytes", format!("{} up, {} down", bytes(status.bytes_up), bytes(status.bytes_down))),
        (
            "listeners",
            format!(
                "{} of {}, served by {}",
                status.listeners,
                many(status.forwards as u64, "forward"),
                many(status.workers as u64, "worker")
            ),
        ),
        (
            "uses",
            format!(
                "{} of {} files, {}, {} of memory",
                status.open_files,
                status.open_files_limit,
                many(status.pipes as u64, "pipe"),
                bytes(status.resident_memory)
            ),
        ),
    ]);
    facts(&lines)
}

/// Who asked, and what came of it.
fn outcome(LastReload { by, error, .. }: &LastReload) -> String {
    match (by.as_str(), error) {
        ("unconfirmed", None) => "taken back: not confirmed".to_owned(),
        ("unconfirmed", Some(error)) => format!("not confirmed, and not taken back: {error}"),
        (by, None) => format!("by {by}: done"),
        (by, Some(error)) => format!("by {by}: failed: {error}"),
    }
}

fn table(forwards: &[Forward]) -> Table<10> {
    let columns = [
        text("FORWARD"),
        text("STATE"),
        text("LISTEN"),
        text("TO"),
        number("SESSIONS"),
        number("OPENED"),
        number("REFUSED"),
        number("BACKLOG"),
        number("UP"),
        number("DOWN"),
    ];
    Table::new(
        columns,
        forwards.iter().map(|forward| {
            let full = red::of_forward(forward).contains(&Red::AtLimit);
            [
                Cell::from(&forward.name),
                Cell::coloured(&forward.state, Some(colour(&forward.state))),
                first_and_count(&forward.listen).into(),
                first_and_count(&forward.to).into(),
                Cell::coloured(
                    format!("{}/{}", forward.sessions, forward.max_sessions),
                    full.then_some(Colour::Bad),
                ),
                forward.opened.to_string().into(),
                forward.refused.to_string().into(),
                forward.backlog.to_string().into(),
                bytes(forward.bytes_up).into(),
                bytes(forward.bytes_down).into(),
            ]
        }),
    )
}

pub(crate) fn colour(state: &str) -> Colour {
    match state {
        "active" => Colour::Good,
        "skipped" => Colour::Bad,
        _ => Colour::Notable,
    }
}

/// The first, and how many others there are.
pub(crate) fn first_and_count(addresses: &[String]) -> String {
    match addresses {
        [] => "-".to_owned(),
        [only] => only.clone(),
        [first, others @ ..] if others.iter().all(|other| other == first) => first.clone(),
        [first, others @ ..] => format!("{first} +{}", others.len()),
    }
}

fn state_and_error(Forward { state, error, .. }: &Forward) -> String {
    error.as_ref().map_or_else(|| state.clone(), |error| format!("{state}: {error}"))
}

fn one_text(forward: &Forward) -> String {
    let mut lines = vec![
        ("forward", forward.name.clone()),
        ("state", state_and_error(forward)),
        (
            "sessions",
            format!(
                "{} of at most {}, {} so far, {} refused",
                forward.sessions, forward.max_sessions, forward.opened, forward.refused
            ),
        ),
        ("bytes", format!("{} up, {} down", bytes(forward.bytes_up), bytes(forward.bytes_down))),
        ("backlog", many(forward.backlog, "connection")),
    ];
    let routes = forward.listen.iter().zip(&forward.to);
    lines.extend(routes.map(|(listen, to)| ("route", format!("{listen} -> {to}"))));
    let closed = forward.closed.iter().filter(|(_, count)| **count > 0);
    lines.extend(closed.map(|(reason, count)| ("closed", format!("{reason}: {count}"))));
    lines.extend(
        forward.settings.iter().map(|(key, value)| ("setting", format!("{key} = {value}"))),
    );
    facts(&lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_addresses_are_counted() {
        let shown = |addresses: &[&str]| {
            first_and_count(&addresses.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(shown(&[]), "-");
        assert_eq!(shown(&[":1"]), ":1");
        assert_eq!(shown(&["h:1", "h:1"]), "h:1");
        assert_eq!(shown(&[":1", ":2", ":3"]), ":1 +2");
    }

    #[test]
    fn the_last_reload_is_told_by_who_asked_and_what_came_of_it() {
        let told = |by: &str, error: Option<&str>| {
            let (by, error) = (by.to_owned(), error.map(str::to_owned));
            outcome(&LastReload { at: String::new(), by, error })
        };
        assert_eq!(told("SIGHUP", None), "by SIGHUP: done");
        assert_eq!(told("watch", Some("f:3:1: why")), "by watch: failed: f:3:1: why");
        assert_eq!(told("unconfirmed", None), "taken back: not confirmed");
        assert_eq!(told("unconfirmed", Some("why")), "not confirmed, and not taken back: why");
    }
}
