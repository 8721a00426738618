//! A target to probe before its first client, as the control side sees it.

use crate::attempt::{LOOP, TIMED_OUT};
use crate::failure;
use crate::forward::Forward;
use crate::name_answer::NameAnswer;
use crate::report::Report;
use crate::resolve::Query;
use crate::shared::Shared;
use crate::target::Target;
use crate::target_address::{CheckedAddress, TargetAddress};
use crate::view::Reply;
use flow::{Cause, Outbound};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;
use sys::Errno;
use sys::kernel::{Kernel, Linux};

/// A target of a running forward that no session has tried and no check watches. Does not keep it alive.
pub struct ProbedTarget<K: Kernel = Linux> {
    pub(crate) forward: Arc<Forward>,
    pub(crate) address: TargetAddress,
    pub(crate) target: Weak<Target>,
    pub(crate) shared: Arc<Shared<K>>,
}

/// Targets to probe.
pub struct Unprobed<K: Kernel = Linux> {
    /// In the order of the configuration.
    pub targets: Vec<ProbedTarget<K>>,
    /// Number of further ones, which are not probed.
    pub left_out: usize,
}

/// The settings of a forward that decide how a probe connects. A reload may change them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProbeSettings {
    /// Options of the socket; `None` leaves all to the kernel.
    pub outbound: Option<Arc<Outbound>>,
    /// `connect_timeout`.
    pub connect_timeout: Duration,
}

/// Why a probe did not connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeError {
    /// connect(2) or a call before it failed.
    Failed(Errno),
    /// The target did not answer in time.
    TimedOut,
    /// The target is a listener of this process.
    Loop,
}

/// How the result of a probe was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// Completely.
    Done,
    /// Not at all: too many reports wait for the log. Probe the target again later.
    QueueFull,
    /// Not at all: this host lacks descriptors or memory for a probe.
    NoResources,
}

impl<K: Kernel> ProbedTarget<K> {
    /// Address of the target.
    pub fn address(&self) -> CheckedAddress<'_> {
        self.address.as_checked()
    }

    /// Identifies targets with the same address, of all forwards.
    pub fn key(&self) -> impl Eq + std::hash::Hash + use<K> {
        self.address.clone()
    }

    /// The present settings of its forward.
    pub fn settings(&self) -> ProbeSettings {
        let rules = self.forward.rules();
        ProbeSettings { outbound: rules.outbound.clone(), connect_timeout: rules.timeouts.connect }
    }

    /// Resolves its name, if it has one. The reply may be called by another thread, and must not block.
    pub fn resolve(&self, reply: Reply<NameAnswer>) {
        if let TargetAddress::Name(host, port) | TargetAddress::Set(host, port) = &self.address {
            self.shared.resolver.resolve(Query::new(Arc::clone(host), *port, reply));
        }
    }

    /// Whether a connection to this address would arrive at a listener of this process.
    pub fn leads_back_by(&self, address: SocketAddr) -> bool {
        self.shared.loop_guard.reached_by(address, &self.shared.kernel)
    }

    /// A function that returns whether a connection to the Unix socket at a path would arrive at a listener of this
    /// process. It may block on the file system.
    pub fn leads_back_at(&self) -> impl FnOnce(&Path) -> bool + Send + use<K> {
        let shared = Arc::clone(&self.shared);
        move |path| shared.loop_guard.reached_at(path, &shared.kernel)
    }

    /// Whether a probe is still useful: the target is in use, and no session has connected to it.
    pub fn is_wanted(&self) -> bool {
        let rules = self.forward.rules();
        let is_transparent = rules.outbound.as_ref().is_some_and(|it| it.transparent);
        let is_unused = |target: Arc<Target>| target.connects()[0] == 0;
        rules.active.is_none() && !is_transparent && self.target.upgrade().is_some_and(is_unused)
    }

    /// Whether an operator has drained the target or its forward.
    pub fn is_drained(&self) -> bool {
        self.forward.is_draining() || self.target.upgrade().is_some_and(|it| it.is_drained())
    }

    /// Ends without a result while the target is drained. The first [`Engine::unprobed_targets`] after its drain has
    /// it again.
    ///
    /// [`Engine::unprobed_targets`]: crate::Engine::unprobed_targets
    pub fn postpone(&self) {
        self.target.upgrade().iter().for_each(|target| target.probe.reset());
    }

    /// Ends without a result.
    pub fn give_up(&self) {
        self.target.upgrade().iter().for_each(|target| target.probe.finish());
    }

    /// Whether a probe could not connect, and no session has tried since.
    pub fn is_unanswered(&self) -> bool {
        self.target.upgrade().is_some_and(|target| target.reach.is_unanswered())
    }

    /// Whether neither a probe nor a session has failed to connect since the last connect.
    pub fn is_untried(&self) -> bool {
        self.target.upgrade().is_some_and(|target| target.reach.is_fine())
    }

    /// Records a successful probe. Reports the recovery if an earlier probe failed.
    pub fn answered(&self) -> Recorded {
        let Some(target) = self.target.upgrade() else { return Recorded::Done };
        target.probe.finish();
        if target.reach.note_answered() && !self.report_reached(&target) {
            target.reach.note_unreported();
            return Recorded::QueueFull;
        }
        Recorded::Done
    }

    /// Records a failed probe. Reports it if the target was not known to be unreachable, and no session has tried.
    pub fn failed(&self, error: ProbeError) -> Recorded {
        let has_options = self.forward.rules().outbound.is_some();
        let reason = failure::reason_of_attempt(match error {
            ProbeError::Failed(errno) => failure::of_attempt_with(errno, has_options),
            ProbeError::TimedOut => TIMED_OUT,
            ProbeError::Loop => LOOP,
        });
        if matches!(reason.cause, Cause::NoFiles | Cause::NoMemory) {
            return Recorded::NoResources;
        }
        let Some(target) = self.target.upgrade() else { return Recorded::Done };
        if self.is_drained() {
            target.probe.reset();
            return Recorded::Done;
        }
        // Before the change: a session that connects after it has a later time.
        let at = self.shared.kernel.now();
        let why = reason.cause.of_target();
        if self.is_wanted() && target.reach.note_unanswered(self.shared.kernel.system_time(), why) {
            let (forward, name) = (Arc::clone(&self.forward.name), Arc::clone(&target.text));
            let report = Report::Unanswered { forward, target: name, reason, at };
            if self.shared.outbox.try_send(report).is_some() {
                target.reach.note_answered();
                return Recorded::QueueFull;
            }
            // A session has connected meanwhile, and its report may have come first.
            if target.reach.is_fine() && !self.report_reached(&target) {
                target.reach.note_unreported();
            }
        }
        target.probe.finish();
        Recorded::Done
    }

    /// Reports that the target is connected. Returns false if too many reports wait.
    fn report_reached(&self, target: &Target) -> bool {
        let at = self.shared.kernel.now();
        let (forward, target) = (Arc::clone(&self.forward.name), Arc::clone(&target.text));
        self.shared.outbox.try_send(Report::Reached { forward, target, at }).is_none()
    }
}
