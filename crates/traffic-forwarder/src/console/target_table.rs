//! The table of targets, for `targets` and `top`.

use crate::console::screen::Colour;
use crate::console::table::{Cell, Column, Table, address, number, text, word};
use crate::console::target_check::{last_check, retry_in};
use crate::console::units::seconds;
use api::{Target, TargetState, Word};
use std::time::SystemTime;

/// The width of most reasons.
const REASON: usize = 50;

/// The columns. The flags say whether there are routes, times of states, waits for a retry, and reasons.
pub(crate) fn columns([has_routes, has_ages, has_retries, has_reasons]: [bool; 4]) -> [Column; 14] {
    [
        text("FORWARD").comfortable(12),
        address("TARGET"),
        text("ROUTE").rank(4).only_if(has_routes),
        word("STATE").sorts("state"),
        number("FOR").only_if(has_ages),
        number("SESSIONS").sorts("sessions"),
        number("RETRY").rank(3).only_if(has_retries),
        text("WHY").comfortable(REASON).only_if(has_reasons),
        number("WEIGHT").rank(3),
        number("CONNECTS").rank(5),
        number("FAILED").rank(6).sorts("failed"),
        number("CONNECT TIME").rank(8),
        text("FROM").rank(7),
        text("CHECK").rank(4),
    ]
}

/// The table of these targets, each with the name of its forward. With the present time, it also has
/// columns for the time that a target has been in its state, and for the reason.
pub(crate) fn table(targets: &[(&str, &Target)], now: Option<SystemTime>) -> Table<14> {
    let has_reasons = now.is_some() && targets.iter().any(|(_, target)| target.why.is_some());
    let has_retries = now.is_some() && targets.iter().any(|(_, it)| retry_in(it).is_some());
    let has_routes = targets.iter().any(|(_, target)| !target.routes.is_empty());
    let columns = columns([has_routes, now.is_some(), has_retries, has_reasons]);
    Table::new(columns, targets.iter().map(|(forward, target)| row(forward, target, now)))
}

fn row(forward: &str, target: &Target, now: Option<SystemTime>) -> [Cell; 14] {
    let sessions = match target.max_sessions {
        Some(limit) => format!("{}/{limit}", target.sessions),
        None => target.sessions.to_string(),
    };
    let backup = if target.backup { " backup" } else { "" };
    let (colour, why) = (colour(&target.state), target.why.as_deref());
    let age = now.and_then(|now| age(target, now));
    [
        forward.into(),
        Cell::from(&target.address),
        routes(target).into(),
        Cell::coloured(target.state.to_string(), Some(colour)),
        age.map_or_else(|| "-".to_owned(), seconds).into(),
        sessions.into(),
        retry_in(target).unwrap_or_else(|| "-".to_owned()).into(),
        Cell::coloured(why.unwrap_or("-"), why.map(|_| colour)),
        format!("{}{backup}", target.weight).into(),
        target.connects.to_string().into(),
        target.failed_connects.to_string().into(),
        target.connect_time.map_or_else(|| "-".to_owned(), seconds).into(),
        target.set.clone().unwrap_or_else(|| "-".to_owned()).into(),
        last_check(target).unwrap_or_else(|| "-".to_owned()).into(),
    ]
}

/// The routes that lead to a target. Clients that none of them takes are those of `to`.
fn routes(target: &Target) -> String {
    match &target.routes[..] {
        [] => "-".to_owned(),
        [one] => one.clone(),
        [first, more @ ..] => format!("{first} and {}", more.len()),
    }
}

/// The seconds that a target has been in its state; `None` if the state has never changed.
fn age(target: &Target, now: SystemTime) -> Option<f64> {
    let since = humantime::parse_rfc3339(target.since.as_deref()?).ok()?;
    Some(now.duration_since(since).unwrap_or_default().as_secs_f64())
}

pub(crate) fn colour(state: &Word<TargetState>) -> Colour {
    match state {
        Word::Known(TargetState::Up) => Colour::Good,
        Word::Known(TargetState::Down | TargetState::Unreachable) => Colour::Bad,
        Word::Known(TargetState::Drained | TargetState::Unknown) | Word::Other(_) => {
            Colour::Notable
        }
    }
}
