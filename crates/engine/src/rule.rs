//! Stage *rule*: which targets may serve an accepted connection: those of its listener or, by the names in its
//! TLS ClientHello, those of a route of the listener.

use crate::forward::Forward;
use crate::permit::Claims;
use crate::sets::{Planned, Sets};
use crate::target::Target;
use crate::targets::{TargetSet, Targets};
use arc_swap::{ArcSwapOption, Guard};
use flow::{ClientHello, HelloRule};
use plan::TargetEntry;
use std::collections::HashMap;
use std::sync::Arc;

/// A forward and a target set for clients of a listener: for those with certain ClientHellos, or for all others.
/// Sessions keep their route; the listening socket is not part of it, so a listener can be closed while its
/// sessions go on.
pub(crate) struct Route {
    pub(crate) forward: Arc<Forward>,
    /// The listen address, as shown.
    pub(crate) listen: Arc<str>,
    /// The hellos that lead here; `None` for the listener's own route.
    pub(crate) rule: Option<HelloRule>,
    /// Per listener, since each port of a range has its own target. Without members, no client is served: the
    /// forward has only targets for certain hellos.
    pub(crate) targets: Targets,
    /// The routes for certain hellos of the listener's clients, in the order of the configuration.
    by_hello: ArcSwapOption<Vec<Arc<Route>>>,
    /// The claims of its clients, if they are not those of the forward.
    own_claims: Arc<Claims>,
    /// Its listen address was configured when it was made.
    has_listener: bool,
}

impl Route {
    pub(crate) fn new(forward: &Arc<Forward>, listen: Arc<str>, targets: Vec<Planned<'_>>) -> Self {
        Self::with_targets(forward, listen, Targets::new(targets, &forward.targets), true)
    }

    /// A route of the listener for the hellos of this rule.
    fn for_rule(&self, rule: HelloRule, targets: Vec<Planned<'_>>) -> Self {
        let route = Self::new(&self.forward, Arc::clone(&self.listen), targets);
        Self { rule: Some(rule), ..route }
    }

    /// A route of restored sessions whose listen address is not configured any more: to this target. A session without
    /// one, and one that awaits its hello, goes on by the routes of `sibling`, another listener.
    pub(crate) fn without_listener(
        forward: &Arc<Forward>,
        listen: Arc<str>,
        target: Option<Arc<Target>>,
        sibling: Option<&Self>,
    ) -> Self {
        let targets = match (target, sibling) {
            (None, Some(sibling)) => sibling.targets.snapshot(),
            (target, _) => Targets::without_set(target),
        };
        let route = Self::with_targets(forward, listen, targets, false);
        route.by_hello.store(sibling.and_then(Self::by_hello));
        route
    }

    fn with_targets(
        forward: &Arc<Forward>,
        listen: Arc<str>,
        targets: Targets,
        has_listener: bool,
    ) -> Self {
        let own_claims = Arc::new(forward.claims.with_same_waiters());
        let (rule, by_hello) = (None, ArcSwapOption::empty());
        let forward = Arc::clone(forward);
        Self { forward, listen, rule, targets, by_hello, own_claims, has_listener }
    }

    /// The claims of accepted clients to a place in one of its targets. Listeners with the same targets share
    /// them. Those of a range have their own, also where two ranges of targets overlap: then two clients may be
    /// accepted for one place, and one of them waits as a session.
    pub(crate) fn claims(&self) -> &Arc<Claims> {
        let has_shared = self.has_listener && self.rule.is_none();
        let is_shared = has_shared && self.forward.shares_targets();
        if is_shared { &self.forward.claims } else { &self.own_claims }
    }

    /// Whether the ClientHello of a client decides its route.
    pub(crate) fn awaits_hello(&self) -> bool {
        self.by_hello.load().is_some()
    }

    /// The route of the listener for this hello; `None` if it goes on by the listener's own.
    pub(crate) fn for_hello(&self, hello: &ClientHello) -> Option<Arc<Self>> {
        let takes = |route: &&Arc<Self>| route.rule.as_ref().is_some_and(|it| it.takes(hello));
        self.by_hello.load().as_ref()?.iter().find(takes).map(Arc::clone)
    }

    /// The route of the listener with this rule, as text; with an empty one, its own.
    pub(crate) fn with_rule(self: &Arc<Self>, rule: &str) -> Option<Arc<Self>> {
        if rule.is_empty() {
            return Some(Arc::clone(self));
        }
        let has_rule = |it: &&Arc<Self>| it.rule.as_ref().is_some_and(|it| it.to_string() == rule);
        self.by_hello.load().as_ref()?.iter().find(has_rule).map(Arc::clone)
    }

    /// The routes for certain hellos of the listener's clients.
    pub(crate) fn by_hello(&self) -> Option<Arc<Vec<Arc<Self>>>> {
        self.by_hello.load_full()
    }

    /// Gives a listener these targets and routes. A route with the same rule as before stays, and gets a new
    /// target set if its targets have changed. Returns the largest number of targets that a set leaves out.
    pub(crate) fn replace(
        &self,
        targets: &[TargetEntry],
        routes: &[plan::HelloRoute],
        sets: &Sets,
    ) -> usize {
        // Until all sets are new: a target that moves between them keeps its state.
        let _old = self.sets();
        let replace_targets = || {
            let (targets, left_out) = sets.targets_of(targets);
            self.targets.replace(targets, &self.forward.targets);
            left_out
        };
        // A client that is accepted meanwhile must find targets or a route.
        let early = (!targets.is_empty()).then(replace_targets);
        let of_routes = self.replace_routes(routes, sets);
        early.unwrap_or_else(replace_targets).max(of_routes)
    }

    /// The target set of the listener, and those of its routes.
    fn sets(&self) -> Vec<Guard<Arc<TargetSet>>> {
        let routes = self.by_hello();
        let of_routes = routes.iter().flat_map(|routes| routes.iter());
        let of_routes = of_routes.map(|route| route.targets.load());
        std::iter::once(self.targets.load()).chain(of_routes).collect()
    }

    fn replace_routes(&self, planned: &[plan::HelloRoute], sets: &Sets) -> usize {
        let old = self.by_hello.load_full().unwrap_or_default();
        let old = old.iter().filter_map(|route| Some((route.rule.as_ref()?, route)));
        let old: HashMap<&HelloRule, &Arc<Self>> = old.collect();
        let mut most_left_out = 0;
        let route = |planned: &plan::HelloRoute| {
            let (targets, left_out) = sets.targets_of(&planned.targets);
            most_left_out = most_left_out.max(left_out);
            let Some(route) = old.get(&planned.rule) else {
                return Arc::new(self.for_rule(planned.rule.clone(), targets));
            };
            route.targets.replace(targets, &self.forward.targets);
            Arc::clone(route)
        };
        let routes: Vec<_> = planned.iter().map(route).collect();
        self.by_hello.store((!routes.is_empty()).then(|| Arc::new(routes)));
        most_left_out
    }
}

/// These routes of listeners, each followed by those for certain hellos.
pub(crate) fn with_routes_by_hello(routes: &[Arc<Route>]) -> Vec<Arc<Route>> {
    let by_hello = |route: &Arc<Route>| route.by_hello().into_iter().flat_map(|it| it.to_vec());
    routes.iter().flat_map(|it| std::iter::once(Arc::clone(it)).chain(by_hello(it))).collect()
}

/// The targets that may serve a session. Its ClientHello, where it counts, has chosen the route.
pub(crate) fn rule(route: &Route) -> &Targets {
    &route.targets
}
