//! The state of a target as shown to operators.

use crate::checked::LastCheck;
use crate::rule::{Route, with_routes_by_hello};
use crate::state_change::StateChange;
use crate::target_address::TargetAddress;
use crate::targets::Member;
use flow::{HelloRule, NoneUp, Time};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The current state of a target in the sets of a forward.
#[derive(Clone, Debug)]
pub struct TargetView {
    /// Its address: as configured, or of a record of [`Self::set`].
    pub address: Arc<str>,
    /// The entry of `to` whose records are targets, such as `dns:db.internal:5432`; `None` for a target
    /// that stands in `to` itself.
    pub set: Option<String>,
    /// The listen addresses whose sessions it serves.
    pub listen: Vec<Arc<str>>,
    /// Names of the routes by ClientHello that it serves.
    pub routes: Vec<String>,
    /// It is not out of use, after failed connects or checks.
    pub is_up: bool,
    /// Since when, and why, neither a session nor a probe has connected; `None` if the last one has, and if
    /// it is checked. It takes sessions as before.
    pub unreachable: Option<StateChange>,
    /// An operator has drained it.
    pub is_drained: bool,
    /// When that was, if it is known.
    pub drained_at: Option<SystemTime>,
    /// When a client may try it again, while only failed connects keep it out of use.
    pub tried_from: Option<Time>,
    /// It is checked, and no check has ended yet.
    pub is_unknown: bool,
    /// The change to its present state; `None` if it has had no other since the start of the process.
    pub change: Option<StateChange>,
    /// Its checks that succeeded, and those that failed; `None` if it is not checked.
    pub checks: Option<[u64; 2]>,
    /// The last check; `None` before the first.
    pub last_check: Option<LastCheck>,
    /// Number of its open sessions.
    pub sessions: u32,
    /// Limit on its open sessions; `None` if there is none.
    pub max_sessions: Option<u32>,
    /// Its share of new sessions, relative to the other targets.
    pub weight: u32,
    /// It serves while all others are down.
    pub is_backup: bool,
    /// Connects, and failed attempts, of all sessions.
    pub connects: [u64; 2],
    /// The time that a connect usually takes; `None` before the first.
    pub usual_connect_time: Option<Duration>,
}

impl TargetView {
    /// The targets of these routes, in the order of the configuration. One for all listeners that share it.
    pub(crate) fn of_routes(routes: &[Arc<Route>]) -> Vec<Self> {
        let mut views: Vec<Self> = Vec::new();
        let mut positions: BTreeMap<Arc<str>, usize> = BTreeMap::new();
        for route in with_routes_by_hello(routes) {
            let (rules, set) = (route.forward.rules(), route.targets.load());
            let is_checked = rules.active.is_some();
            let has_passive_health = set.has_passive_health(&rules);
            let serves =
                |it: &&Member| !it.target.is_drained() && !it.target.is_down_in(has_passive_health);
            // While none serves, clients try all without a wait.
            let has_waits =
                rules.none_up != NoneUp::Try || set.members().iter().any(|it| serves(&it));
            for member in set.members() {
                let address = &member.target.text;
                let position = *positions.entry(Arc::clone(address)).or_insert_with(|| {
                    let view = Self::of(member, is_checked, has_passive_health);
                    let tried_from = view.tried_from.filter(|_| has_waits);
                    views.push(Self { tried_from, ..view });
                    views.len() - 1
                });
                views[position].add_route(&route);
            }
        }
        views
    }

    /// Each listener has the same routes.
    fn add_route(&mut self, route: &Route) {
        if !self.listen.contains(&route.listen) {
            self.listen.push(Arc::clone(&route.listen));
        }
        let name = route.rule.as_ref().map(HelloRule::name);
        if let Some(name) = name.filter(|name| !self.routes.contains(name)) {
            self.routes.push(name);
        }
    }

    fn of(member: &Member, is_checked: bool, has_passive_health: bool) -> Self {
        let Member { target, weight, level, set } = member;
        let entry = |name: &Arc<str>| match &target.address {
            TargetAddress::Ip(address) if !name.starts_with("srv:") => {
                format!("dns:{name}:{}", address.port())
            }
            _ => name.to_string(),
        };
        let usual = target.usual_connect_time();
        let is_up = !target.is_down_in(has_passive_health);
        Self {
            address: Arc::clone(&target.text),
            set: set.as_ref().map(entry),
            listen: Vec::new(),
            routes: Vec::new(),
            is_up,
            unreachable: target.reach.failure().filter(|_| !is_checked),
            is_drained: target.is_drained(),
            drained_at: target.drained_at(),
            tried_from: target
                .tried_from()
                .filter(|_| has_passive_health && !target.checked.is_down()),
            is_unknown: target.checked.is_unknown(),
            // A check or `passive` that was switched off has left the change of another state.
            change: target.change().filter(|change| change.why.is_none() == is_up),
            checks: is_checked.then(|| target.checked.counts()),
            last_check: target.checked.last(),
            sessions: target.gate.taken(),
            max_sessions: target.limit(),
            weight: *weight,
            is_backup: *level > 0,
            connects: target.connects(),
            usual_connect_time: (!usual.is_zero()).then_some(usual),
        }
    }
}
