//! Stage *rule*: which targets may serve an accepted connection.

use crate::forward::Forward;
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
}

impl Route {
    pub(crate) fn new(forward: &Arc<Forward>, listen: Arc<str>, targets: Vec<Planned<'_>>) -> Self {
        let targets = Targets::new(targets, &forward.targets);
        Self { forward: Arc::clone(forward), listen, targets }
    }

    /// A route of restored sessions whose listen address is not configured any more.
    pub(crate) fn without_listener(
        forward: &Arc<Forward>,
        listen: Arc<str>,
        target: Arc<Target>,
    ) -> Self {
        Self { forward: Arc::clone(forward), listen, targets: Targets::of_one(target) }
    }
}

/// The targets that may serve a session. Today a route has one rule for all clients.
pub(crate) fn rule(route: &Route) -> &Targets {
    &route.targets
}
