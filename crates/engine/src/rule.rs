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
    /// The claims of its clients, if they are not those of the forward.
    own_claims: Arc<Claims>,
    /// Its listen address was configured when it was made.
    has_listener: bool,
}

impl Route {
    pub(crate) fn new(forward: &Arc<Forward>, listen: Arc<str>, targets: Vec<Planned<'_>>) -> Self {
        Self::with_targets(forward, listen, Targets::new(targets, &forward.targets), true)
    }

    /// A route of restored sessions whose listen address is not configured any more.
    pub(crate) fn without_listener(
        forward: &Arc<Forward>,
        listen: Arc<str>,
        target: Arc<Target>,
    ) -> Self {
        Self::with_targets(forward, listen, Targets::of_one(target), false)
    }

    fn with_targets(
        forward: &Arc<Forward>,
        listen: Arc<str>,
        targets: Targets,
        has_listener: bool,
    ) -> Self {
        let own_claims = Arc::new(forward.claims.with_same_waiters());
        Self { forward: Arc::clone(forward), listen, targets, own_claims, has_listener }
    }

    /// The claims of accepted clients to a place in one of its targets. Listeners with the same targets share
    /// them. Those of a range have their own, also where two ranges of targets overlap: then two clients may be
    /// accepted for one place, and one of them waits as a session.
    pub(crate) fn claims(&self) -> &Arc<Claims> {
        let is_shared = self.has_listener && self.forward.shares_targets();
        if is_shared { &self.forward.claims } else { &self.own_claims }
    }
}

/// The targets that may serve a session. Today a route has one rule for all clients.
pub(crate) fn rule(route: &Route) -> &Targets {
    &route.targets
}
