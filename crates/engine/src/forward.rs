//! A forward as it runs: what its sessions share.

use crate::counters::ForwardCounters;
use crate::gate::Gate;
use flow::{AtLimit, PathChoice, Timeouts};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use sys::socket::TcpOptions;

/// One rule, running. Shared by all workers, and never changed: a reload makes another one, which
/// takes over what is counted.
pub(crate) struct Forward {
    pub(crate) name: Arc<str>,
    pub(crate) timeouts: Timeouts,
    pub(crate) path: PathChoice,
    pub(crate) at_limit: AtLimit,
    pub(crate) on_refusal: plan::OnRefusal,
    pub(crate) options: TcpOptions,
    pub(crate) gate: Arc<Gate>,
    pub(crate) counters: Arc<ForwardCounters>,
    /// It takes no new sessions; those it has may end.
    pub(crate) draining: bool,
}

impl Forward {
    pub(crate) fn new(forward: &plan::Forward, workers: usize) -> Self {
        let gate = Gate::new(forward.settings.max_sessions.get());
        Self::with(forward, Arc::new(gate), Arc::new(ForwardCounters::new(workers)))
    }

    /// The same forward by other rules: its sessions and what was counted go on.
    pub(crate) fn changed(&self, forward: &plan::Forward, draining: bool) -> Self {
        let new = Self::with(forward, Arc::clone(&self.gate), Arc::clone(&self.counters));
        Self { draining, ..new }
    }

    /// The same forward, taking no more sessions.
    pub(crate) fn drained(&self) -> Self {
        Self {
            name: Arc::clone(&self.name),
            gate: Arc::clone(&self.gate),
            counters: Arc::clone(&self.counters),
            draining: true,
            ..*self
        }
    }

    /// Whether both are versions of one forward.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.gate, &other.gate)
    }

    /// The options of its sockets.
    pub(crate) fn options_of(forward: &plan::Forward) -> TcpOptions {
        let settings = &forward.settings;
        TcpOptions { keepalive: settings.keepalive, user_timeout: settings.user_timeout }
    }

    fn with(forward: &plan::Forward, gate: Arc<Gate>, counters: Arc<ForwardCounters>) -> Self {
        let settings = &forward.settings;
        Self {
            name: forward.name.as_str().into(),
            timeouts: Timeouts {
                connect: settings.connect_timeout,
                idle: settings.idle_timeout,
                half_close: settings.half_close_timeout,
                max_age: settings.max_age,
            },
            path: settings.path,
            at_limit: settings.at_limit,
            on_refusal: settings.on_refusal,
            options: Self::options_of(forward),
            gate,
            counters,
            draining: false,
        }
    }
}

/// Where the sessions of one listener go. Sessions keep it for as long as they live; the listening
/// socket is not part of it, so that a listener can be closed under living sessions.
pub(crate) struct Route {
    pub(crate) forward: Arc<Forward>,
    /// The listen address, as shown.
    pub(crate) listen: Arc<str>,
    pub(crate) target: Target,
    /// The target, as shown.
    pub(crate) target_text: Arc<str>,
}

impl Route {
    pub(crate) fn new(forward: &Arc<Forward>, route: &plan::Route) -> Self {
        Self::leading(forward, route.listen.to_string().into(), &route.target)
    }

    /// From a listen address, as shown, to a target.
    pub(crate) fn leading(forward: &Arc<Forward>, listen: Arc<str>, target: &plan::Target) -> Self {
        Self {
            forward: Arc::clone(forward),
            listen,
            target: match target {
                plan::Target::Ip(address) => Target::Addresses([*address]),
                plan::Target::Name { host, port } => Target::Name(host.as_str().into(), *port),
                plan::Target::Unix(path) => Target::Unix(path.clone()),
            },
            target_text: target.to_string().into(),
        }
    }

    /// The same route of another version of its forward.
    pub(crate) fn of(&self, forward: &Arc<Forward>) -> Self {
        Self {
            forward: Arc::clone(forward),
            listen: Arc::clone(&self.listen),
            target: self.target.clone(),
            target_text: Arc::clone(&self.target_text),
        }
    }
}

/// Whom to connect to.
#[derive(Clone)]
pub(crate) enum Target {
    /// Known addresses.
    Addresses([SocketAddr; 1]),
    /// A name and port, to be resolved for each session.
    Name(Arc<str>, u16),
    /// A Unix socket.
    Unix(PathBuf),
}
