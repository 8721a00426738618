//! A target that is connected to once before a client comes, as the control side sees it.

use crate::failure;
use crate::forward::Forward;
use crate::name_answer::NameAnswer;
use crate::report::Report;
use crate::resolve::Query;
use crate::shared::Shared;
use crate::target::Target;
use crate::target_address::{CheckedAddress, TargetAddress};
use crate::view::Reply;
use flow::{By, Cause, CloseReason, Phase};
use std::sync::{Arc, Weak};
use sys::Errno;
use sys::kernel::{Kernel, Linux};

/// A target of a running forward that no session has tried and no check watches. Does not keep it alive.
pub struct ProbedTarget<K: Kernel = Linux> {
    /// The forward's configuration.
    pub plan: Arc<plan::Forward>,
    pub(crate) forward: Arc<Forward>,
    pub(crate) address: TargetAddress,
    pub(crate) target: Weak<Target>,
    pub(crate) shared: Arc<Shared<K>>,
}

/// Targets to probe.
pub struct Unprobed<K: Kernel = Linux> {
    /// In the order of the configuration.
    pub targets: Vec<ProbedTarget<K>>,
    /// Further ones, which are not probed.
    pub left_out: usize,
}

impl<K: Kernel> ProbedTarget<K> {
    /// Where it is.
    pub fn address(&self) -> CheckedAddress<'_> {
        self.address.as_checked()
    }

    /// Resolves its name, if it has one. The reply may be called by another thread, and must not block.
    pub fn resolve(&self, reply: Reply<NameAnswer>) {
        if let TargetAddress::Name(host, port) | TargetAddress::Set(host, port) = &self.address {
            self.shared.resolver.resolve(Query::new(Arc::clone(host), *port, reply));
        }
    }

    /// Whether a probe of it still says something: it is in use, and no session has been connected to it.
    pub fn is_wanted(&self) -> bool {
        !self.forward.is_draining()
            && self.target.upgrade().is_some_and(|it| !it.is_drained() && it.connects()[0] == 0)
    }

    /// Whether a probe could not connect, and no session has tried since.
    pub fn is_unanswered(&self) -> bool {
        self.target.upgrade().is_some_and(|target| target.reach.is_unanswered())
    }

    /// Notes that a probe has connected. If another one had failed before, reports that this is over.
    pub fn answered(&self) {
        let Some(target) = self.target.upgrade() else { return };
        if target.reach.note_answered() {
            let at = self.shared.kernel.now();
            let (forward, target) = (Arc::clone(&self.forward.name), Arc::clone(&target.text));
            self.shared.outbox.send(Report::Reached { forward, target, at });
        }
    }

    /// Reports that a probe could not connect: the error, or `None` for no answer in time. Once, and not if
    /// sessions have tried it. Returns false if this host lacks descriptors or memory for a probe.
    pub fn failed(&self, errno: Option<Errno>) -> bool {
        let has_options = !self.plan.settings.outbound().is_nothing();
        let reason = errno.map_or(NO_ANSWER, |errno| {
            failure::reason_of_attempt(failure::of_attempt_with(errno, has_options))
        });
        if matches!(reason.cause, Cause::NoFiles | Cause::NoMemory) {
            return false;
        }
        let target = self.target.upgrade().filter(|_| self.is_wanted());
        if let Some(target) = target.filter(|target| target.reach.note_unanswered()) {
            let (forward, target) = (Arc::clone(&self.forward.name), Arc::clone(&target.text));
            self.shared.outbox.send(Report::Unanswered { forward, target, reason });
        }
        true
    }
}

/// As the close reason of a session whose target is silent.
const NO_ANSWER: CloseReason = CloseReason::new(By::Limit, Phase::Connect, Cause::ConnectTimeout);
