//! `status`: a summary of the process, and a table of its forwards.

use crate::console::command;
use crate::console::connection::AdminApi;
use crate::console::failure::CommandError;
use crate::console::forward_table::table;
use crate::console::overview::{Line as Fact, refused_and_failed};
use crate::console::process_options::ProcessOptions;
use crate::console::screen::{Colour, Screen};
use crate::console::table::facts;
use crate::console::target_check::{last_check, state};
use crate::console::target_table;
use crate::console::units::bytes;
use crate::console::watch::{self, Page};
use crate::console::{names, overview, path, show};
use crate::exit::Exit;
use crate::say;
use api::{Attention, Condition, Forward, Forwards, Status, Target, TargetState, Word};
use hyper::Method;
use plan::{Section, Setting, counted};
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
    painted(lines, screen, |line, _| line.split(' ').next() == Some(overview::ATTENTION))
}

/// The lines, with those in red that an operator should act on.
fn painted(lines: &str, screen: &Screen, is_red: impl Fn(&str, usize) -> bool) -> String {
    let red = |(at, line): (usize, &str)| {
        screen.paint(line, is_red(line, at).then_some(Colour::Bad)) + "\n"
    };
    lines.lines().enumerate().map(red).collect()
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
        // The reason of the state names a failed one.
        last_check(target)
            .filter(|_| target.state == TargetState::Up)
            .map(|found| format!("last check: {found}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The clients refused, by their reasons, and the sessions that failed.
fn errors(forward: &Forward) -> String {
    let reasons = [
        (forward.refused, "at max_sessions"),
        (forward.not_allowed, "not allowed"),
        (forward.client_limit, "at the limit of their client"),
        (forward.rate_limit, "too fast"),
    ];
    let reasons = reasons.iter().filter(|(clients, _)| *clients > 0);
    let reasons: Vec<_> = reasons.map(|(clients, why)| format!("{clients} {why}")).collect();
    let total = refused_and_failed(forward.all_refused(), forward.failed);
    if reasons.is_empty() { total } else { format!("{total} (refused: {})", reasons.join(", ")) }
}

/// The listeners of each list of targets.
fn routes(forward: &Forward) -> Vec<(String, &str)> {
    let mut routes: Vec<(String, &str)> = Vec::new();
    for (listen, to) in forward.listen.iter().zip(&forward.to) {
        match routes.last_mut() {
            Some((listeners, same)) if *same == to => listeners.extend([", ", listen]),
            _ => routes.push((listen.clone(), to)),
        }
    }
    routes
}

/// Settings that differ from their defaults, and the number of the others.
fn settings(forward: &Forward) -> Vec<Fact> {
    let is_default = |(key, value): &(&String, &String)| {
        let of_forward = |it: &&Setting| it.section == Section::ForwardDefaults && it.key == **key;
        let setting = plan::settings().iter().find(of_forward);
        setting.is_some_and(|it| it.default().as_ref() == Some(*value))
    };
    let (others, own): (Vec<_>, Vec<_>) = forward.settings.iter().partition(is_default);
    let own = own.into_iter().map(|(key, value)| ("setting", format!("{key} = {value}")));
    let others = (!others.is_empty()).then(|| {
        let others = counted(others.len(), "more setting");
        ("defaults", format!("{others}, which `status NAME --json` lists"))
    });
    own.chain(others).collect()
}

fn one_text(forward: &Forward, screen: &Screen) -> String {
    let Forward { sessions, max_sessions, opened, .. } = forward;
    let mut lines = vec![
        ("forward", forward.name.clone()),
        ("state", state_and_error(forward)),
        ("sessions", format!("{sessions} of at most {max_sessions}, {opened} since the start")),
        ("errors", errors(forward)),
        ("bytes", format!("{} up, {} down", bytes(forward.bytes_up), bytes(forward.bytes_down))),
        ("backlog", counted(forward.backlog, "connection")),
    ];
    // One target has the figures of its forward.
    let has_line = |it: &&Target| forward.targets.len() > 1 || it.checks.is_some();
    let targets: Vec<_> = forward.targets.iter().filter(has_line).collect();
    // The line of the state says why a forward is skipped, and those of the targets why they are not up.
    let is_shown = |it: &&Attention| match it.condition {
        Word::Known(Condition::Skipped) => false,
        Word::Known(Condition::TargetDown | Condition::TargetUnreachable) => targets.is_empty(),
        _ => true,
    };
    let attention = forward.attention.iter().filter(is_shown);
    lines.extend(attention.map(|it| (overview::ATTENTION, it.text.clone())));
    let routes = routes(forward).into_iter();
    lines.extend(routes.map(|(listen, to)| ("route", format!("{listen} -> {to}"))));
    let first = lines.len();
    lines.extend(targets.iter().map(|it| {
        let from = it.set.as_ref().map(|set| format!(" ({set})")).unwrap_or_default();
        ("target", format!("{}{from}: {}; {}", it.address, state(it), figures(it)))
    }));
    let closed = forward.closed.iter().filter(|(_, count)| **count > 0);
    lines.extend(closed.map(|(reason, count)| ("closed", format!("{reason}: {count}"))));
    lines.extend(settings(forward));
    painted(&facts(&lines), screen, |_, at| {
        let target = at.checked_sub(first).and_then(|at| targets.get(at));
        lines[at].0 == overview::ATTENTION
            || target.is_some_and(|it| target_table::colour(&it.state) == Colour::Bad)
    })
}
