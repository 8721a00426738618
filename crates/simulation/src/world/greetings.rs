//! The rules for the first bytes of clients, and for those that targets get first: headers of the PROXY protocol and
//! TLS ClientHellos.

use super::World;
use crate::checks::Overdue;
use crate::opening::{Stated, target_header};
use crate::script::{AcceptProxy, Configuration, Forward};
use crate::session::Session;
use crate::targets::Heard;
use engine::parts::{Audit, Awaited, SessionAudit};
use engine::{Report, SessionRecord};
use flow::{By, Cause, ClientLimit, Peer, Phase, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;
use sys::Address;

/// The sessions whose clients must still send something.
#[derive(Default)]
pub(crate) struct Greetings {
    /// By the engine's id: the forward.
    open: BTreeMap<u64, String>,
    /// Ids of sessions with a record.
    recorded: BTreeSet<u64>,
    /// What the target of a session gets first, before the session is identified.
    expected: BTreeMap<u64, (String, String)>,
    /// Sessions that are past the time for their first bytes.
    overdue: BTreeMap<u64, Overdue>,
    /// The sessions accepted, and the number of those ended, in the last turn of a worker.
    accepted: Vec<u64>,
    ended: usize,
}

impl Greetings {
    /// A turn begins.
    pub(super) fn begin_turn(&mut self) {
        self.accepted.clear();
        self.ended = 0;
    }

    /// The only session accepted in the last turn, unless one has ended in it.
    pub(super) fn lone_accepted(&self) -> Option<u64> {
        match self.accepted[..] {
            [id] if self.ended == 0 => Some(id),
            _ => None,
        }
    }
}

/// A session that a worker has for the first time.
pub(super) struct Seen {
    pub(super) number: u16,
    pub(super) forward: String,
    pub(super) awaits: Option<Awaited>,
}

fn ip(address: Address) -> Option<IpAddr> {
    address.ip().map(|address| address.ip().to_canonical())
}

impl World {
    /// A change to this configuration begins.
    pub(crate) fn begin_change(&mut self, configuration: &Configuration) {
        let greeting = self.greetings.open.keys().copied();
        self.targets.begin_change(configuration, greeting);
    }

    /// The client of each session that was refused has a reason that was reported.
    pub(crate) fn check_refusals(&self) {
        let is_refused = |session: &&Session| {
            let is_unknown = session.id.is_none() && session.record.is_none();
            // The record of a client of a Unix socket names no address.
            is_unknown && session.address.is_some() && !session.closed[0].is_empty()
        };
        let refused = self.sessions.values().filter(is_refused).count() as u64;
        let reported = self.refused;
        let failed = self.circumstances.calls_failed;
        assert!(
            refused <= reported || failed,
            "{refused} clients were refused, {reported} reported"
        );
    }

    /// The configurations of a forward so far.
    fn plans(&self, forward: &str) -> &[Forward] {
        self.plans.get(forward).map_or(&[], Vec::as_slice)
    }

    /// A worker has a session for the first time, in any image.
    pub(super) fn session_seen(&mut self, seen: Seen) {
        let Seen { number, forward, awaits } = seen;
        let Some(session) = self.sessions.get_mut(&number) else { return };
        if session.takes_header.is_some() {
            return;
        }
        session.begins(awaits == Some(Awaited::Header));
        let peer = session.peer_address();
        let Some(plans) = self.targets.plans_of(&forward) else { return };
        // During a change, its listener may have other routes than its forward.
        let takes_header =
            |is: bool| plans.iter().any(|it| it.admission.accept_proxy.is_some() == is);
        let has_routes = |has: bool| plans.iter().any(|it| it.admission.routes.is_empty() != has);
        let fits = match awaits {
            Some(Awaited::Header) => takes_header(true),
            Some(Awaited::Hello) => takes_header(false) && has_routes(true),
            None => takes_header(false) && has_routes(false),
        };
        let admits = |plan: &Forward| plan.admission.admits(peer);
        assert!(fits, "session {number}: {awaits:?} is awaited by {forward}");
        assert!(plans.iter().any(admits), "session {number}: {forward} does not allow {peer:?}");
    }

    /// Notes a report ahead of the model of targets. `following` are those of the same turn behind it.
    pub(super) fn note_greeting<'a>(
        &mut self,
        report: &Report,
        mut following: impl Iterator<Item = &'a Report>,
        now: Time,
    ) {
        match report {
            Report::Accepted { id, forward, client } => {
                self.greetings.accepted.push(*id);
                let fails = following.any(|it| match it {
                    Report::Ended(record) => record.id == *id && may_lack_header(record),
                    _ => false,
                });
                self.client_accepted(*id, forward, ip(*client), fails, now);
            }
            Report::Trying { id, target, .. } => self.route_chosen(*id, Some(target), now),
            Report::Waiting { id, .. } => self.route_chosen(*id, None, now),
            Report::Forwarding { id, forward, target, .. } => {
                let expected = (forward.to_string(), target.to_string());
                match self.workers.number_of(*id) {
                    Some(number) => self.expect_header(number, &expected),
                    None => _ = self.greetings.expected.insert(*id, expected),
                }
            }
            Report::Ended(record) => {
                self.greetings.recorded.insert(record.id);
                self.greetings.ended += 1;
                if record.ending.reason.phase == Phase::Connect {
                    self.route_chosen(record.id, None, now);
                }
            }
            Report::ClientRefused { limit: ClientLimit::Rate, .. } => {
                self.workers.refresh(self.changes);
                let handed_over = self.workers.audits().map(|audit| audit.handed_over.len());
                // Accepted before it, in one go, and begun after it.
                let begun = following.filter(|it| matches!(it, Report::Accepted { .. })).count();
                self.targets.in_transit = handed_over.sum::<usize>() + begun;
            }
            Report::NotAllowed { forward, client, .. } => self.not_allowed(forward, ip(*client)),
            _ => {}
        }
    }

    /// A session is reported as accepted: behind its header, if it must have one. `fails`: it ends without one.
    fn client_accepted(
        &mut self,
        id: u64,
        forward: &str,
        client: Option<IpAddr>,
        fails: bool,
        now: Time,
    ) {
        let is_inner = self.workers.is_inner(id);
        let number = self.workers.number_of(id).filter(|_| !is_inner);
        let scripted = number.and_then(|number| self.sessions.get(&number));
        // Behind a header without an address, it counts as its proxy.
        let limited = client.or_else(|| scripted?.peer_address());
        if fails || limited.is_none() {
            self.targets.miss_admission(forward);
        } else {
            self.targets.note_admitted(forward, limited, now);
        }
        let Some(session) = number.and_then(|number| self.sessions.get(&number)) else { return };
        let (named, own) = (session.client_address(), session.peer_address());
        assert!(
            client == named || fails && client == own || session.is_opaque,
            "session {}: its client is {client:?}, and not {named:?}",
            session.number
        );
        let Some(plans) = self.targets.plans_of(forward) else { return };
        let allows = |plan: &Forward| {
            plan.admission.accept_proxy.is_none() || plan.admission.allows(limited)
        };
        assert!(
            fails || plans.iter().any(allows),
            "session {}: {forward} does not allow {client:?}",
            session.number
        );
    }

    /// A client was refused for its address.
    fn not_allowed(&self, forward: &str, client: Option<IpAddr>) {
        let refuses = |plan: &Forward| {
            let admission = &plan.admission;
            !admission.admits(client) || !admission.allows(client)
        };
        let is_right = self.plans(forward).iter().any(refuses);
        assert!(is_right, "{forward} refuses {client:?}, which it allows");
    }

    /// The route of a session was chosen by now, if its hello decides it.
    fn route_chosen(&mut self, id: u64, target: Option<&str>, now: Time) {
        if !self.targets.awaits_rule(id) {
            return;
        }
        let heard = self.heard(id, now);
        self.targets.choose_route(id, heard, target, now);
    }

    fn heard(&self, id: u64, now: Time) -> Option<Heard> {
        let session = self.sessions.get(&self.workers.number_of(id)?)?;
        let (forward, began) = self.targets.began(id)?;
        (!session.is_opaque).then(|| session.heard(self.plans(forward), began, now))
    }

    /// The target of a session is connected: it gets the header that is configured.
    fn expect_header(&mut self, number: u16, (forward, target): &(String, String)) {
        let kinds = self.targets.header_for(forward, target);
        let Some(session) = self.sessions.get_mut(&number).filter(|it| !it.is_opaque) else {
            return;
        };
        let facts = &session.client.facts;
        let mut stated = vec![session.stated()];
        // The addresses of a connection that has broken are gone.
        if facts.left.is_some() || facts.broken.is_some() {
            stated.push(Stated::Own);
        }
        let headers =
            kinds.iter().flat_map(|kind| stated.iter().map(|it| target_header(*kind, it)));
        let headers = headers.collect();
        session.expect(headers);
    }

    /// The record of a session that was not identified while it lived.
    pub(super) fn expect_header_of_record(&mut self, number: u16, record: &SessionRecord) {
        if let Some(expected) = self.greetings.expected.remove(&record.id) {
            self.expect_header(number, &expected);
        }
    }

    /// Notes the sessions that await something from their clients, after a turn of their worker.
    pub(super) fn greetings_after_turn(&mut self, at: usize) {
        let audit = self.workers.audit(at);
        let (now, serves) = (audit.now, serves_timers(audit));
        let awaiting = audit.sessions.iter().filter(|session| session.awaits.is_some());
        let awaiting: Vec<(u64, String, Time)> = awaiting
            .map(|session| (session.id, session.forward.to_string(), self.greeted_by(session)))
            .collect();
        for (id, forward, until) in awaiting {
            self.greetings.overdue.entry(id).or_default().note_until(id, until, now, serves);
            self.targets.note_awaiting(id, &forward);
            self.greetings.open.insert(id, forward);
        }
        self.check_ends();
    }

    /// A session that has awaited something from its client and is gone has a record, or was refused. While sessions
    /// are restored, they seem to be gone.
    pub(crate) fn check_ends(&mut self) {
        if self.is_restoring || self.greetings.open.is_empty() {
            return;
        }
        let all: BTreeSet<u64> =
            self.workers.audits().flat_map(|audit| &audit.sessions).map(|it| it.id).collect();
        let open = std::mem::take(&mut self.greetings.open);
        let (open, gone) = open.into_iter().partition(|(id, _)| all.contains(id));
        self.greetings.open = open;
        let gone: BTreeMap<u64, String> = gone;
        for (id, forward) in gone {
            self.greetings.overdue.remove(&id);
            if !self.greetings.recorded.contains(&id) {
                self.ended_without_record(id, &forward);
            }
        }
    }

    /// When a session must have what it awaits, at the latest.
    fn greeted_by(&self, session: &SessionAudit) -> Time {
        let plans = self.plans(&session.forward);
        let header = |plan: &Forward| {
            plan.admission
                .accept_proxy
                .as_ref()
                .map_or(Duration::ZERO, |it: &AcceptProxy| it.timeout)
        };
        let header = plans.iter().map(header).max().unwrap_or_default();
        let hello = plans.iter().map(|plan| plan.admission.hello).max().unwrap_or_default();
        let is_header = session.awaits == Some(Awaited::Header);
        let span = header + if is_header { Duration::ZERO } else { hello };
        session.flow.accepted().after(span)
    }

    /// A session has ended, and has no record: its peer was a health check, or the client that its header states was
    /// refused.
    fn ended_without_record(&mut self, id: u64, forward: &str) {
        self.greetings.ended += 1;
        self.tallies.entry(forward.into()).or_default().add_unrecorded();
        let Some(session) = self.sessions.values().find(|session| session.id == Some(id)) else {
            return;
        };
        let facts = &session.client.facts;
        let has_left = facts.fin_sent || facts.left.is_some() || facts.broken.is_some();
        let is_health_check = facts.header_written == 0 && facts.written == 0 && has_left;
        let (is_named, client) = (session.has_header(), session.limited_address());
        let refuses = |plan: &Forward| {
            let clients = &plan.clients;
            let is_limited = clients.share.or(clients.sessions.map(Into::into)).is_some();
            let is_limited = is_limited || clients.new.is_some();
            is_named && (is_limited || !plan.admission.allows(client))
        };
        let is_refused = self.plans(forward).iter().any(refuses);
        assert!(
            session.is_opaque
                || session.takes_header == Some(true) && (is_health_check || is_refused),
            "session {} of {forward} has ended without a record: {facts:?}",
            session.number
        );
    }

    /// A worker waits with a session that awaits the first bytes of its client: they have not all arrived.
    pub(crate) fn check_greeting(&self, session: &SessionAudit, awaited: Awaited) {
        let number = self.workers.number_of(session.id);
        let Some(scripted) = number.and_then(|it| self.sessions.get(&it)) else { return };
        // A read stops behind bytes with descriptors, which no event announces.
        let may_stop = scripted.is_unix(Peer::Client) && scripted.client.facts.has_marked;
        if scripted.is_opaque || may_stop {
            return;
        }
        let look = self.process.look(session.client).unwrap_or_default();
        let has_all = match awaited {
            Awaited::Header => {
                let header = scripted.beginning.header.len();
                look.unread >= if header == 0 { 1 } else { header }
            }
            Awaited::Hello => look.unread >= scripted.decided_by(),
        };
        let has_ended = look.readable && look.unread == 0;
        let may_begin =
            !scripted.beginning.header.is_empty() || !scripted.beginning.hello.is_empty();
        assert!(
            !(has_ended || has_all && may_begin),
            "session {}: {awaited:?} has arrived, and is not read: {look:?}",
            scripted.number
        );
    }

    /// The client in the record of a session is the one that its header states.
    pub(super) fn check_client(&self, number: u16, record: &SessionRecord) {
        let Some(session) = self.sessions.get(&number).filter(|it| !it.is_opaque) else { return };
        let (named, own) = (session.client_address(), session.peer_address());
        let client = ip(record.client);
        let is_its = client == named || record.target().is_none() && client == own;
        assert!(is_its, "session {number}: the client in its record is {client:?}, not {named:?}");
        if let Some(proxy) = record.proxy {
            assert_eq!(ip(proxy), session.peer_address(), "session {number}: its proxy");
        }
    }

    /// A client is reset by `no_route` only if no route takes it, and its forward has no targets of its own.
    pub(super) fn check_no_route(&self, number: u16, record: &SessionRecord, now: Time) {
        let session = self.sessions.get(&number).filter(|it| !it.is_opaque);
        let Some(session) = session.filter(|_| record.ending.reason.cause == Cause::NoRoute) else {
            return;
        };
        let lasted = u64::try_from(record.ending.duration.as_micros()).unwrap_or(u64::MAX);
        let began = Time::from_micros(now.as_micros().saturating_sub(lasted));
        let plans = self.plans(record.forward());
        let Heard { asked, may_lack } = session.heard(plans, began, now);
        let has_none = |plan: &Forward| {
            let has_none = |(name, protocol)| plan.admission.route(name, protocol).is_none();
            plan.to.is_empty() && (may_lack || asked.is_none_or(has_none))
        };
        let is_right = plans.iter().any(has_none);
        assert!(is_right, "session {number}: {} has a route for it", record.forward());
    }
}

fn serves_timers(audit: &Audit) -> bool {
    let serves = matches!(audit.waits_for, engine::parts::WaitsFor::Events { .. });
    serves && audit.mail == 0 && audit.walks == 0
}

/// Whether a session may have ended before its PROXY header has come.
fn may_lack_header(record: &SessionRecord) -> bool {
    let reason = record.ending.reason;
    let may_end = match reason.phase {
        Phase::Greet => reason.cause != Cause::NoRoute,
        Phase::Drain => true,
        // Its socket could not be watched.
        _ => reason.by == By::Resource,
    };
    may_end && record.target().is_none()
}
