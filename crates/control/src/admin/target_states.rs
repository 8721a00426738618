//! The targets of a forward as the API lists them.

use crate::api_format::{Moment, time};
use api::{CheckCounts, LastCheck, Target, TargetState};
use discover::{FailingName, NamesStatus};
use engine::{ForwardView, TargetView, set_of};
use plan::TargetEntry;
use std::time::SystemTime;

/// The targets of a forward; last come the entries of `to` that stand for records of a name without an
/// answer.
pub(super) fn targets_of(view: &ForwardView<'_>, names: &NamesStatus) -> Vec<Target> {
    let now = Moment::now();
    let mut targets: Vec<Target> = view.targets().iter().map(|it| target_of(it, now)).collect();
    for (listen, route, entry) in entries(view) {
        if let Some(failing) = failing_name(entry, names) {
            let address = entry.address.to_string();
            let reached = [TargetState::Up, TargetState::Unreachable];
            let known = targets.iter_mut().find(|it| it.address == address);
            if let Some(target) = known.filter(|known| reached.iter().any(|it| known.state == *it))
            {
                target.state = TargetState::Unreachable.into();
                target.since = SystemTime::now().checked_sub(failing.since).map(time);
                target.why = Some(failing.error.to_string());
            }
        }
        if let Some(missing) = unresolved(entry, names) {
            let missing = Target { routes: route.into_iter().collect(), ..missing };
            match targets.iter_mut().find(|it| it.address == missing.address) {
                // Another listener has the entry, too.
                Some(known) if known.state == TargetState::Unknown => {
                    let routes = missing.routes.into_iter();
                    known
                        .routes
                        .extend(routes.filter(|it| !known.routes.contains(it)).collect::<Vec<_>>());
                    if !known.listen.contains(&listen) {
                        known.listen.push(listen);
                    }
                }
                // It is a target itself, as nothing else is.
                Some(known)
                    if known.state == TargetState::Up
                        || known.state == TargetState::Unreachable =>
                {
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

/// The entries of each listener and, with the name of the route, those of its routes.
fn entries<'a>(
    view: &ForwardView<'a>,
) -> impl Iterator<Item = (String, Option<String>, &'a TargetEntry)> {
    let plan = view.plan;
    plan.routes.iter().flat_map(move |listener| {
        let routes = plan.hello_routes.iter();
        let routes = routes.map(|route| (Some(route.rule.name()), &route.targets));
        let lists = std::iter::once((None, &listener.targets)).chain(routes);
        lists.flat_map(move |(route, targets)| {
            let listen = listener.listen.to_string();
            targets.iter().map(move |entry| (listen.clone(), route.clone(), entry))
        })
    })
}

/// Whether [`targets_of`] has a target that is unreachable because its name fails. Cheaper than the list.
pub(super) fn has_failing_name(plan: &plan::Forward, names: &NamesStatus) -> bool {
    let listeners = plan.routes.iter().map(|listener| &listener.targets);
    let mut lists = listeners.chain(plan.hello_routes.iter().map(|route| &route.targets));
    !names.failing.is_empty()
        && lists.any(|targets| targets.iter().any(|entry| failing_name(entry, names).is_some()))
}

/// The failure of the entry's name, if it is a single target, and has no address.
fn failing_name<'a>(entry: &TargetEntry, names: &'a NamesStatus) -> Option<&'a FailingName> {
    let plan::Target::Name { host, .. } = &entry.address else { return None };
    if names.failing.is_empty() {
        return None;
    }
    let host = host.to_ascii_lowercase();
    // They are in alphabetical order.
    let position = names.failing.binary_search_by(|it| (*it.name).cmp(&host)).ok()?;
    names.failing.get(position).filter(|it| it.serving == 0)
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
        routes: Vec::new(),
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
fn target_state(view: &TargetView) -> TargetState {
    match view {
        TargetView { is_drained: true, .. } => TargetState::Drained,
        TargetView { is_unknown: true, .. } => TargetState::Unknown,
        TargetView { is_up: true, unreachable: Some(_), .. } => TargetState::Unreachable,
        TargetView { is_up: true, .. } => TargetState::Up,
        _ => TargetState::Down,
    }
}

fn target_of(view: &TargetView, now: Moment) -> Target {
    let [connects, failed_connects] = view.connects;
    let state = target_state(view);
    let change = match state {
        TargetState::Unreachable => view.unreachable.as_ref(),
        _ => view.change.as_ref(),
    };
    let changed_at = change.map(|change| change.at);
    Target {
        address: view.address.to_string(),
        set: view.set.clone(),
        listen: view.listen.iter().map(ToString::to_string).collect(),
        routes: view.routes.clone(),
        state: state.into(),
        since: view.drained_at.or(changed_at).map(time),
        why: change.and_then(|change| change.why.as_deref().map(str::to_owned)),
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

#[cfg(test)]
mod tests {
    use super::*;
    use discover::LookUpError;
    use std::time::Duration;

    fn plan_to(to: &str) -> plan::Plan {
        let text = format!("[[forward]]\nlisten = ':1'\nto = {to}\n");
        let input = plan::Input { config: Some("file".into()), ..plan::Input::default() };
        plan::read_text(&input, &text).plan.expect("a valid configuration")
    }

    fn failing(name: &str, serving: usize) -> NamesStatus {
        let (name, error) = (name.into(), LookUpError::NotFound);
        let failing = FailingName { name, since: Duration::ZERO, error, serving };
        NamesStatus { failing: vec![failing], ..NamesStatus::default() }
    }

    #[test]
    fn only_a_failing_name_of_its_own_single_targets_makes_a_forward_unreachable() {
        let of = |to: &str, names: &NamesStatus| has_failing_name(&plan_to(to).forwards[0], names);
        let db = failing("db.test", 0);
        assert!(of("['10.0.0.1:1', 'DB.test:1']", &db));
        assert!(!of("'other.test:1'", &db), "the name of another forward");
        assert!(!of("'dns:db.test:1'", &db), "a set has no target without an answer");
        assert!(!of("'db.test:1'", &failing("db.test", 1)), "its last addresses serve on");
    }
}
