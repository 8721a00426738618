//! Stage *rule*: which targets may serve an accepted connection.

use crate::forward::Forward;
use crate::permit::Claims;
use crate::sets::Planned;
use crate::target::Target;
use crate::targets::Targets;
use std::sync::Arc;

/// A listener's forward and target set. Sessions keep their route; the listening socket is not part of
/// it, so a listener can be closed while its sessions go on.
pub(crate) struct Route {
    pub(crate) forward: Arc<Forward>,
    /// The listen address, as shown.
    pub(crate) listen: Arc<str>,
    /// Per listener, since each port of a range has its own target.
    pub(crate) targets: Targets,
    /// The claims of its clients, if other listeners of the forward have other targets.
    own_claims: Arc<Claims>,
}

impl Route {
    pub(crate) fn new(forward: &Arc<Forward>, listen: Arc<str>, targets: Vec<Planned<'_>>) -> Self {
        Self::with_targets(forward, listen, Targets::new(targets, &forward.targets))
    }

    /// A route of restored sessions whose listen address is not configured any more.
    pub(crate) fn without_listener(
        forward: &Arc<Forward>,
        listen: Arc<str>,
        target: Arc<Target>,
    ) -> Self {
        Self::with_targets(forward, listen, Targets::of_one(target))
    }

    fn with_targets(forward: &Arc<Forward>, listen: Arc<str>, targets: Targets) -> Self {
        let own_claims = Arc::new(forward.claims.with_same_waiters());
        Self { forward: Arc::clone(forward), listen, targets, own_claims }
    }

    /// The claims of accepted clients to a place in one of its targets.
    pub(crate) fn claims(&self) -> &Arc<Claims> {
        if self.forward.shares_targets() { &self.forward.claims } else { &self.own_claims }
    }
}

/// The targets that may serve a session. Today a route has one rule for all clients.
pub(crate) fn rule(route: &Route) -> &Targets {
    &route.targets
}
