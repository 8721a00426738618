//! A forward as it runs: what its sessions share.

use crate::counters::ForwardCounters;
use crate::permit::Gate;
use crate::rules::Rules;
use arc_swap::{ArcSwap, Guard};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// One configured rule, running. All workers share it for as long as the forward or one of its
/// sessions lives; a reload replaces its rules.
pub(crate) struct Forward {
    pub(crate) name: Arc<str>,
    pub(crate) gate: Gate,
    pub(crate) counters: ForwardCounters,
    rules: ArcSwap<Rules>,
}

impl Forward {
    pub(crate) fn new(forward: &plan::Forward, workers: usize) -> Self {
        Self {
            name: forward.name.as_str().into(),
            gate: Gate::new(forward.settings.max_sessions.get()),
            counters: ForwardCounters::new(workers),
            rules: ArcSwap::from_pointee(Rules::of(forward)),
        }
    }

    /// The rules now. Sessions look them up where they need them and keep none.
    pub(crate) fn rules(&self) -> Guard<Arc<Rules>> {
        self.rules.load()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.rules().draining
    }

    /// Replaces the rules, for open sessions too. Returns whether their timers must be set again
    /// ([`Rules::are_stricter_than`]).
    #[must_use]
    pub(crate) fn set_rules(&self, rules: Rules) -> bool {
        let rules = Arc::new(rules);
        let old = self.rules.swap(Arc::clone(&rules));
        rules.are_stricter_than(&old)
    }

    /// From now on it takes no new sessions, or takes them again.
    pub(crate) fn set_draining(&self, draining: bool) {
        let rules = Rules { draining, ..Rules::clone(&self.rules()) };
        self.rules.store(Arc::new(rules));
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
}

/// The address that sessions connect to.
#[derive(Clone)]
pub(crate) enum Target {
    /// Known addresses.
    Addresses([SocketAddr; 1]),
    /// A name and port, to be resolved for each session.
    Name(Arc<str>, u16),
    /// A Unix socket.
    Unix(PathBuf),
}
