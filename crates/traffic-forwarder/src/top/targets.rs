//! The list of targets: its rows, their order, and all facts of one.

use super::list::{PageQuery, Row};
use crate::console::target_check::{last_check, state};
use crate::console::units::seconds;
use api::{Forward, Target, TargetState, Word};
use plan::counted;
use std::cmp::Reverse;

/// The sort orders of the list: what is out of use first, the order of the configuration, the most
/// sessions first, the most failed connects first.
pub(super) const SORTS: &[&str] = &["state", "config", "sessions", "failed"];

/// A target of a forward.
#[derive(Clone, Debug)]
pub(super) struct TargetRow {
    pub(super) forward: String,
    pub(super) target: Target,
}

impl Row for TargetRow {
    fn has_same_id(&self, other: &Self) -> bool {
        (&self.forward, &self.target.address) == (&other.forward, &other.target.address)
    }
}

/// The targets that a query asks for, in its order. Equal ones stay in the order of the
/// configuration. A filter that is the whole name of a forward means this forward only.
pub(super) fn rows(forwards: Vec<Forward>, query: &PageQuery) -> Vec<TargetRow> {
    let is_name = forwards.iter().any(|forward| forward.name == query.filter);
    let wanted = forwards.into_iter().filter(|it| !is_name || it.name == query.filter);
    let mut rows: Vec<_> = wanted
        .flat_map(|Forward { name, targets, .. }| {
            targets.into_iter().map(move |target| TargetRow { forward: name.clone(), target })
        })
        .collect();
    match query.sort {
        "state" => rows.sort_by_key(|row| urgency(&row.target.state)),
        "sessions" => rows.sort_by_key(|row| Reverse(row.target.sessions)),
        "failed" => rows.sort_by_key(|row| Reverse(row.target.failed_connects)),
        _ => {}
    }
    rows
}

/// The rank of a state in a list that begins with what is wrong.
fn urgency(state: &Word<TargetState>) -> u8 {
    match state {
        Word::Known(TargetState::Down) => 0,
        Word::Known(TargetState::Unreachable) => 1,
        Word::Known(TargetState::Unknown) | Word::Other(_) => 2,
        Word::Known(TargetState::Drained) => 3,
        Word::Known(TargetState::Up) => 4,
    }
}

/// All known facts of a target, as name and text.
pub(super) fn facts_of(row: &TargetRow) -> Vec<(&'static str, String)> {
    let TargetRow { forward, target } = row;
    let set = target.set.as_ref().map(|set| format!(", a record of {set}")).unwrap_or_default();
    let limit = target.max_sessions.map(|limit| format!(" of at most {limit}"));
    let backup = if target.backup { ", backup" } else { "" };
    let usual = target.connect_time.map(|time| format!(", usually {}", seconds(time)));
    let checks = target.checks.as_ref().map_or_else(
        || "none".to_owned(),
        |counts| format!("{} succeeded, {} failed", counts.succeeded, counts.failed),
    );
    let last = target.last_check.as_ref().zip(last_check(target));
    vec![
        ("target", format!("{}{set}", target.address)),
        ("forward", forward.clone()),
        ("listen", target.listen.join(", ")),
        ("state", state(target)),
        ("sessions", format!("{}{}", target.sessions, limit.unwrap_or_default())),
        ("weight", format!("{}{backup}", target.weight)),
        (
            "connects",
            format!(
                "{}, {} failed{}",
                counted(target.connects, "connect"),
                target.failed_connects,
                usual.unwrap_or_default()
            ),
        ),
        ("checks", checks),
        ("last check", last.map_or("-".to_owned(), |(it, text)| format!("{text}, at {}", it.at))),
    ]
}
