//! Stage *rule*: which targets may serve an accepted connection.

use crate::forward::Forward;
use crate::targets::Targets;
use std::sync::Arc;

/// The connections of one listener: their forward and its targets. Sessions keep it for as long as they
/// live; the listening socket is not part of it, so a listener can be closed under living sessions.
pub(crate) struct Route {
    pub(crate) forward: Arc<Forward>,
    /// The listen address, as shown.
    pub(crate) listen: Arc<str>,
    /// Each port of a range has its own target, and so each listener its own set.
    pub(crate) targets: Targets,
}

impl Route {
    pub(crate) fn new(forward: &Arc<Forward>, listen: Arc<str>, targets: &[plan::Target]) -> Self {
        let targets = Targets::new(targets, forward.workers());
        Self { forward: Arc::clone(forward), listen, targets }
    }
}

/// The targets that may serve a session. Today a route has one rule, whatever its clients send.
pub(crate) fn rule(route: &Route) -> &Targets {
    &route.targets
}
