//! Names of targets: which ones the resolver keeps up to date, and the members of sets for the engine.

use crate::supervisor::{Supervisor, SupervisorHandle};
use discover::{Members, Resolver};
use engine::{LeftOut, Query, Resolve as _, SetChange, SetMember};
use plan::{Plan, TARGETS_MAX, Target};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

/// Addresses of one log line; further ones are counted.
const MOST_LOGGED: usize = 10;

impl Supervisor {
    /// Has the resolver keep the sets up to date and retry failing names: those of the running configuration, and
    /// of the configuration that a trial may fall back to. The others are forgotten.
    pub(crate) fn watch_names(&mut self) {
        let mut names = names_of(&self.plan);
        names.extend(self.trials.running().into_iter().flat_map(|trial| names_of(&trial.back_to)));
        let back_to = self.trials.running().map(|trial| &trial.back_to);
        let plans = std::iter::once(&self.plan).chain(back_to);
        let hosts = plans.flat_map(hosts_of).map(|(host, _)| host.into());
        self.resolver.watch_names(names.iter().map(Arc::clone), hosts);
        self.engine.retain_sets(&names);
        // The last answer of a name that had no set is its first one.
        self.publish_sets();
    }

    /// Looks up the names of targets at a start, so that the log has those that fail before the first client comes.
    /// Returns without waiting for an answer.
    pub(crate) fn look_up_targets(&self) {
        let mut asked = HashSet::new();
        for (host, port) in hosts_of(&self.plan).filter(|(host, _)| asked.insert(*host)) {
            self.resolver.resolve(Query::new(host.into(), port, Box::new(|_| ())));
        }
    }

    /// Publishes the changed sets to the engine, and logs their changes.
    pub(crate) fn publish_sets(&mut self) {
        let changed = self.resolver.take_changed_sets();
        if changed.is_empty() {
            return;
        }
        let sets = changed.into_iter().map(|(name, members)| (name, set_members(members)));
        let replaced = self.engine.replace_sets(sets.collect());
        replaced.changes.iter().for_each(log_change);
        self.follow_targets();
        for LeftOut { forward, targets } in replaced.left_out {
            tracing::warn!(
                forward = &*forward,
                targets,
                "a forward has at most {TARGETS_MAX} targets: these are left out"
            );
        }
    }

    /// Probes the targets that could not be probed before: their names are resolved now.
    pub(crate) fn probe_resolved(&mut self) {
        let names = self.resolver.take_resolved().collect();
        if let Some(probes) = &self.probes {
            probes.names_resolved(names);
        }
    }

    pub(crate) fn resolver(&self) -> Arc<Resolver> {
        Arc::clone(&self.resolver)
    }
}

/// Has the supervisor publish each change of a set, and probe the targets of names that are resolved, until the process ends.
pub(crate) async fn follow_sets(resolver: Arc<Resolver>, supervisor: SupervisorHandle) {
    loop {
        let result = tokio::select! {
            () = resolver.set_changed() => supervisor.ask(Supervisor::publish_sets).await,
            () = resolver.name_resolved() => supervisor.ask(Supervisor::probe_resolved).await,
        };
        if result.is_err() {
            return;
        }
    }
}

/// The engine's form of a set's members.
pub(crate) fn set_members(members: Members) -> Vec<SetMember> {
    let member = |(address, share): (SocketAddr, discover::Share)| SetMember {
        address,
        level: share.level,
        weight: NonZeroU32::new(share.weight.into()).unwrap_or(NonZeroU32::MIN),
    };
    members.into_iter().map(member).collect()
}

fn names_of(plan: &Plan) -> HashSet<Arc<str>> {
    plan.forwards.iter().flat_map(|forward| engine::set_names(forward)).collect()
}

/// The names of single targets, with their ports.
fn hosts_of(plan: &Plan) -> impl Iterator<Item = (&str, u16)> {
    let routes = plan.forwards.iter().flat_map(|forward| &forward.routes);
    let hello = plan.forwards.iter().flat_map(|forward| forward.hello_routes.iter());
    let targets = routes.map(|route| &route.targets).chain(hello.map(|route| &route.targets));
    targets.flat_map(|targets| targets.iter()).filter_map(|entry| match &entry.address {
        Target::Name { host, port } => Some((host.as_str(), *port)),
        _ => None,
    })
}

fn log_change(change: &SetChange) {
    let SetChange { name, added, removed, targets } = change;
    let (added, removed) = (listed(added), listed(removed));
    let name = &**name;
    tracing::info!(name, added, removed, targets, "the targets of a name have changed");
}

/// The first addresses in one line; `None` if there are none.
fn listed(addresses: &[SocketAddr]) -> Option<String> {
    let shown = addresses.iter().take(MOST_LOGGED).map(|address| match address.port() {
        0 => address.ip().to_string(),
        _ => address.to_string(),
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    match addresses.len().saturating_sub(MOST_LOGGED) {
        0 => Some(shown).filter(|shown| !shown.is_empty()),
        more => Some(format!("{shown} and {more} more")),
    }
}
