//! `status`: a summary of the process, and a table of its forwards.

use crate::console::command;
use crate::console::connection::AdminApi;
use crate::console::failure::CommandError;
use crate::console::forward_table::table;
use crate::console::process_options::ProcessOptions;
use crate::console::screen::{Colour, Screen};
use crate::console::table::facts;
use crate::console::target_check::{last_check, state};
use crate::console::units::bytes;
use crate::console::watch::{self, Page};
use crate::console::{names, overview, path, show};
use crate::exit::Exit;
use crate::say;
use api::{Condition, Forward, Forwards, Status, Target};
use hyper::Method;
use plan::counted;
use serde::Serialize;

/// How many conditions are listed below the table.
const TROUBLES: usize = 10;

/// The answers to both requests, unchanged.
#[derive(Serialize)]
struct Whole {
    status: Status,
    #[serde(flatten)]
    forwards: Forwards,
}

pub(crate) async fn run(args: &command::Status) -> Result<Exit, CommandError> {
    if args.check {
        AdminApi::for_probes(&args.query.connect)?.probe("/readyz").await?;
        return Ok(say("ready\n"));
    }
    let (admin, query) = (AdminApi::new(&args.query.connect)?, &args.query);
    if let Some(period) = args.watch.watch.filter(|_| query.json) {
        return match &args.forward {
            Some(name) => watch::lines(period, async || one(&admin, name).await).await,
            None => watch::lines(period, async || whole(&admin).await).await,
        };
    }
    if let Some(period) = args.watch.watch {
        let draw = async |screen: &Screen| {
            let (status, same) = (admin.status().await?, admin.options());
            let text = match &args.forward {
                Some(name) => one_text(&one(&admin, name).await?, screen),
                None => whole_text(&status, &admin.forwards().await?, same, screen),
            };
            Ok(Page { status, text })
        };
        return watch::run(period, draw).await;
    }
    Ok(match &args.forward {
        Some(name) => {
            show(query, &one(&admin, name).await?, |forward| one_text(forward, &Screen::now()))
        }
        None => show(query, &whole(&admin).await?, |whole| {
            whole_text(&whole.status, &whole.forwards, admin.options(), &Screen::now())
        }),
    })
}

async fn whole(admin: &AdminApi) -> Result<Whole, CommandError> {
    Ok(Whole { status: admin.status().await?, forwards: admin.forwards().await? })
}

/// The forward with this name; suggests a similar one if there is none.
pub(crate) async fn one(admin: &AdminApi, name: &str) -> Result<Forward, CommandError> {
    let answer = admin.ask(Method::GET, &format!("/v1/forwards/{}", path::part(name))).await;
    names::suggest(admin, name, answer).await
}

fn whole_text(
    status: &Status,
    forwards: &Forwards,
    same: &ProcessOptions,
    screen: &Screen,
) -> String {
    let forwards = &*forwards.forwards;
    let table = match forwards {
        [] => "no forwards\n".to_owned(),
        forwards => table(&forwards.iter().collect::<Vec<_>>(), "", false).render(screen),
    };
    let table = table + &troubles(forwards, screen);
    let overview = overview::text(status, forwards, same);
    format!("{}\n{table}", with_red_attention(&overview, screen))
}

/// The lines, with those of `attention` in red.
fn with_red_attention(lines: &str, screen: &Screen) -> String {
    let red = |line: &str| {
        let is_red = line.split(' ').next() == Some(overview::ATTENTION);
        screen.paint(line, is_red.then_some(Colour::Bad)) + "\n"
    };
    lines.lines().map(red).collect()
}

/// What an operator should act on, which the table has no room for.
fn troubles(forwards: &[Forward], screen: &Screen) -> String {
    let all = || {
        forwards.iter().flat_map(|it| it.attention.iter().map(|attention| (&it.name, attention)))
    };
    let lines = all().take(TROUBLES).map(|(name, attention)| {
        let text = format!("{}: {}", plan::escaped(name), plan::escaped(&attention.text));
        screen.paint(&text, Some(Colour::Bad)) + "\n"
    });
    let more = all().count().saturating_sub(TROUBLES);
    let more = (more > 0)
        .then(|| format!("and {}: `status --json` has them\n", counted(more, "more condition")));
    lines.chain(more).collect()
}

fn state_and_error(Forward { state, error, .. }: &Forward) -> String {
    error.as_ref().map_or_else(|| state.to_string(), |error| format!("{state}: {error}"))
}

/// The properties and counts of a target.
fn figures(target: &Target) -> String {
    let sessions = match target.max_sessions {
        Some(limit) => format!("{} of at most {}", target.sessions, counted(limit, "session")),
        None => counted(target.sessions, "session"),
    };
    let connects = counted(target.connects, "connect");
    let parts = [
        Some(format!("weight {}", target.weight)),
        target.backup.then(|| "backup".to_owned()),
        Some(sessions),
        Some(format!("{connects}, {} failed", target.failed_connects)),
        last_check(target).map(|found| format!("last check: {found}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn one_text(forward: &Forward, screen: &Screen) -> String {
    let refused = |clients: u64, why: &str| match clients {
        0 => String::new(),
        clients => format!("{clients} {why}, "),
    };
    let not_allowed = refused(forward.not_allowed, "not allowed");
    let limited = refused(forward.client_limit, "at the limit of their client");
    let too_fast = refused(forward.rate_limit, "too fast");
    let mut lines = vec![
        ("forward", forward.name.clone()),
        ("state", state_and_error(forward)),
        (
            "sessions",
            format!(
                "{} of at most {}, {} so far, {} refused, {not_allowed}{limited}{too_fast}{} failed",
                forward.sessions,
                forward.max_sessions,
                forward.opened,
                forward.refused,
                forward.failed
            ),
        ),
        ("bytes", format!("{} up, {} down", bytes(forward.bytes_up), bytes(forward.bytes_down))),
        ("backlog", counted(forward.backlog, "connection")),
    ];
    // The line of the state says why a forward is skipped.
    let attention = forward.attention.iter().filter(|it| it.condition != Condition::Skipped);
    lines.extend(attention.map(|it| (overview::ATTENTION, it.text.clone())));
    let routes = forward.listen.iter().zip(&forward.to);
    lines.extend(routes.map(|(listen, to)| ("route", format!("{listen} -> {to}"))));
    // One target has the figures of its forward.
    let several = forward.targets.iter();
    let several = several.filter(|it| forward.targets.len() > 1 || it.checks.is_some());
    lines.extend(several.map(|it| {
        let from = it.set.as_ref().map(|set| format!(" ({set})")).unwrap_or_default();
        ("target", format!("{}{from}: {}; {}", it.address, state(it), figures(it)))
    }));
    let closed = forward.closed.iter().filter(|(_, count)| **count > 0);
    lines.extend(closed.map(|(reason, count)| ("closed", format!("{reason}: {count}"))));
    lines.extend(
        forward.settings.iter().map(|(key, value)| ("setting", format!("{key} = {value}"))),
    );
    with_red_attention(&facts(&lines), screen)
}
