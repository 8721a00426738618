//! One trial: a forwarder of its own, one fault, the load, and the checks that hold whatever failed.

use std::any::Any;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use testkit::{Behaviour, Forwarder, Port, SessionRecord, Target, wait_until};

use crate::load::{Bystander, Kind, Load, config};
use crate::table::{Effect, Fault, When};
use crate::tracer::Tracer;

/// Longer than the idle timeout of the configuration, and than the time to deliver what a broken side
/// has sent.
const BOUND: Duration = Duration::from_secs(20);
/// How long all calls fail under [`When::Always`].
const EXHAUSTION: Duration = Duration::from_millis(800);
/// CPU time within it, and calls that fail. Under strace, a thread that spins uses little CPU time itself.
const MOST_CPU: Duration = Duration::from_millis(300);
const MOST_FAILURES: usize = 250;
/// How long a forwarder at rest is watched, and the CPU time that it may use: two ticks.
const REST: Duration = Duration::from_millis(200);
const MOST_CPU_AT_REST: Duration = Duration::from_millis(20);

/// A fault at one of the calls, on one path.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    pub(crate) fault: Fault,
    when: When,
    path: &'static str,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Observed {
    pub(crate) fault: Fault,
    trial: String,
    /// Which call failed; `None` if it was not made.
    pub(crate) failed: Option<When>,
    /// How the sessions ended that did not end as they do without a fault.
    pub(crate) reasons: BTreeSet<String>,
    wrong: Vec<String>,
}

impl Observed {
    /// What must never be, in words.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.wrong.iter().map(|what| format!("{}: {what}", self.trial)).collect()
    }
}

impl Trial {
    /// The trials of a fault: one on each path. No call is interrupted each time it is tried, and none
    /// would block for ever although its descriptor is ready.
    pub(crate) fn all(fault: &Fault, when: When) -> impl Iterator<Item = Self> {
        let possible = when != When::Always || !["EINTR", "EAGAIN"].contains(&fault.errno);
        let paths = fault.paths.iter().filter(move |_| possible);
        paths.map(move |path| Self { fault: *fault, when, path })
    }

    /// Sessions that wait for a timeout make a trial long.
    pub(crate) fn is_long(&self) -> bool {
        let unreal = ["EAGAIN", "EPIPE", "ENOTCONN", "ECONNRESET"];
        self.fault.effect != Effect::Nothing && unreal.contains(&self.fault.errno)
    }

    fn name(&self) -> String {
        let Self { fault: Fault { call, errno, thread, .. }, when, path } = self;
        format!("{call} {errno} when={} of {}, path {path}", when.expression(), thread.name())
    }

    /// What came of a trial that panicked.
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
            wrong.push("the first session after it is not served".to_owned());
        }
        drop(bystander);
        let sessions = Kind::ALL.len() + 2;
        self.wait_for_records(&forwarder, sessions);
        wait_until("all descriptors back", BOUND, || {
            Descriptors::of(&forwarder).are_back(descriptors)
        });
        wrong.extend(unrest(&forwarder));
        if injected == 0 && self.when == When::First {
            wrong.push("the call is not made".to_owned());
        }
        let (reasons, odd) = self.reasons(&forwarder, seen);
        wrong.extend(odd);
        self.observed(injected, reasons, wrong)
    }

    /// Plays the load, and returns what both ends of each session saw and how many calls failed.
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
            let spent = forwarder.cpu_time().saturating_sub(cpu);
            let injected = tracer.detach();
            let spins = spent > MOST_CPU || injected > MOST_FAILURES;
            assert!(!spins, "it spins: {injected} failures, {spent:?} of CPU time");
            (playing.join().expect("a load does not panic"), injected)
        })
    }

    fn wait_for_records(&self, forwarder: &Forwarder, sessions: usize) {
        if self.fault.effect == Effect::LosesLines {
            // The lost line may be that of any session, and the last one comes later.
            let last = sessions.to_string();
            wait_until("the last session's record", BOUND, || {
                forwarder.records().iter().any(|record| record.id == last)
            });
        } else {
            wait_until("a record of each session", BOUND, || forwarder.records().len() == sessions);
        }
    }

    /// The reasons for which sessions ended otherwise than without the fault, and what is wrong with
    /// them or with what their ends saw.
    fn reasons(
        &self,
        forwarder: &Forwarder,
        seen: Vec<Result<bool, String>>,
    ) -> (BTreeSet<String>, Vec<String>) {
        let (mut reasons, mut wrong) = (BTreeSet::new(), Vec::new());
        let records = forwarder.records();
        // The first session is the bystander's.
        for ((kind, seen), id) in Kind::ALL.into_iter().zip(seen).zip(2..) {
            let record = records.iter().find(|record| record.id == format!("{id}"));
            let reason = record.map(SessionRecord::close_reason);
            match (&reason, seen) {
                (_, Err(what)) => wrong.push(format!("{what} ({reason:?})")),
                // Its line is lost.
                (None, Ok(true)) => {}
                (None, Ok(false)) => wrong.push(format!("{kind:?}: cut, without a record")),
                (Some(reason), Ok(whole)) if self.is_as_ever(kind, reason, whole) => {}
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

    /// A session that the target cut may have lost bytes to the fault as well. Its reason is the
    /// first of the two.
    fn is_as_ever(&self, kind: Kind, reason: &str, whole: bool) -> bool {
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

/// Whether a forwarder without sessions is busy.
fn unrest(forwarder: &Forwarder) -> Option<String> {
    let (began, cpu) = (Instant::now(), forwarder.cpu_time());
    wait_until("some rest", BOUND, || began.elapsed() >= REST);
    let spent = forwarder.cpu_time().saturating_sub(cpu);
    (spent > MOST_CPU_AT_REST).then(|| format!("{spent:?} of CPU time in {REST:?} of rest"))
}

/// What a forwarder has open.
#[derive(Clone, Copy, Debug)]
struct Descriptors {
    /// Ends of pipes, two of each.
    pipes: usize,
    others: usize,
}

impl Descriptors {
    /// Spare pipes are kept: as many as were lent at once, which are those of two sessions at most.
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
