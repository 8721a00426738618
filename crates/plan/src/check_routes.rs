//! Checks of one forward's routes among each other.

use std::collections::HashMap;

use flow::HelloRule;

use crate::address::Target;
use crate::counted::counted;
use crate::draft::{Draft, Located};
use crate::setting::Setting;
use crate::table::Table;
use crate::target::{TargetOptions, TargetRange};
use crate::text::{Span, quoted};

/// Most routes of a forward. They are compared with each hello, one after the other.
const ROUTES_MAX: usize = 1024;

/// Most combinations of a name and a protocol in the routes of a forward.
const NAMES_MAX: usize = 4096;

/// A problem, with a hint.
pub(crate) type RouteProblem<'a> = (Span<'a>, String, &'static str);

/// The problems of a forward's routes.
pub(crate) fn problems<'a>(draft: &Draft<'a>) -> Vec<RouteProblem<'a>> {
    if draft.routes.is_empty() {
        return Vec::new();
    }
    let mut problems = ranges(draft);
    problems.extend(shared_targets(draft));
    match too_many(draft) {
        Some(problem) => problems.push(problem),
        None => problems.extend(hidden(draft)),
    }
    problems
}

/// Ranges map port by port, and routes have no ports.
fn ranges<'a>(draft: &Draft<'a>) -> Vec<RouteProblem<'a>> {
    let problem = |span: &Span<'a>, ports: u16, hint| {
        let message = format!("a forward with `route` has no ranges, and these are {ports} ports");
        (ports != 1).then(|| (span.clone(), message, hint))
    };
    let listens = draft.listens.iter().filter_map(|it| {
        problem(&it.span, it.value.count, "write the ports as a list of addresses")
    });
    let targets = draft.target_lists().flatten().filter_map(|it| {
        problem(&it.span, it.value.address.count, "write the targets as a list of addresses")
    });
    listens.chain(targets).collect()
}

/// A target has one state in its forward: its options that are not those of a list must agree.
fn shared_targets<'a>(draft: &Draft<'a>) -> Vec<RouteProblem<'a>> {
    let mut known: HashMap<Target, &Located<'a, TargetRange>> = HashMap::new();
    let mut problems = Vec::new();
    for to in draft.target_lists().flatten() {
        let first = *known.entry(to.value.address.first.canonical()).or_insert(to);
        let differs = |setting: &&Setting| {
            let [one, other] = [first, to].map(|it| it.value.options.written(setting));
            matches!(setting.key, "max_sessions" | "send_proxy" | "pass_tlvs") && one != other
        };
        if let Some(setting) = TargetOptions::SETTINGS.iter().find(differs) {
            let address = quoted(&to.value.address.to_string());
            let place = first.span.location();
            let message = format!(
                "the target {address} has another `{}` in line {}, column {}",
                setting.key, place.line, place.column
            );
            let hint =
                "a target has one state for all routes of its forward: give it the same value";
            problems.push((to.span.clone(), message, hint));
        }
    }
    problems
}

fn too_many<'a>(draft: &Draft<'a>) -> Option<RouteProblem<'a>> {
    if let Some(beyond) = draft.routes.get(ROUTES_MAX) {
        let message = format!("a forward has at most {ROUTES_MAX} routes, and this is one more");
        return Some((beyond.span.clone(), message, "divide them among several forwards"));
    }
    let mut names = 0;
    let is_beyond = |rule: &HelloRule| {
        names += rule.names.len().max(1) * rule.protocols.len().max(1);
        names > NAMES_MAX
    };
    let mut is_beyond = is_beyond;
    let beyond = draft.routes.iter().find(|route| is_beyond(&route.rule))?;
    let message = format!(
        "up to here the routes have more than {}, counted for each protocol",
        counted(NAMES_MAX, "name")
    );
    Some((beyond.span.clone(), message, "divide them among several forwards"))
}

/// Routes whose clients are all taken by the routes before them.
fn hidden<'a>(draft: &Draft<'a>) -> Vec<RouteProblem<'a>> {
    let rules: Vec<HelloRule> = draft.routes.iter().map(|route| route.rule.clone()).collect();
    let routes = draft.routes.iter().enumerate();
    let hidden = routes.filter(|(at, route)| route.rule.is_hidden_by(&rules[..*at]));
    let problem = |(at, _): (usize, _)| {
        let is_one = |earlier: &&_| rules[at].is_hidden_by(std::slice::from_ref(&rules[**earlier]));
        let earlier = (0..at).collect::<Vec<_>>().iter().find(is_one).copied();
        let message = match earlier.map(|earlier| draft.routes[earlier].span.location()) {
            Some(place) => format!(
                "this route can never match: the one in line {}, column {} takes all of its clients",
                place.line, place.column
            ),
            None => {
                "this route can never match: those before it take all of its clients".to_owned()
            }
        };
        let hint = "the first route that matches serves: put the more specific one first";
        (draft.routes[at].span.clone(), message, hint)
    };
    hidden.map(problem).collect()
}
