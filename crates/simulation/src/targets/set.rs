//! The targets of a forward, and which of them may take a session (DESIGN 1.2: a backup serves while all
//! others are down, not while they are full; one that the client has tried counts as down).

use super::Health;
use super::Turns;
use crate::script::{self, Target};
use flow::{NoneUp, SendProxy, Time};

/// A target of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Its address, as the engine shows it.
    pub(super) text: String,
    pub(super) weight: u32,
    pub(super) is_backup: bool,
    /// `max_sessions`.
    pub(super) limit: Option<u32>,
    /// `send_proxy`.
    pub(super) send: Option<SendProxy>,
}

/// The targets of clients with certain hellos, or of all others.
#[derive(Debug)]
pub(super) struct Set {
    /// The number of the rule of its route; `None` without one.
    pub(super) rule: Option<u8>,
    pub(super) members: Vec<Member>,
    pub(super) turns: Turns,
}

impl Set {
    fn new(rule: Option<u8>, targets: &[Target]) -> Self {
        let members = targets.iter().map(Into::into).collect();
        Self { rule, members, turns: Turns::new() }
    }

    /// Number of its targets.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.members.len()).unwrap_or(u32::MAX)
    }

    /// Those of a forward: without a route first.
    pub(super) fn all(plan: &script::Forward) -> Vec<Self> {
        let of_routes = plan.admission.routes.iter().map(|it| Self::new(Some(it.rule), &it.to));
        std::iter::once(Self::new(None, &plan.to)).chain(of_routes).collect()
    }
}

/// The state of a target for one client.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) member: Member,
    /// Its health permits a session.
    pub(super) is_up: bool,
    /// It is down, and one client may try it.
    pub(super) is_due: bool,
    /// The client has tried it.
    pub(super) is_tried: bool,
    /// Its sessions, also those that are only being connected.
    pub(super) sessions: u32,
}

impl From<&Target> for Member {
    fn from(target: &Target) -> Self {
        Self {
            text: target.to.text(),
            weight: target.weight.into(),
            is_backup: target.backup,
            limit: target.sessions.map(Into::into),
            send: target.send,
        }
    }
}

impl Candidate {
    /// The target for a client that has not tried it. `None` if its health is unknown.
    pub(super) fn of(member: &Member, health: Health, sessions: u32, now: Time) -> Option<Self> {
        let (may_serve, is_due) = (health.may_serve(now)?, health.is_due(now));
        let member = member.clone();
        let mut candidate = Self { member, is_up: may_serve, is_due, is_tried: false, sessions };
        // A client that tries a target needs a place there.
        candidate.is_up &= !is_due || candidate.has_room();
        Some(candidate)
    }

    pub(super) fn has_room(&self) -> bool {
        self.room() > 0
    }

    /// The number of clients that it would take now.
    pub(super) fn room(&self) -> u32 {
        let free = self.member.limit.map_or(u32::MAX, |it| it.saturating_sub(self.sessions));
        if self.is_due { free.min(1) } else { free }
    }
}

/// The targets of the level that serves, full ones too; empty if the client is refused.
pub(super) fn serving(candidates: &[Candidate], none_up: NoneUp) -> Vec<&Candidate> {
    let group = |is_up: bool, is_backup: bool| {
        let is_in =
            |it: &&Candidate| !it.is_tried && it.is_up == is_up && it.member.is_backup == is_backup;
        candidates.iter().filter(is_in).collect::<Vec<_>>()
    };
    let tries = none_up == NoneUp::Try;
    let groups = [(true, false), (true, true), (false, false), (false, true)];
    let groups = groups.into_iter().filter(|(is_up, _)| *is_up || tries);
    groups
        .map(|(is_up, is_backup)| group(is_up, is_backup))
        .find(|it| !it.is_empty())
        .unwrap_or_default()
}
