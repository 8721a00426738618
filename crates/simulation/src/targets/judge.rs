//! The rules for one decision: which target a session gets, whether a failure is true, and whether a client
//! had to be lost.

use super::set::{Candidate, serving};
use super::{Targets, choice};
use crate::script::{HOSTS, host_address};
use engine::SessionRecord;
use flow::{Balance, By, Cause, CloseReason, Phase, Time};
use sys::Address;

impl Targets {
    /// A session gets an eligible target, by the rule of its balance.
    pub(super) fn judge_choice(&mut self, id: u64, target: &str, now: Time) {
        let Some(session) = self.sessions.get(&id) else { return };
        let Some(forward) = self.forwards.get(&session.forward) else { return };
        let selection = forward.plan.selection;
        let candidates = self.candidates(session, now).filter(|_| session.is_certain);
        let Some(candidates) = candidates else {
            let name = session.forward.clone();
            self.forwards.get_mut(&name).into_iter().for_each(|it| it.turns.disturb());
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
        let name = session.forward.clone();
        let Some(forward) = self.forwards.get_mut(&name) else { return };
        if selection.balance == Balance::RoundRobin && forward.plan.listen.len() == 1 {
            let all = forward.members.iter().map(|member| member.weight).sum();
            forward.turns.note(&eligible, all, chosen);
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
        let host = address
            .and_then(Address::ip)
            .and_then(|it| (0..HOSTS).find(|host| host_address(*host) == it));
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
            Some(connected) => named == connected,
            None => named.is_empty() || session.has_tried(named) || !session.is_unchanged,
        };
        assert!(is_named, "the record of session {} names {named}: {session:?}", record.id);
        let CloseReason { by, phase, cause, .. } = record.ending.reason;
        let of_engine = match by {
            By::Target => true,
            By::Limit => !matches!(cause, Cause::MaxAge | Cause::IdleTimeout),
            _ => false,
        };
        if phase != Phase::Connect || !of_engine || !session.is_certain || !session.is_unchanged {
            return;
        }
        let Some(candidates) = self.candidates(session, now) else { return };
        let Some(forward) = self.forwards.get(&session.forward) else { return };
        let serving = serving(&candidates, forward.plan.selection.none_up);
        let eligible: Vec<&&Candidate> = serving.iter().filter(|it| it.has_room()).collect();
        if now < session.until {
            let runs = session.tries.iter().find(|tried| !tried.is_over);
            assert!(runs.is_none(), "a client is lost while an attempt may succeed: {session:?}");
            assert!(
                eligible.is_empty(),
                "a client is lost with {:?}, and was not offered {eligible:?}: {session:?}",
                record.ending.reason
            );
            let is_full = cause == Cause::OverLimit;
            assert!(
                !is_full || !serving.is_empty(),
                "a client is refused by the limits of targets that are not up: {candidates:?}"
            );
            let is_down = cause == Cause::NoTarget;
            assert!(
                !is_down || serving.is_empty(),
                "a client is refused although a target is up: {candidates:?}"
            );
            return;
        }
        let was_up = |it: &&&&Candidate| {
            it.member.limit.is_none() && self.is_without_failures(&session.forward, it)
        };
        let always = eligible.iter().filter(was_up).count();
        assert!(
            always == 0 || session.tries.len() >= session.tries_due(now),
            "a client's time is up after too few targets: {session:?}"
        );
    }

    /// Whether no failure of a target is counted.
    fn is_without_failures(&self, forward: &str, candidate: &Candidate) -> bool {
        let targets = self.forwards.get(forward).map(|it| &it.targets);
        let target = targets.and_then(|it| it.get(&candidate.member.text));
        target.is_some_and(|it| it.health == super::Health::NEW)
    }
}
