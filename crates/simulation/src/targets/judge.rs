//! The rules for one decision: which target a session gets, whether a failure is true, and whether a client
//! had to be lost.

use super::session::{Session, Try};
use super::set::{Candidate, serving};
use super::{Health, Target, Targets, choice};
use crate::script::{HOSTS, host_address};
use engine::SessionRecord;
use flow::{Balance, By, Cause, CloseReason, NoneUp, Phase, Time};
use std::net::SocketAddr;
use std::time::Duration;
use sys::Address;

/// Longest time of a connect to a host that answers: a worker may be held for some steps, and a SYN that meets
/// the end of an earlier connection is sent again after a second (seed 731418).
const CONNECTS_WITHIN: Duration = Duration::from_millis(1500);

/// The host at an address.
fn host_of(address: SocketAddr) -> Option<u8> {
    (0..HOSTS).find(|host| host_address(*host) == address)
}

impl Targets {
    /// A session gets an eligible target, by the rule of its balance.
    pub(super) fn judge_choice(&mut self, id: u64, target: &str, now: Time) {
        let Some(session) = self.sessions.get(&id) else { return };
        let Some(forward) = self.forwards.get(&session.forward) else { return };
        let selection = forward.plan.selection;
        let candidates = self.candidates(session, now).filter(|_| session.is_certain);
        let Some(candidates) = candidates else {
            let name = session.forward.clone();
            let rule = session.rule;
            if let Some(set) = self.forwards.get_mut(&name).and_then(|it| it.set_mut(rule)) {
                set.turns.disturb();
            }
            return;
        };
        let serving = serving(&candidates, selection.none_up);
        let chosen = serving.iter().copied().find(|it| it.member.text == target);
        let chosen = chosen.unwrap_or_else(|| {
            panic!(
                "{target} may not be tried now, of {candidates:?} (none_up {:?})",
                selection.none_up
            )
        });
        assert!(chosen.has_room(), "{target} is full: {chosen:?}");
        let eligible: Vec<&Candidate> =
            serving.iter().copied().filter(|it| it.has_room()).collect();
        let client = session.client;
        choice::check(selection.balance, &eligible, chosen, client, &mut self.source);
        let (name, rule) = (session.forward.clone(), session.rule);
        let Some(forward) = self.forwards.get_mut(&name) else { return };
        let has_one_listener = forward.plan.listen.len() == 1;
        let Some(set) = forward.set_mut(rule) else { return };
        if selection.balance == Balance::RoundRobin && has_one_listener {
            let all = set.members.iter().map(|member| member.weight).sum();
            set.turns.note(&eligible, all, chosen);
        }
    }

    /// A host that answers every connect is not reported as one that does not.
    pub(super) fn judge_failure(
        &self,
        id: u64,
        target: &str,
        address: Option<Address>,
        reason: CloseReason,
    ) {
        let Some(session) = self.sessions.get(&id) else { return };
        let tried = session.tries.iter().rev().find(|it| it.target == target);
        let Some(tried) = tried else { return };
        let is_true = self.connects_fail
            || reason.by == By::Resource
            || matches!(reason.cause, Cause::ConnectTimeout | Cause::Loop | Cause::Denied);
        let host = address.and_then(Address::ip).and_then(host_of);
        let works = host.is_some_and(|host| self.has_worked(host, tried.at));
        assert!(
            is_true || !works,
            "an attempt at {target} has failed with {reason:?}, and its host works"
        );
    }

    /// Whether the host has answered every connect since this time.
    fn has_worked(&self, host: u8, since: Time) -> bool {
        match self.works_since.get(&host) {
            Some(works) => works.is_some_and(|works| works < since),
            None => true,
        }
    }

    /// A client is lost only if no target was left that could take it, or its time was up.
    pub(super) fn judge_end(&self, record: &SessionRecord, now: Time) {
        let Some(session) = self.sessions.get(&record.id) else { return };
        let named = record.target();
        let is_named = match &session.connected {
            Some(connected) => named.is_some_and(|named| named == connected),
            None => !session.is_unchanged || named.is_none_or(|named| session.has_tried(named)),
        };
        assert!(is_named, "the record of session {} names {named:?}: {session:?}", record.id);
        let CloseReason { by, phase, cause, .. } = record.ending.reason;
        let is_decided = match by {
            By::Target => true,
            By::Limit => !matches!(cause, Cause::MaxAge | Cause::IdleTimeout),
            _ => false,
        };
        if phase != Phase::Connect || !is_decided || !session.is_certain || !session.is_unchanged {
            return;
        }
        // Its target does not take the header in time.
        if session.connected.is_some() {
            return;
        }
        if now < session.until {
            self.judge_loss(session, cause, now);
        } else {
            self.judge_timeout(session, now);
        }
    }

    /// A client that is lost before its time is up has tried all targets that it could.
    fn judge_loss(&self, session: &Session, cause: Cause, now: Time) {
        let runs = session.tries.iter().find(|tried| !tried.is_over);
        assert!(runs.is_none(), "a client is lost while an attempt may succeed: {session:?}");
        let Some((candidates, none_up)) = self.choices_of(session, now) else { return };
        let serving = serving(&candidates, none_up);
        let eligible: Vec<&&Candidate> = serving.iter().filter(|it| it.has_room()).collect();
        assert!(
            eligible.is_empty(),
            "a client is lost with {cause:?}, and was not offered {eligible:?}: {session:?}"
        );
        let is_wrong = match cause {
            Cause::OverLimit => serving.is_empty(),
            Cause::NoTarget => !serving.is_empty(),
            _ => false,
        };
        assert!(!is_wrong, "a client is lost with {cause:?}: {candidates:?}");
        let waits = self.forwards.get(&session.forward).is_some_and(|it| it.plan.limits.wait);
        assert!(
            !waits || serving.is_empty(),
            "a client is lost with {cause:?} and not left waiting: {candidates:?}"
        );
    }

    /// A client whose time is up has tried as many targets as its time allowed, and none that works.
    fn judge_timeout(&self, session: &Session, now: Time) {
        let would_serve = |it: &&Try| {
            let host = it.target.parse().ok().and_then(host_of);
            let works = host.is_some_and(|host| self.has_worked(host, it.at));
            works && !it.was_short && !self.connects_fail && now.since(it.at) > CONNECTS_WITHIN
        };
        let missed = session.tries.iter().find(would_serve);
        assert!(missed.is_none(), "{missed:?} works, and has not served the session in time");
        let Some((candidates, none_up)) = self.choices_of(session, now) else { return };
        let serving = serving(&candidates, none_up);
        // Others may have been full, or down, when the session asked.
        let is_steady = |it: &Candidate| {
            self.target_of(session, it).is_some_and(|target| target.changed <= session.began)
        };
        let mut ahead = candidates.iter().filter(|it| !it.is_tried && !it.member.is_backup);
        let backups_serve = ahead.all(is_steady);
        let was_eligible = |it: &Candidate| {
            let target = self.target_of(session, it);
            let has_no_failures = target.is_some_and(|target| target.health == Health::NEW);
            let serves = has_no_failures && (!it.member.is_backup || backups_serve);
            it.member.limit.is_none() && serves && is_steady(it)
        };
        let is_left = serving.iter().copied().any(was_eligible);
        assert!(
            !is_left || session.tries.len() >= session.tries_due(now),
            "a client's time is up after too few targets: {session:?}"
        );
    }

    /// The targets of a session's forward, and its `none_up`.
    pub(super) fn choices_of(
        &self,
        session: &Session,
        now: Time,
    ) -> Option<(Vec<Candidate>, NoneUp)> {
        let forward = self.forwards.get(&session.forward)?;
        Some((self.candidates(session, now)?, forward.plan.selection.none_up))
    }

    fn target_of(&self, session: &Session, candidate: &Candidate) -> Option<&Target> {
        self.forwards.get(&session.forward)?.targets.get(&candidate.member.text)
    }
}
