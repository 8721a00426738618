//! The rules for clients that wait for a place in a target: none waits while a target has room for it.

use super::Targets;
use super::health::Health;
use super::session::Session;
use super::set::{Candidate, serving};
use flow::Time;

impl Targets {
    /// A session finds all targets full that it has not tried, and waits. It keeps no place in one that has failed.
    pub(super) fn waits(&mut self, id: u64, now: Time) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.begin_wait(now);
        session.tries.iter_mut().filter(|it| it.is_over).for_each(|it| it.has_place = false);
        let Some(session) = self.sessions.get(&id) else { return };
        let Some(forward) = self.forwards.get(&session.forward).filter(|_| session.is_unchanged)
        else {
            return;
        };
        assert!(forward.plan.limits.wait, "session {id} waits, and its forward refuses clients");
        self.judge_wait(session, now);
    }

    /// A session that waits for a place at `now` has found none.
    pub(crate) fn check_session(&self, id: u64, now: Time) {
        if let Some(session) = self.sessions.get(&id) {
            self.judge_wait(session, now);
        }
    }

    fn judge_wait(&self, session: &Session, now: Time) {
        let Some((candidates, none_up)) = self.choices_of(session, now) else { return };
        if !session.is_unchanged {
            return;
        }
        let serving = serving(&candidates, none_up);
        let missed: Vec<&&Candidate> = serving.iter().filter(|it| it.has_room()).collect();
        assert!(missed.is_empty(), "a client waits, and {missed:?} would take it: {session:?}");
    }

    /// Whether the targets of a forward would take a new client beside `claims` accepted ones. False if the state
    /// of a target is unknown.
    pub(crate) fn would_take(&self, forward: &str, claims: u32, now: Time) -> bool {
        let Some(known) = self.forwards.get(forward).filter(|it| !it.is_changing) else {
            return false;
        };
        // Targets are known after the hello: then a client waits as a session.
        let Some(set) = known.set(None).filter(|_| known.plan.admission.routes.is_empty()) else {
            return true;
        };
        let health = |text: &str| Some(known.targets.get(text)?.health);
        let has_health = known.plan.selection.passive.is_some() && set.members.len() > 1;
        let candidate = |member: &super::Member| {
            let health = if has_health { health(&member.text)? } else { Health::NEW };
            let sessions = self.places_in(forward, &member.text);
            Candidate::of(member, health, sessions, now)
        };
        let Some(candidates) = set.members.iter().map(candidate).collect::<Option<Vec<_>>>() else {
            return false;
        };
        let serving = serving(&candidates, known.plan.selection.none_up);
        let free = serving.iter().map(|it| it.room()).fold(0, u32::saturating_add);
        serving.is_empty() || free > claims
    }
}
