//! Stage *select*: chooses a target of the set, and takes a place in it for the session's permit. Target
//! sets are read only here and where sessions are restored after an upgrade.

use crate::connecting::Tried;
use crate::permit::Permit;
use crate::rule::{Route, rule};
use crate::rules::Rules;
use crate::targets::TargetSet;
use flow::{Balance, Candidate, Candidates, Choice, NoTarget, Random, Time, Turns, WEIGHT_PARTS};
use std::sync::{Arc, PoisonError};
use sys::Address;

/// Takes a place in a target that may serve the client, and that it has not `tried`. The permit must have
/// no place in another one. Returns the number of targets in the set.
pub(crate) fn select(
    permit: &mut Permit,
    client: Address,
    tried: &Tried,
    rules: &Rules,
    now: Time,
    random: &mut Random,
) -> Result<usize, NoTarget> {
    let set = rule(permit.route()).load();
    let count = set.members().len();
    // Another worker may take the last place of the selected target first: then select again. Bounded by
    // the number of targets, because other sessions may take and return places indefinitely.
    for _ in 0..count {
        let position = choose(&set, client, tried, rules, now, random)?;
        let until = now.after(rules.timeouts.connect);
        // Another client may try to return to the target at the same time.
        if count > 1 && !set.members()[position].target.admits(now, until) {
            continue;
        }
        if permit.enter_target(Arc::clone(&set.members()[position].target)).is_ok() {
            return Ok(count);
        }
    }
    Err(if count == 0 { NoTarget::Down } else { NoTarget::Full })
}

/// Whether a target that serves new clients of the route has a place beside this number of claims. Reads the
/// present rules and set each time: they may change between two attempts.
pub(crate) fn has_place(route: &Route, now: Time, claims: u32) -> bool {
    let (set, rules, tried) = (rule(route).load(), route.forward.rules(), Tried::nothing());
    !set.is_limited
        || flow::has_place(&candidates(&set, &tried, &rules, now), rules.none_up, claims)
}

/// Whether a limit of its targets may keep clients of the route waiting.
pub(crate) fn is_limited(route: &Route) -> bool {
    rule(route).load().is_limited
}

/// When a target that is down may first be tried again: it has a place then that no wake-up announces.
/// [`Time::NEVER`] without such a target.
pub(crate) fn next_trial(route: &Route, now: Time) -> Time {
    let (set, rules) = (rule(route).load(), route.forward.rules());
    let members = set.members().iter().filter(|_| set.has_passive_health(&rules));
    members.filter_map(|it| it.target.trial_at(now)).min().unwrap_or(Time::NEVER)
}

fn choose(
    set: &TargetSet,
    client: Address,
    tried: &Tried,
    rules: &Rules,
    now: Time,
    random: &mut Random,
) -> Result<usize, NoTarget> {
    let candidates = candidates(set, tried, rules, now);
    let select = |choice: Choice<'_>| flow::select(&candidates, choice, rules.none_up);
    match rules.balance {
        // The usual forward has one target, and needs no choice.
        _ if candidates.numbers.len() == 1 => select(Choice::First),
        Balance::Least => select(Choice::Least(random.number())),
        Balance::RoundRobin => {
            let mut turns = set.turns.lock().unwrap_or_else(PoisonError::into_inner);
            let turns: &mut Turns = &mut turns;
            select(Choice::RoundRobin(turns))
        }
        Balance::Source => {
            // All clients of Unix listeners are one.
            let number = client.ip().map_or(0, |address| flow::client_number(address.ip()));
            select(Choice::Source(number))
        }
        Balance::First => select(Choice::First),
    }
}

fn candidates<'a>(
    set: &'a TargetSet,
    tried: &'a Tried,
    rules: &Rules,
    now: Time,
) -> Candidates<'a, impl Fn(usize) -> Candidate> {
    let has_health = set.has_passive_health(rules);
    let slow_start = rules.slow_start;
    let at = move |position: usize| {
        let member = &set.members()[position];
        let target = &member.target;
        let (is_up, free) = if has_health { target.room(now) } else { (true, target.gate.free()) };
        Candidate {
            is_up: is_up && !target.checked.is_down(),
            free,
            is_tried: tried.contains(target) || target.is_drained(),
            level: member.level,
            weight: slow_start
                .map_or(member.weight, |time| target.ramped(member.weight, now, time)),
            sessions: target.gate.taken(),
        }
    };
    let parts = if slow_start.is_some() { WEIGHT_PARTS } else { 1 };
    let heaviest = set.heaviest.saturating_mul(parts);
    Candidates { numbers: &set.numbers, levels: &set.levels, at, heaviest }
}
