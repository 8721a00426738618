//! A target that the configuration wants to be checked, as the control side sees it.

use crate::checked::LastCheck;
use crate::down_cause::DownCause;
use crate::forward::Forward;
use crate::message::Message;
use crate::name_answer::NameAnswer;
use crate::report::Report;
use crate::resolve::Query;
use crate::shared::Shared;
use crate::target::Target;
use crate::target_address::{CheckedAddress, TargetAddress};
use crate::view::Reply;
use flow::{HealthChange, OnDown, SendProxy};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use sys::kernel::{Kernel, Linux};

/// A target of a running forward with a `check`. It keeps the target's state alive.
pub struct CheckedTarget<K: Kernel = Linux> {
    /// The forward's configuration, which has a check.
    pub plan: Arc<plan::Forward>,
    /// Header of the PROXY protocol that its sessions send.
    pub send_proxy: SendProxy,
    pub(crate) forward: Arc<Forward>,
    pub(crate) target: Arc<Target>,
    pub(crate) shared: Arc<Shared<K>>,
}

impl<K: Kernel> CheckedTarget<K> {
    /// Identifies the target in this process image. It stays while the target is in the forward.
    pub fn id(&self) -> u64 {
        self.target.id
    }

    /// Name of its forward.
    pub fn forward(&self) -> &Arc<str> {
        &self.forward.name
    }

    /// Address of the target.
    pub fn address(&self) -> CheckedAddress<'_> {
        self.target.address.as_checked()
    }

    /// Resolves its name, if it has one. The reply may be called by another thread, and must not block.
    pub fn resolve(&self, reply: Reply<NameAnswer>) {
        if let TargetAddress::Name(host, port) | TargetAddress::Set(host, port) =
            &self.target.address
        {
            self.shared.resolver.resolve(Query::new(Arc::clone(host), *port, reply));
        }
    }

    /// The addresses of its name in the order in which a session would try them.
    pub fn in_order(&self, addresses: &[SocketAddr]) -> Vec<SocketAddr> {
        flow::in_order(addresses, self.target.worked())
    }

    /// Notes the result of a check: why it failed, or `None`. If it changes the state of the target, reports
    /// that, and resets the target's sessions where the forward wants it. Returns the pause until the next
    /// check, with a jitter by `random`; `None` if the target is not checked any more.
    pub fn ended(&self, error: Option<Arc<str>>, took: Duration, random: u64) -> Option<Duration> {
        let (forward, target) = (&self.forward, &self.target);
        let rules = forward.rules();
        let active = rules.active?;
        let (kernel, has_succeeded) = (&self.shared.kernel, error.is_none());
        let at = kernel.system_time();
        let (was_down, was_unknown) = (target.is_down(), target.checked.is_unknown());
        let state = || (target.checked.is_down(), target.tried_from());
        let before = state();
        let last = LastCheck { at, took, error: error.clone() };
        let (change, pause) = target.checked.ended(last, &active, random)?;
        // A check of another port says nothing about connects.
        let is_same_port = self.plan.settings.check.as_ref().is_some_and(|it| it.port.is_none());
        if is_same_port {
            target.connect_checked(has_succeeded, kernel.now(), active.rise);
        }
        // A target that is down until its first success is reported once.
        let has_never_worked = was_unknown && !has_succeeded && target.checked.is_down();
        if change == Some(HealthChange::Down) || has_never_worked {
            let failures = if has_never_worked { 1 } else { active.fall };
            let cause = DownCause::Checks(error.unwrap_or_default());
            target.note_down(at, &cause, failures);
            self.report(|forward, target| Report::TargetDown { forward, target, cause, failures });
        } else if was_down && !target.is_down() {
            let was_down = target.note_up(at, kernel.now());
            self.report(|forward, target| Report::TargetUp { forward, target, was_down });
        }
        if before != state() {
            // The target serves again, or its backups do.
            self.shared.wake(forward.targets_changed());
        }
        if change == Some(HealthChange::Down) && rules.on_down == OnDown::Reset {
            self.shared.broadcast(|| Message::CutTarget(Arc::clone(target)));
        }
        Some(pause)
    }

    fn report(&self, report: impl FnOnce(Arc<str>, Arc<str>) -> Report) {
        let (forward, target) = (Arc::clone(&self.forward.name), Arc::clone(&self.target.text));
        self.shared.outbox.send(report(forward, target));
    }
}
