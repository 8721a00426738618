//! One trial: a new forwarder, one fault, the load, and the checks that hold for every fault.

use std::any::Any;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use testkit::{Behaviour, Forwarder, LIMIT, Port, SessionRecord, Target, wait_until};

use crate::load::{Bystander, Kind, Load, config};
use crate::table::{Effect, Fault, When};
use crate::tracer::Tracer;

/// Longer than the configured idle timeout, and than the time to deliver the bytes of a broken
/// side.
const BOUND: Duration = Duration::from_secs(20);
/// Duration of the fault under [`When::Always`].
const EXHAUSTION: Duration = Duration::from_millis(800);
/// Bounds for CPU time and failed calls during the fault. Under strace, a spinning thread itself
/// uses little CPU time.
const MOST_CPU: Duration = Duration::from_millis(300);
const MOST_FAILURES: usize = 250;
/// Observation time of an idle forwarder, and its allowed CPU time: two ticks.
const REST: Duration = Duration::from_millis(200);
const MOST_CPU_AT_REST: Duration = Duration::from_millis(20);

/// A fault at one position, on one path.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    pub(crate) fault: Fault,
    when: When,
    path: &'static str,
}

/// Result of a trial.
#[derive(Debug)]
pub(crate) struct Observed {
    pub(crate) fault: Fault,
    trial: String,
    /// Position of the failed call; `None` if the process did not make it.
    pub(crate) failed: Option<When>,
    /// Close reasons of sessions that ended otherwise than without a fault.
    pub(crate) reasons: BTreeSet<String>,
    wrong: Vec<String>,
}

impl Observed {
    /// Violated guarantees, each with the trial's name.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.wrong.iter().map(|what| format!("{}: {what}", self.trial)).collect()
    }
}

impl Trial {
    /// Trials of a fault, one on each path. Excludes EINTR and EAGAIN on all calls: no kernel
    /// interrupts every attempt, or blocks for ever on a ready descriptor.
    pub(crate) fn all(fault: &Fault, when: When) -> impl Iterator<Item = Self> {
        let possible = when != When::Always || !["EINTR", "EAGAIN"].contains(&fault.errno);
        let paths = fault.paths.iter().filter(move |_| possible);
        paths.map(move |path| Self { fault: *fault, when, path })
    }

    /// Whether sessions of the trial wait for a timeout.
    pub(crate) fn is_long(&self) -> bool {
        let unreal = ["EAGAIN", "EPIPE", "ENOTCONN", "ECONNRESET"];
        self.fault.effect != Effect::Nothing && unreal.contains(&self.fault.errno)
    }

    fn name(&self) -> String {
        let Self { fault: Fault { call, errno, thread, .. }, when, path } = self;
        format!("{call} {errno} when={} of {}, path {path}", when.expression(), thread.name())
    }

    /// Result of a panicked trial.
    pub(crate) fn failed(&self, panic: &(dyn Any + Send)) -> Observed {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
        self.observed(0, BTreeSet::new(), vec![text.to_owned()])
    }

    fn observed(&self, injected: usize, reasons: BTreeSet<String>, wrong: Vec<String>) -> Observed {
        let failed = (injected > 0).then_some(self.when);
        Observed { fault: self.fault, trial: self.name(), failed, reasons, wrong }
    }

    pub(crate) fn run(&self) -> Observed {
        let (load, echo, echo_port) = (Load::new(), Target::start(Behaviour::Echo), Port::v4());
        let config = config(&load, (&echo_port, echo.addr()), self.path);
        let binary = env!("CARGO_BIN_EXE_traffic-forwarder");
        let forwarder = Forwarder::binary(binary).config(config).start();
        let descriptors = Descriptors::of(forwarder.ready());
        let bystander = Bystander::connect(&echo_port);
        let tracer = Tracer::attach(&forwarder, &self.fault, self.when);
        let (seen, injected) = self.load_under_fault(&load, &forwarder, tracer);
        let mut wrong = Vec::new();
        bystander.ping();
        if load.play(Kind::Duplex) != Ok(true) {
            wrong.push("the first session after the fault is not served".to_owned());
        }
        drop(bystander);
        let sessions = Kind::ALL.len() + 2;
        self.wait_for_records(&forwarder, sessions);
        wait_until("all descriptors back", BOUND, || {
            Descriptors::of(&forwarder).are_back(descriptors)
        });
        wrong.extend(busy_at_rest(&forwarder));
        let (reasons, odd) = self.reasons(&forwarder, seen);
        wrong.extend(odd);
        self.observed(injected, reasons, wrong)
    }

    /// Plays the load. Returns the result of each session, and the number of failed calls.
    fn load_under_fault(
        &self,
        load: &Load,
        forwarder: &Forwarder,
        tracer: Tracer,
    ) -> (Vec<Result<bool, String>>, usize) {
        thread::scope(|scope| {
            let playing = scope.spawn(|| Kind::ALL.map(|kind| load.play(kind)).to_vec());
            let (began, cpu) = (Instant::now(), forwarder.cpu_time());
            let exhausted = || self.when == When::Always && began.elapsed() >= EXHAUSTION;
            wait_until("the load's end", BOUND, || playing.is_finished() || exhausted());
            if self.when == When::First {
                // The journal may read the last reports after the load.
                wait_until("the call to be made", LIMIT, || tracer.injected() > 0);
            }
            let spent = forwarder.cpu_time().saturating_sub(cpu);
            let injected = tracer.detach();
            let spins = spent > MOST_CPU || injected > MOST_FAILURES;
            assert!(!spins, "a thread spins: {injected} failures, {spent:?} of CPU time");
            (playing.join().expect("a load does not panic"), injected)
        })
    }

    fn wait_for_records(&self, forwarder: &Forwarder, sessions: usize) {
        if self.fault.effect == Effect::LosesLines {
            // Any session's record may be the lost line; the last session's is written later.
            let last = sessions.to_string();
            wait_until("the last session's record", BOUND, || {
                forwarder.records().iter().any(|record| record.id == last)
            });
        } else {
            wait_until("a record of each session", BOUND, || forwarder.records().len() == sessions);
        }
    }

    /// Close reasons of sessions that ended otherwise than without the fault, and complaints about
    /// reasons or peers.
    fn reasons(
        &self,
        forwarder: &Forwarder,
        seen: Vec<Result<bool, String>>,
    ) -> (BTreeSet<String>, Vec<String>) {
        let (mut reasons, mut wrong) = (BTreeSet::new(), Vec::new());
        let records = forwarder.records();
        let lacks_target = |record: &&SessionRecord| record.target.as_deref() == Some("");
        let of_record = |record: &SessionRecord| format!("session {}: no target", record.id);
        wrong.extend(records.iter().filter(lacks_target).map(of_record));
        // Session 1 is the bystander.
        for ((kind, seen), id) in Kind::ALL.into_iter().zip(seen).zip(2..) {
            let record = records.iter().find(|record| record.id == format!("{id}"));
            let reason = record.map(SessionRecord::close_reason);
            match (&reason, seen) {
                (_, Err(what)) => wrong.push(format!("{what} ({reason:?})")),
                // The log line is lost.
                (None, Ok(true)) => {}
                (None, Ok(false)) => wrong.push(format!("{kind:?}: cut, without a record")),
                (Some(reason), Ok(whole)) if self.ended_as_without_fault(kind, reason, whole) => {}
                (Some(reason), Ok(whole)) => {
                    let errno = record.and_then(|record| record.close.errno.clone());
                    let reason = errno.map_or(reason.clone(), |errno| format!("{reason} {errno}"));
                    if !self.allows(&reason) {
                        let what = if whole { "whole" } else { "cut" };
                        wrong.push(format!("{kind:?}, {what}, ended by {reason}"));
                    }
                    reasons.insert(reason);
                }
            }
        }
        (reasons, wrong)
    }

    /// Whether the close reason is one without a fault. A session reset by the target may also have
    /// lost bytes to the fault; its reason names the earlier of both events.
    fn ended_as_without_fault(&self, kind: Kind, reason: &str, whole: bool) -> bool {
        let harmed = kind == Kind::Cut && self.fault.effect != Effect::Nothing;
        kind.reasons().contains(&reason) && (whole || harmed)
    }

    fn allows(&self, reason: &str) -> bool {
        match self.fault.effect {
            Effect::Nothing | Effect::LosesLines => false,
            Effect::Stalls => reason == "limit/relay/idle_timeout",
            Effect::Ends(reasons) => {
                let named = reason.strip_suffix(self.fault.errno).map(str::trim_end);
                named.is_some_and(|named| reasons.contains(&named))
            }
        }
    }
}

/// Complaint if a forwarder without sessions uses CPU time.
fn busy_at_rest(forwarder: &Forwarder) -> Option<String> {
    let (began, cpu) = (Instant::now(), forwarder.cpu_time());
    wait_until("some rest", BOUND, || began.elapsed() >= REST);
    let spent = forwarder.cpu_time().saturating_sub(cpu);
    (spent > MOST_CPU_AT_REST).then(|| format!("{spent:?} of CPU time in {REST:?} of rest"))
}

/// Open descriptors of a forwarder.
#[derive(Clone, Copy, Debug)]
struct Descriptors {
    /// Pipe ends, two of each pipe.
    pipes: usize,
    others: usize,
}

impl Descriptors {
    /// Spare pipe ends: the pipes of at most two concurrent sessions stay open.
    const SPARE: usize = 2 * 2 * 2;

    fn of(forwarder: &Forwarder) -> Self {
        let all = forwarder.fds();
        let is_pipe = |fd: &&PathBuf| fd.to_string_lossy().starts_with("pipe:");
        let pipes = all.iter().filter(is_pipe).count();
        Self { pipes, others: all.len() - pipes }
    }

    fn are_back(self, before: Self) -> bool {
        self.others <= before.others && self.pipes <= before.pipes + Self::SPARE
    }
}
