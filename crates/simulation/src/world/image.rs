//! The process under test: its images, its reports, and the conditions under which it runs.

use super::workers::Workers;
use super::{OPEN_FILES, World};
use crate::closes;
use crate::conditions::conditions;
use crate::names::Names;
use crate::random::Random;
use crate::script::{Configuration, Event, Forward, Limits, Resolver, Severity, name_of};
use crate::session::Record;
use crate::summary::Summary;
use crate::targets;
use crate::verdict;
use crate::waits;
use engine::parts::{SessionAudit, Worker};
use engine::{ENDED_KEPT, Observer, Report, Reports, SessionRecord};
use flow::{CloseReason, Peer, Phase, Time};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use testkit::sim::Process;

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// Descriptors 0, 1 and 2 count, too.
const STANDARD_FILES: usize = 3;

/// Access to the engine of the present process image for queries and reports.
pub(crate) struct EngineHandles {
    observer: Observer<Process>,
    reports: Reports<Process>,
    /// Ids of the sessions whose records were reported, in this order.
    recorded: Vec<u64>,
}

impl EngineHandles {
    /// Requires that the engine has kept the last records that it has reported.
    fn check_kept(&self) {
        let kept: Vec<_> = self.observer.ended().records.iter().map(|record| record.id).collect();
        let last: Vec<_> = self.recorded.iter().rev().take(ENDED_KEPT).copied().collect();
        assert_eq!(kept, last, "ended sessions: kept, and reported");
    }
}

impl World {
    pub(crate) fn resolver(&self) -> Arc<Names> {
        Arc::clone(&self.names)
    }

    /// Runs these workers from now on.
    pub(crate) fn run(
        &mut self,
        workers: Vec<Worker<Process>>,
        observer: Observer<Process>,
        reports: Reports<Process>,
    ) {
        self.workers.begin(workers);
        self.handles = Some(EngineHandles { observer, reports, recorded: Vec::new() });
    }

    /// execve(2).
    pub(crate) fn replace_image(&mut self) {
        self.read_reports(self.sim.now());
        self.handles.iter().for_each(EngineHandles::check_kept);
        // Descriptors with numbers above the limit are kept, and could not be opened again (seed 4917).
        if self.has_few_files {
            self.limit_files(Some(0));
        }
        self.names.forget();
        self.process = self.process.exec();
    }

    /// Forward, listen address and target of each session of the workers, by id. Without the target while it
    /// is being connected: the next image selects again.
    pub(crate) fn places_of_sessions(&self) -> BTreeMap<u64, [Arc<str>; 3]> {
        let sessions = self.workers.audits().flat_map(|audit| &audit.sessions);
        let place = |it: &SessionAudit| {
            let is_connecting = matches!(it.flow.stage(), flow::Stage::Connecting { .. });
            let target = if is_connecting { Arc::default() } else { Arc::clone(&it.to) };
            [Arc::clone(&it.forward), Arc::clone(&it.listen), target]
        };
        sessions.map(|session| (session.id, place(session))).collect()
    }

    /// The sessions of the workers, with the states of their sockets.
    pub(crate) fn open_sessions(&self) -> Vec<impl std::fmt::Debug> {
        let sessions = self.workers.audits().flat_map(|audit| &audit.sessions);
        let look = |number| self.process.look(number);
        let describe = |session: &SessionAudit| {
            let number = self.workers.number_of(session.id);
            (number, session.clone(), look(session.client), session.target.map(look))
        };
        sessions.map(describe).collect()
    }

    /// Frees the memory of the previous image.
    pub(crate) fn forget_image(&mut self) {
        self.workers.abandon();
        self.is_restoring = true;
        self.targets.replace_image(self.sim.now());
        self.handles = None;
    }

    /// The process under test has ended.
    pub(crate) fn ended(&mut self) {
        self.workers.refresh(self.changes);
        assert!(self.workers.has_ended(), "a worker has not ended");
        self.read_reports(self.sim.now());
        self.handles.iter().for_each(EngineHandles::check_kept);
        let taken = self.handles.take().map_or(0, |handles| handles.observer.sessions());
        assert_eq!(taken, 0, "places are taken in the process after its end");
        self.names.forget();
        self.workers = Workers::default();
        let open = self.process.descriptors();
        assert!(open.is_empty(), "descriptors are open after the end: {open:?}");
    }

    // === conditions ===

    /// Restarts the choices of the simulation and of the kernel with a seed.
    pub(crate) fn reseed(&mut self, seed: u64) {
        self.random = Random::new(seed);
        self.sim.reseed(seed);
    }

    pub(crate) fn trace_event(&mut self, event: &Event) {
        self.trace.add(self.sim.now(), "event", 0, event);
    }

    pub(crate) fn set_conditions(&mut self, severity: Severity) {
        let calls_fail = matches!(severity, Severity::Hostile | Severity::Mixed);
        self.circumstances.calls_failed |= calls_fail;
        self.targets.connects_fail |= calls_fail;
        self.sim.set_conditions(conditions(severity, self.random.word()));
    }

    /// Limits the process to this number of further descriptors.
    pub(crate) fn limit_files(&mut self, more: Option<u16>) {
        let open = STANDARD_FILES + self.process.descriptors().len();
        let limit = more.map_or(OPEN_FILES, |more| open + usize::from(more));
        self.circumstances.calls_failed |= more.is_some();
        self.has_few_files = more.is_some();
        self.process.set_open_files(limit);
    }

    pub(crate) fn set_resolver(&mut self, mode: Resolver) {
        self.circumstances.had_empty_answer |= mode == Resolver::Empty;
        self.circumstances.had_name_timeout |= mode == Resolver::TimesOut;
        self.names.set(mode);
        self.disturb();
    }

    /// Notes a configuration, which may come into force.
    pub(crate) fn note_plans(&mut self, configuration: &Configuration) {
        for forward in &configuration.0 {
            let all: &mut Vec<Forward> = self.plans.entry(name_of(forward.name)).or_default();
            if !all.contains(forward) {
                all.push(forward.clone());
            }
        }
    }

    /// Notes the limits of a configuration, by which a session may end.
    pub(crate) fn note_limits(&mut self, configuration: &Configuration) {
        for forward in &configuration.0 {
            self.circumstances.had_user_timeout |= forward.limits.user.is_some();
            let all: &mut Vec<Limits> = self.limits.entry(name_of(forward.name)).or_default();
            if !all.contains(&forward.limits) {
                all.push(forward.limits.clone());
            }
        }
    }

    // === reports ===

    /// Reads the reports of a worker's turn at `now`, and checks each record. A call in the turn may have moved
    /// the clock since.
    pub(super) fn read_reports(&mut self, now: Time) {
        let Some(handles) = &mut self.handles else { return };
        let reports = handles.reports.exchange(std::mem::take(&mut self.read));
        let dropped = handles.reports.take_dropped();
        assert_eq!(dropped, 0, "reports were dropped");
        handles.recorded.extend(reports.iter().filter_map(|report| match report {
            Report::Ended(record) => Some(record.id),
            _ => None,
        }));
        for (at, report) in reports.iter().enumerate() {
            self.trace_attempt(report, now);
            self.note_greeting(report, reports.range(at + 1..), now);
            self.targets.note(report, now);
            match report {
                Report::Ended(record) => self.record(record, now),
                Report::Refused { forward, reason, count, .. }
                | Report::NotAllowed { forward, reason, count, .. }
                | Report::ClientRefused { forward, reason, count, .. } => {
                    self.refused += *count;
                    let tally = self.tallies.entry(forward.to_string()).or_default();
                    tally.add_refused(reason.cause, *count);
                }
                Report::Unreached { forward, count, .. } => {
                    self.tallies.entry(forward.to_string()).or_default().add_unconnected(*count);
                }
                _ => {}
            }
        }
        self.read = reports;
        self.read.clear();
    }

    fn trace_attempt(&mut self, report: &Report, now: Time) {
        match report {
            Report::Trying { id, target, .. } => self.trace.add(now, "tries", *id, target),
            Report::AttemptFailed { id, target, reason, .. } => {
                self.trace.add(now, "failed", *id, &(target, reason));
            }
            Report::Forwarding { id, target, .. } => self.trace.add(now, "connected", *id, target),
            _ => {}
        }
    }

    fn record(&mut self, record: &SessionRecord, now: Time) {
        let CloseReason { by, phase, cause, .. } = record.ending.reason;
        *self.reasons.entry((by, phase, cause)).or_default() += 1;
        self.tallies.entry(record.forward().into()).or_default().add_record(record);
        // A listener that starts while a SYN to its address is on the way accepts a connection of the
        // process itself, which the loop guard could not refuse.
        let is_client = |address| self.clients_by_address.contains_key(&address);
        let connection = record.proxy.unwrap_or(record.client).ip();
        let is_of_process = connection.is_some_and(|address| !is_client(address));
        // A client may have had the port of such a connection before.
        if is_of_process || self.workers.is_inner(record.id) {
            return;
        }
        let by_address = || self.client_at(connection?, now, record.ending.duration);
        let by_id = self.workers.number_of(record.id);
        let Some(number) = by_id.or_else(by_address) else { return };
        let Some(session) = self.sessions.get_mut(&number) else { return };
        // A connection of the process itself from a port that a client had before.
        if by_id.is_none() && session.record.is_some() {
            return;
        }
        assert!(session.record.is_none(), "session {number} has two records");
        session.record = Some(Record {
            reason: record.ending.reason,
            bytes: record.ending.lanes.map(|lane| lane.bytes),
            duration: record.ending.duration,
            quiet: session.progress.quiet(now),
            quiet_lanes: session.progress.quiet_lanes(now),
        });
        let limits = self.limits.get(record.forward()).map_or(&[][..], Vec::as_slice);
        session.limits = limits.to_vec();
        let plans = self.plans.get(record.forward()).map_or(&[][..], Vec::as_slice);
        session.admissions = plans.iter().map(|plan| plan.admission.clone()).collect();
        let has_relayed = matches!(phase, Phase::Relay | Phase::Drain)
            || record.ending.lanes.iter().any(|it| it.bytes > 0);
        if has_relayed && let Some(connection) = session.has_relayed() {
            self.owners.insert(connection, (number, Peer::Target));
        }
        self.expect_header_of_record(number, record);
        self.check_client(number, record);
        self.check_no_route(number, record, now);
        let Some(session) = self.sessions.get(&number) else { return };
        verdict::of_record(session, self.circumstances);
        closes::of_record(session, self.circumstances);
        targets::named::check(session, record);
        waits::of_record(record);
        self.trace.add(now, "record", number.into(), &record.ending.reason);
    }

    /// The session whose client used this address when a session that ended at `now` was accepted, and whose
    /// connection the engine has closed. A later client may have got the same port, also while the
    /// earlier connection waits in the queue of the listener.
    fn client_at(&self, address: SocketAddr, now: Time, lasted: Duration) -> Option<u16> {
        let accepted = now.as_micros().saturating_sub(micros(lasted));
        let clients = self.clients_by_address.get(&address)?;
        let before = |(since, _): &&(Time, u16)| since.as_micros() <= accepted;
        let has_ended = |number: &u16| {
            let session = self.sessions.get(number);
            session.is_some_and(|it| it.record.is_none() && !it.closed[0].is_empty())
        };
        let mut numbers = clients.iter().rev().filter(before).map(|(_, number)| *number);
        numbers.find(has_ended)
    }

    // === the end ===

    /// The rules for a history that is over.
    pub(crate) fn check_end(&mut self) {
        let Self { sessions, circumstances, .. } = self;
        for session in sessions.values() {
            verdict::of_record(session, *circumstances);
            verdict::at_the_end(session, *circumstances);
            closes::at_the_end(session, *circumstances);
        }
    }

    pub(crate) fn summary(&self) -> Summary {
        Summary {
            trace: self.trace.hash(),
            steps: self.steps,
            time: self.sim.now().since(self.start),
            reasons: self.reasons.clone(),
        }
    }
}
