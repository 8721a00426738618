//! Stage *select* for a session: it takes a place in a target or, if all of them are full, waits for one.

use crate::connecting::{Connecting, Tried};
use crate::context::Context;
use crate::permit::Claim;
use crate::report::Report;
use crate::resolve::{Asker, Query};
use crate::rules::Rules;
use crate::select::{next_trial, select};
use crate::session::{Outcome, Over, Session};
use crate::slots::Key;
use crate::table::Entry;
use crate::target_address::TargetAddress;
use flow::{AtLimit, By, Cause, CloseReason, NoTarget, Phase, Stage};
use std::sync::Arc;
use sys::kernel::Kernel;

/// Selects the first target of a session, which may have a claim to a place. The stage has the end of all
/// attempts.
pub(crate) fn select_first<K: Kernel>(
    entry: &mut Entry<'_, K>,
    context: &mut Context<K>,
    rules: &Rules,
    claim: Option<Claim>,
) -> Outcome {
    let session = &mut *entry.session;
    let until = match session.flow.stage() {
        Stage::Connecting { attempt_until } => attempt_until,
        _ => context.now,
    };
    let place = take_place(session, context, &Tried::nothing(), rules, claim);
    let targets = match &place {
        Ok(targets) => *targets,
        Err(NoPlace::Wait(_)) => session.route().targets.load().members().len(),
        Err(NoPlace::Refused(reason)) => return Err(no_target(*reason)),
    };
    session.connecting = Some(Box::new(Connecting::new(context.now, until, targets)));
    match place {
        Err(NoPlace::Wait(claim)) => wait_for_place(session, entry.key, context, claim),
        _ => add_selected(entry, context),
    }
    Ok(())
}

/// Selects another target after or beside those that were tried.
pub(crate) fn select_another<K: Kernel>(
    entry: &mut Entry<'_, K>,
    context: &mut Context<K>,
    rules: &Rules,
) {
    let session = &mut *entry.session;
    let Some(connecting) = &mut session.connecting else { return };
    let tried = connecting.tried();
    let claim = connecting.claim.take();
    let left = connecting.set_place_aside(&mut session.permit);
    let place = take_place(session, context, &tried, rules, claim);
    let Some(connecting) = &mut session.connecting else { return };
    let (waits, refused) = match place {
        Ok(_) => (None, None),
        Err(NoPlace::Wait(claim)) => (Some(claim), None),
        Err(NoPlace::Refused(reason)) => (None, Some(reason)),
    };
    // A place in a failed target is kept only by a session that gets no other one.
    let (left, kept) = if refused.is_some() { (None, left) } else { (left, None) };
    if refused.is_some() || left.is_some() {
        connecting.no_target = refused;
    }
    if let Some(place) = left {
        context.shared.release_place(place);
    }
    if waits.is_none() && refused.is_none() {
        return add_selected(entry, context);
    }
    // The record names the last target, which has failed or may still answer.
    connecting.race.no_more_targets();
    if let Some(place) = kept.or_else(|| connecting.rounds.last_mut()?.place.take()) {
        session.permit.take_back(place);
    }
    if let Some(claim) = waits {
        wait_for_place(session, entry.key, context, claim);
    }
}

/// Adds the target of the permit to the race, and has its name resolved.
fn add_selected<K: Kernel>(entry: &mut Entry<'_, K>, context: &mut Context<K>) {
    let session = &mut *entry.session;
    let (Some(target), Some(connecting)) = (session.permit.target(), &mut session.connecting)
    else {
        return;
    };
    connecting.add(target, context.now);
    session.target_address = None;
    if context.shared.detail.steps() {
        context.shared.outbox.send(Report::Trying {
            id: session.id,
            forward: Arc::clone(&session.permit.route().forward.name),
            target: Arc::clone(&target.text),
        });
    }
    match &target.address {
        TargetAddress::Name(host, port) | TargetAddress::Set(host, port) => {
            context.shared.resolver.resolve(Query {
                host: Arc::clone(host),
                port: *port,
                asker: Asker::Session {
                    session: entry.key,
                    round: connecting.rounds.len() - 1,
                    worker: Arc::clone(&context.mailbox),
                },
            });
        }
        TargetAddress::Ip(_) | TargetAddress::Unix(_) => {}
    }
}

/// The result of [`take_place`] without a place.
enum NoPlace {
    /// All targets that the session has not tried are full: it waits for a place. It has a claim if it has
    /// tried none: any place is one that it may take.
    Wait(Option<Claim>),
    /// The session gets no further target.
    Refused(NoTarget),
}

/// Takes a place in a target that the session has not `tried`, and returns its `claim`. Returns the number of
/// targets in the set. If all are full and clients may wait, the worker is woken when there is room.
fn take_place<K: Kernel>(
    session: &mut Session<K>,
    context: &mut Context<K>,
    tried: &Tried,
    rules: &Rules,
    claim: Option<Claim>,
) -> Result<usize, NoPlace> {
    let (client, now, permit) = (session.client_address, context.now, &mut session.permit);
    let mut claim = claim;
    let random = &mut context.random;
    let mut selected = select(permit, client, tried, rules, now, random);
    if selected == Err(NoTarget::Full) && rules.at_limit == AtLimit::Wait {
        let forward = Arc::clone(&permit.route().forward);
        if tried.is_empty() {
            claim.get_or_insert_with(|| permit.route().claims().enter());
        }
        let is_decided = forward.claims.waiters().attempt(context.index, || {
            // A reload may have changed the rules before the worker was noted.
            selected = select(permit, client, tried, &forward.rules(), now, random);
            selected != Err(NoTarget::Full)
        });
        if !is_decided {
            return Err(NoPlace::Wait(claim));
        }
    }
    context.shared.release_claim(claim);
    selected.map_err(NoPlace::Refused)
}

/// Lets a session wait for a place: its worker lists it.
fn wait_for_place<K: Kernel>(
    session: &mut Session<K>,
    key: Key,
    context: &mut Context<K>,
    waits_with: Option<Claim>,
) {
    let until = next_trial(session.route(), context.now);
    let forward = Arc::clone(&session.route().forward.name);
    let Some(connecting) = &mut session.connecting else {
        return context.shared.release_claim(waits_with);
    };
    let Connecting { race, claim, no_target, is_listed, .. } = &mut **connecting;
    race.wait_for_place(until);
    let is_new = no_target.replace(NoTarget::Full).is_none();
    debug_assert!(claim.is_none(), "a session has one claim");
    *claim = waits_with;
    if !std::mem::replace(is_listed, true) {
        context.waiting.push(key);
    }
    if is_new && context.shared.detail.steps() {
        context.shared.outbox.send(Report::Waiting { id: session.id, forward });
    }
}

/// The end of a session that gets no target.
pub(crate) fn no_target(reason: NoTarget) -> Over {
    let (by, cause) = match reason {
        NoTarget::Down => (By::Target, Cause::NoTarget),
        NoTarget::Full => (By::Limit, Cause::OverLimit),
    };
    Over::reset(CloseReason::new(by, Phase::Connect, cause))
}
