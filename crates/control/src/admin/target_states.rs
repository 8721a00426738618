//! The targets of a forward as the API lists them.

use crate::api_format::{Moment, time};
use api::{CheckCounts, LastCheck, Target, TargetState};
use discover::NamesStatus;
use engine::{ForwardView, TargetView, set_of};
use plan::TargetEntry;
use std::time::{Duration, SystemTime};

/// The targets of a forward; last come the entries of `to` that stand for records of a name without an
/// answer.
pub(super) fn targets_of(view: &ForwardView<'_>, names: &NamesStatus) -> Vec<Target> {
    let now = Moment::now();
    let mut targets: Vec<Target> = view.targets().iter().map(|it| target_of(it, now)).collect();
    for route in &view.plan.routes {
        for entry in &*route.targets {
            let Some(missing) = unresolved(entry, names) else { continue };
            let listen = route.listen.to_string();
            match targets.iter_mut().find(|it| it.address == missing.address) {
                // Another listener has the entry, too.
                Some(known) if known.state == TargetState::Unknown => {
                    if !known.listen.contains(&listen) {
                        known.listen.push(listen);
                    }
                }
                // It is a target itself, as nothing else is.
                Some(known) if known.state == TargetState::Up => {
                    let Target { state, since, why, .. } = missing;
                    *known = Target { state, since, why, ..known.clone() };
                }
                Some(_) => {}
                None => targets.push(Target { listen: vec![listen], ..missing }),
            }
        }
    }
    targets
}

/// The entry as a target in the state *unknown*, if it stands for the records of a name without an answer.
fn unresolved(entry: &TargetEntry, names: &NamesStatus) -> Option<Target> {
    let (name, _) = set_of(&entry.address)?;
    if names.sets.iter().any(|(set, members)| *set == name && *members > 0) {
        return None;
    }
    let failing = names.failing.iter().find(|it| it.name == name);
    let since = failing.and_then(|it| SystemTime::now().checked_sub(it.since));
    Some(Target {
        address: entry.address.to_string(),
        set: None,
        listen: Vec::new(),
        state: TargetState::Unknown.into(),
        since: since.map(time),
        why: Some(
            failing.map_or("its name has no answer yet".to_owned(), |it| it.error.to_string()),
        ),
        retry_in: None,
        checks: None,
        last_check: None,
        sessions: 0,
        max_sessions: entry.options.max_sessions.map(std::num::NonZeroU32::get),
        weight: entry.options.weight.get(),
        backup: entry.options.backup,
        connects: 0,
        failed_connects: 0,
        connect_time: None,
    })
}

/// The word of the API for a target's state.
pub(super) fn target_state(view: &TargetView) -> TargetState {
    match view {
        TargetView { drained_at: Some(_), .. } => TargetState::Drained,
        TargetView { is_unknown: true, .. } => TargetState::Unknown,
        TargetView { is_up: true, .. } => TargetState::Up,
        _ => TargetState::Down,
    }
}

fn target_of(view: &TargetView, now: Moment) -> Target {
    let [connects, failed_connects] = view.connects;
    // An older version has not noted since when.
    let drained_at =
        view.drained_at.filter(|at| *at > SystemTime::UNIX_EPOCH + Duration::from_secs(1));
    let changed_at = view.change.as_ref().map(|change| change.at);
    Target {
        address: view.address.to_string(),
        set: view.set.clone(),
        listen: view.listen.iter().map(ToString::to_string).collect(),
        state: target_state(view).into(),
        since: drained_at.or(changed_at).map(time),
        why: view.change.as_ref().and_then(|change| change.why.as_deref().map(str::to_owned)),
        retry_in: view.tried_from.map(|from| from.since(now.monotonic).as_secs_f64()),
        checks: view.checks.map(|[succeeded, failed]| CheckCounts { succeeded, failed }),
        last_check: view.last_check.as_ref().map(|last| LastCheck {
            result: last.error.as_deref().unwrap_or("ok").to_owned(),
            at: time(last.at),
            took: last.took.as_secs_f64(),
        }),
        sessions: view.sessions,
        max_sessions: view.max_sessions,
        weight: view.weight,
        backup: view.is_backup,
        connects,
        failed_connects,
        connect_time: view.usual_connect_time.map(|time| time.as_secs_f64()),
    }
}
