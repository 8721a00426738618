//! The rules of selection, health and race, checked by a model of the contract (DESIGN 1.2) against the
//! reports of the workers, in their order.
//!
//! A report tells what the engine did: a target was tried, an attempt has failed, a target was connected. The
//! model decides by itself what it had to do. Where a change of the configuration is on its way, both
//! configurations may hold: such sessions are not judged, and what they leave behind is unknown to the model
//! until the next success.

mod admissions;
mod choice;
mod clients;
mod compare;
mod forward;
mod health;
mod judge;
pub(crate) mod named;
mod rates;
mod room;
mod routes;
mod session;
mod set;

use crate::script::{self, Configuration, Host, name_of};
use admissions::Admissions;
use choice::{SourceChoices, Turns};
use engine::{Report, SessionRecord};
use flow::{By, CloseReason, SendProxy, Time};
use forward::{Forward, Target, addresses};
use health::Health;
pub(crate) use routes::Heard;
use session::{Session, Try};
use set::{Candidate, Member, Set};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use sys::Address;

/// The model of all targets.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    forwards: BTreeMap<String, Forward>,
    /// By the engine's id.
    sessions: BTreeMap<u64, Session>,
    source: SourceChoices,
    /// Since when each host answers every connect; `None` while it does not.
    works_since: BTreeMap<u8, Option<Time>>,
    /// connect(2) may have failed for no reason.
    pub(crate) connects_fail: bool,
    /// Sessions whose listener may have been removed while their header was awaited.
    uncertain: BTreeSet<u64>,
    /// Accepted clients on their way to another worker.
    pub(crate) in_transit: usize,
    /// The target that has just gone down, before its report.
    goes_down: Option<(String, String)>,
}

impl Targets {
    /// A change to this configuration begins, while these sessions await something from their clients.
    pub(crate) fn begin_change(
        &mut self,
        configuration: &Configuration,
        greeting: impl Iterator<Item = u64>,
    ) {
        self.uncertain.extend(greeting);
        for (name, forward) in &mut self.forwards {
            let plan = configuration.0.iter().find(|plan| name_of(plan.name) == *name);
            let keeps_listeners = plan.is_some_and(|plan| plan.listen == forward.plan.listen);
            forward.is_changing |= !keeps_listeners;
            forward.plans.extend(plan.cloned());
            let is_same = plan.is_some_and(|plan| *plan == forward.plan);
            for session in self.sessions.values_mut().filter(|it| it.forward == *name) {
                let rule = session.rule;
                let keeps_rule = plan.is_some_and(|plan| rule.is_none() || plan.has_rule(rule));
                session.is_certain &= keeps_listeners && keeps_rule;
                session.is_unchanged &= is_same;
            }
        }
    }

    /// A session awaits something from its client. During a change, its listener may be one that is being removed.
    pub(crate) fn note_awaiting(&mut self, id: u64, forward: &str) {
        if self.forwards.get(forward).is_none_or(|known| known.is_changing) {
            self.uncertain.insert(id);
        }
    }

    /// The configuration is in force; the workers may not have its listeners yet.
    pub(crate) fn change(&mut self, configuration: &Configuration) {
        self.forwards.values_mut().for_each(|forward| forward.is_configured = false);
        for plan in &configuration.0 {
            let name = name_of(plan.name);
            match self.forwards.get_mut(&name) {
                Some(forward) => forward.change(plan),
                None => _ = self.forwards.insert(name, Forward::new(plan)),
            }
        }
    }

    /// A new process image: it knows the open sessions, and tries again to connect the others.
    pub(crate) fn replace_image(&mut self, now: Time) {
        for forward in self.forwards.values_mut() {
            forward.sets.iter_mut().for_each(|set| set.turns = Turns::new());
            forward.clients = Admissions::default();
            // Health goes on, counters begin anew. A removed forward keeps nothing of targets without sessions.
            for target in forward.targets.values_mut() {
                let health = if forward.is_configured { target.health } else { Health::Unknown };
                target.set_health(health, now);
                target.connects = None;
            }
        }
        for session in self.sessions.values_mut() {
            // The workers restore one after the other: some places are not taken yet when it tries again.
            (session.is_certain, session.is_unchanged) = (false, false);
            session.tries.clear();
        }
    }

    /// The condition of a host has changed.
    pub(crate) fn set_host(&mut self, host: u8, state: Host, now: Time) {
        let works = matches!(state, Host::Up | Host::Resetting | Host::Crashed);
        let since = self.works_since.entry(host).or_insert(Some(Time::from_micros(0)));
        // A crash loses connects that are under way.
        if !works || since.is_none() || state == Host::Crashed {
            *since = works.then_some(now);
        }
    }

    /// Notes a report of a worker, and checks it.
    pub(crate) fn note(&mut self, report: &Report, now: Time) {
        if let Some((forward, target)) = &self.goes_down {
            let is_reported = matches!(report, Report::TargetDown { forward: of, target: it, .. }
                if **of == **forward && **it == **target);
            assert!(is_reported, "{target} of {forward} has failed too often, and is not down");
        }
        match report {
            Report::Accepted { id, forward, client } => self.accepted(*id, forward, *client, now),
            Report::Trying { id, target, .. } => self.trying(*id, target, now),
            Report::Waiting { id, .. } => self.waits(*id, now),
            Report::AttemptFailed { id, target, address, reason, .. } => {
                self.attempt_failed(*id, target, *address, *reason, now);
            }
            Report::Forwarding { id, target, address, .. } => {
                self.connected(*id, target, *address, now);
            }
            Report::Ended(record) => self.ended(record, now),
            Report::TargetDown { forward, target, .. } => self.down(forward, target, now),
            Report::TargetUp { forward, target, .. } => self.up(forward, target, now),
            Report::ClientRefused { forward, client, limit, places, .. } => {
                self.client_refused(forward, &client.to_string(), *limit, *places);
            }
            _ => {}
        }
    }

    fn accepted(&mut self, id: u64, forward: &str, client: Address, now: Time) {
        let Some(known) = self.forwards.get(forward) else { return };
        let is_certain = !known.is_changing && !self.uncertain.contains(&id);
        let address = client.ip().map(|address| address.ip().to_canonical());
        self.sessions.insert(
            id,
            Session {
                forward: forward.into(),
                client: address,
                rule: None,
                awaits_hello: !known.plan.admission.routes.is_empty(),
                began: now,
                until: now.after(known.plan.limits.connect),
                targets: known.set(None).map_or(1, Set::len),
                is_certain,
                is_unchanged: is_certain,
                tries: Vec::new(),
                connected: None,
                waits_since: None,
                waited: Duration::ZERO,
            },
        );
    }

    /// The configurations of a forward that workers may still follow.
    pub(crate) fn plans_of(&self, forward: &str) -> Option<&[script::Forward]> {
        self.forwards.get(forward).map(|forward| &forward.plans[..])
    }

    /// `stall_timeout` of a forward. `None` if it is off, or about to change.
    pub(crate) fn stall_timeout(&self, forward: &str) -> Option<Duration> {
        match self.plans_of(forward)? {
            [plan] => plan.limits.stall,
            _ => None,
        }
    }

    /// The forward of a session, and when it began.
    pub(crate) fn began(&self, id: u64) -> Option<(&str, Time)> {
        self.sessions.get(&id).map(|session| (&*session.forward, session.began))
    }

    /// The headers that a target may get.
    pub(crate) fn header_for(&self, forward: &str, target: &str) -> Vec<SendProxy> {
        let forward = self.forwards.get(forward).filter(|it| it.is_configured);
        let forward = forward.filter(|it| it.plans.len() == 1);
        match forward.and_then(|it| Some((it.member(target)?, it.plan.admission.send_proxy))) {
            Some((member, of_forward)) => vec![member.send.unwrap_or(of_forward)],
            None => vec![SendProxy::Off, SendProxy::V1, SendProxy::V2],
        }
    }

    /// The targets of the session's forward; `None` if one is in an unknown state.
    fn candidates(&self, session: &Session, now: Time) -> Option<Vec<Candidate>> {
        let forward = self.forwards.get(&session.forward)?;
        let set = forward.set(session.rule)?;
        let has_health = forward.plan.selection.passive.is_some() && set.members.len() > 1;
        let candidate = |member: &Member| {
            let health = forward.targets.get(&member.text)?.health;
            let health = if has_health { health } else { Health::NEW };
            let sessions = self.places_in(&session.forward, &member.text);
            let is_tried = session.has_tried(&member.text);
            Some(Candidate { is_tried, ..Candidate::of(member, health, sessions, now)? })
        };
        set.members.iter().map(candidate).collect()
    }

    /// Sessions with a place in a target.
    fn places_in(&self, forward: &str, target: &str) -> u32 {
        let of_forward = self.sessions.values().filter(|session| session.forward == forward);
        let places = of_forward.flat_map(Session::places).filter(|it| *it == target);
        u32::try_from(places.count()).unwrap_or(u32::MAX)
    }

    fn trying(&mut self, id: u64, target: &str, now: Time) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.end_wait(now);
        assert!(
            session.connected.is_none(),
            "{target} is tried by a connected session: {session:?}"
        );
        // A set may have the target again as another one, after a reload without it.
        let is_twice = session.is_unchanged && session.has_tried(target);
        assert!(!is_twice, "{target} is tried twice: {session:?}");
        self.judge_choice(id, target, now);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(forward) = self.forwards.get_mut(&session.forward) else { return };
        if session.is_unchanged && !session.tries.is_empty() {
            session.follows(now);
        }
        // The next place is taken before the one in a failed target is returned.
        session.tries.iter_mut().filter(|it| it.is_over).for_each(|it| it.has_place = false);
        session.tries.push(Try {
            target: target.into(),
            at: now,
            failed: 0,
            is_over: false,
            was_short: false,
            has_place: true,
        });
        let latest = now.after(forward.plan.limits.connect);
        let has_others = forward.set(session.rule).is_some_and(|set| set.members.len() > 1);
        let Some(target) = forward.targets.get_mut(target) else { return };
        // A restored session whose listener was removed has no other target than the one that it had.
        if !session.is_certain && target.health.is_due(now) {
            target.set_health(Health::Unknown, now);
        } else if has_others {
            target.change_health(now, |health| health.selected(now, latest));
        }
    }

    fn attempt_failed(
        &mut self,
        id: u64,
        target: &str,
        address: Option<Address>,
        reason: CloseReason,
        now: Time,
    ) {
        self.judge_failure(id, target, address, reason);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(forward) = self.forwards.get_mut(&session.forward) else { return };
        let has_others = forward.set(session.rule).is_some_and(|set| set.members.len() > 1);
        let last = session.tries.len().saturating_sub(1);
        let mut tries = session.tries.iter_mut().enumerate().rev();
        let current = tries.find(|(_, it)| it.target == target && !it.is_over);
        let (at, current) =
            current.unwrap_or_else(|| panic!("{target} has failed, and is not tried"));
        let state = forward.targets.entry(target.into()).or_insert(Target::UNKNOWN);
        if let Some(connects) = &mut state.connects {
            connects[1] += 1;
        }
        current.failed += 1;
        current.was_short |= reason.by == By::Resource;
        current.is_over = address.is_none() || current.failed >= addresses(target).len();
        if !current.is_over {
            return;
        }
        current.has_place &= at == last;
        let passive = forward.plan.selection.passive;
        let counts = has_others && reason.by != By::Resource;
        if !session.is_certain {
            state.set_health(Health::Unknown, now);
        } else if let Some(passive) = passive.filter(|_| counts)
            && state.change_health(now, |health| health.failed(now, passive))
        {
            self.goes_down = Some((session.forward.clone(), target.into()));
        }
    }

    fn down(&mut self, forward: &str, target: &str, now: Time) {
        if self.goes_down.take().is_some() {
            return;
        }
        let Some(forward) = self.forwards.get_mut(forward) else { return };
        let passive = forward.plan.selection.passive;
        let Some(state) = forward.targets.get_mut(target) else { return };
        assert_eq!(state.health, Health::Unknown, "{target} is down without enough failures");
        if let Some(passive) = passive {
            let until = now.after(passive.down);
            state.set_health(Health::Down { failed_trials: 0, until, is_tried: false }, now);
        }
    }

    fn up(&mut self, forward: &str, target: &str, now: Time) {
        let Some(forward) = self.forwards.get_mut(forward) else { return };
        let Some(state) = forward.targets.get_mut(target) else { return };
        let was_up = matches!(state.health, Health::Up { .. });
        assert!(!was_up, "{target} is reported as up again, and was not down");
        state.set_health(Health::NEW, now);
    }

    fn connected(&mut self, id: u64, target: &str, address: Address, now: Time) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(forward) = self.forwards.get_mut(&session.forward) else { return };
        let tried = session.tries.iter().find(|it| it.target == target && !it.is_over);
        assert!(tried.is_some(), "{target} is connected, and is not tried: {session:?}");
        let is_its = addresses(target).contains(&address.ip());
        assert!(is_its, "the session {id} of {target} is connected to {address}");
        session.tries.clear();
        session.connected = Some(target.into());
        let Some(state) = forward.targets.get_mut(target) else { return };
        if let Some(connects) = &mut state.connects {
            connects[0] += 1;
        }
        let was_down = state.health.tried_from().is_some();
        assert!(!was_down, "{target} is connected, and not reported as up again");
        state.set_health(Health::NEW, now);
    }

    fn ended(&mut self, record: &SessionRecord, now: Time) {
        self.judge_end(record, now);
        let Some(session) = self.sessions.remove(&record.id) else { return };
        // A call failed, maybe after the connect was counted.
        if record.ending.reason.by == By::Resource
            && let Some(forward) = self.forwards.get_mut(&session.forward)
        {
            for tried in session.tries {
                _ = forward.targets.insert(tried.target, Target::UNKNOWN);
            }
        }
    }
}
