//! The cache of names: when a name is looked up, which addresses serve meanwhile, and for how long. Pure:
//! the time comes in, look-ups and notices go out.

use super::entry::{Addresses, Answer, Entry, Failing, LEAST_PAUSE, STALE_AFTER, renewed};
use super::failure::LookUpError;
use super::service_hosts::HostAddresses;
use crate::sets::{Membership, Share};
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

mod handoff;

/// Something for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// Look-ups of a name fail from now on.
    Failing {
        name: Arc<str>,
        error: LookUpError,
        /// Number of addresses that go on serving; 0 if there has been no good answer.
        serving: usize,
    },
    /// A name is resolved again.
    Over { name: Arc<str>, after: Duration, failures: u32 },
    /// A failing name has left the configuration.
    Removed { name: Arc<str> },
    /// A set has more addresses than members at most, of which so many are left out.
    LeftOut { name: Arc<str>, addresses: usize },
}

/// A name whose look-ups fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailingName {
    /// The name, in lower case.
    pub name: Arc<str>,
    /// Time since the first failed look-up.
    pub since: Duration,
    /// Error of the last look-up.
    pub error: LookUpError,
    /// Number of addresses that go on serving; 0 if there has been no good answer.
    pub serving: usize,
}

/// Result of a query.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked<W> {
    Addresses(W, Addresses),
    Failed(W, LookUpError),
    /// The query waits for a look-up.
    Waiting,
}

/// A query that has waited, its port, and its result.
pub(crate) type Served<W> = (W, Result<Addresses, LookUpError>);

/// The names that are in use, by host in lower case. `W` is a query that waits.
pub(crate) struct Cache<W> {
    names: HashMap<Arc<str>, Entry<W>>,
    /// The names of the targets in the configuration.
    targets: BTreeSet<Arc<str>>,
    due: BTreeSet<(Instant, Arc<str>)>,
    look_ups: Vec<Arc<str>>,
    notices: Vec<Notice>,
    /// Names whose sets have changed.
    changed: BTreeSet<Arc<str>>,
}

impl<W> Default for Cache<W> {
    fn default() -> Self {
        Self {
            names: HashMap::new(),
            targets: BTreeSet::new(),
            due: BTreeSet::new(),
            look_ups: Vec::new(),
            notices: Vec::new(),
            changed: BTreeSet::new(),
        }
    }
}

impl<W> Cache<W> {
    /// A query for a name in lower case.
    pub(crate) fn ask(&mut self, name: &Arc<str>, port: u16, query: W, now: Instant) -> Asked<W> {
        let new = || Entry::new(self.targets.contains(name), now);
        let entry = self.names.entry(Arc::clone(name)).or_insert_with(new);
        entry.last_used = now;
        entry.is_asked = true;
        let is_first_use = !std::mem::replace(&mut entry.used, true);
        let asked = match (&mut entry.running, &mut entry.good) {
            // A look-up ahead of the expiry or after a failure: the last good answer serves. After the
            // expiry, the queries wait for a moment.
            (Some(waiting), Some(good)) => {
                if waiting.is_empty() || now.saturating_duration_since(entry.begun) >= STALE_AFTER {
                    return Asked::Addresses(query, good.with_port(port));
                }
                waiting.push((port, query));
                Asked::Waiting
            }
            (Some(waiting), None) => {
                waiting.push((port, query));
                Asked::Waiting
            }
            (None, Some(good)) if now < good.expires => {
                let addresses = good.with_port(port);
                if is_first_use {
                    schedule(&mut self.due, name, entry);
                }
                return Asked::Addresses(query, addresses);
            }
            // The next look-up is due at the latest after its pause.
            (None, Some(good)) if entry.failing.is_some() => {
                Asked::Addresses(query, good.with_port(port))
            }
            (None, None) if entry.failing.is_some() && now < entry.begun + LEAST_PAUSE => {
                let error = entry.failing.as_ref().map(|failing| failing.error.clone());
                Asked::Failed(query, error.unwrap_or(LookUpError::Timeout))
            }
            (None, _) => {
                entry.begin(name, &mut self.look_ups, now).push((port, query));
                Asked::Waiting
            }
        };
        schedule(&mut self.due, name, entry);
        asked
    }

    /// The result of a look-up that this cache has begun. Returns the queries that waited for it.
    pub(crate) fn answered(
        &mut self,
        name: &Arc<str>,
        result: Result<Answer, LookUpError>,
        now: Instant,
    ) -> Vec<Served<W>> {
        let Some(entry) = self.names.get_mut(name) else { return Vec::new() };
        let Some(waiting) = entry.running.take() else { return Vec::new() };
        let failure = match result {
            Ok(answer) => {
                let update = entry.update_set(&answer, now);
                if update.is_changed {
                    self.changed.insert(Arc::clone(name));
                }
                if let Some(addresses) = update.left_out {
                    self.notices.push(Notice::LeftOut { name: Arc::clone(name), addresses });
                }
                let of_host = answer.service.as_ref().and_then(|it| it.failure.clone());
                entry.good = Some(renewed(name, entry.good.take(), answer, now));
                update.failure.or(of_host)
            }
            Err(error) => Some(error),
        };
        if let Some(error) = failure {
            let name = Arc::clone(name);
            if entry.fail(error.clone(), now) {
                self.notices.push(Notice::Failing { name, error, serving: entry.serving() });
            }
        } else if let Some(Failing { since, failures, .. }) =
            entry.failing.take().filter(|failing| failing.is_reported)
        {
            let after = now.saturating_duration_since(since);
            self.notices.push(Notice::Over { name: Arc::clone(name), after, failures });
        }
        schedule(&mut self.due, name, entry);
        waiting.into_iter().map(|(port, query)| (query, entry.result(port))).collect()
    }

    /// Does what is due: begins look-ups, forgets names, and returns the queries that have waited long
    /// enough for a fresh answer, with the last good one.
    pub(crate) fn tick(&mut self, now: Instant) -> Vec<Served<W>> {
        let mut served = Vec::new();
        while let Some((at, _)) = self.due.first()
            && *at <= now
            && let Some((_, name)) = self.due.pop_first()
        {
            let Some(entry) = self.names.get_mut(&name) else { continue };
            entry.due = None;
            if let Some(waiting) = &mut entry.running {
                for (port, query) in std::mem::take(waiting) {
                    served.push((query, entry.result(port)));
                }
            } else if entry.look_up_at().is_some_and(|at| now >= at) {
                entry.begin(&name, &mut self.look_ups, now);
            } else if now >= entry.forget_at() {
                self.names.remove(&name);
                continue;
            }
            schedule(&mut self.due, &name, entry);
        }
        served
    }
}

/// Members of a set with their shares, in the order of their addresses. The ports of a host's members are 0.
pub type Members = Vec<(SocketAddr, Share)>;

/// Sets.
impl<W> Cache<W> {
    /// Keeps sets of exactly these names, in lower case: they are looked up again at their TTL, used or not.
    /// A name that loses its set is forgotten after its TTL, unless sessions ask for it.
    pub(crate) fn watch(&mut self, names: &BTreeSet<Arc<str>>, now: Instant) {
        for (name, entry) in &mut self.names {
            if entry.set.is_some() && !names.contains(name) {
                (entry.set, entry.is_asked) = (None, false);
                schedule(&mut self.due, name, entry);
            }
        }
        for name in names {
            let new = || Entry::new(self.targets.contains(name), now);
            let entry = self.names.entry(Arc::clone(name)).or_insert_with(new);
            if entry.set.is_none() {
                if entry.begin_set(now) {
                    self.changed.insert(Arc::clone(name));
                }
                schedule(&mut self.due, name, entry);
            }
        }
    }

    /// Reports the failures of exactly these names of targets, in lower case, and looks each one up until it is
    /// resolved, used or not.
    pub(crate) fn set_targets(&mut self, names: BTreeSet<Arc<str>>) {
        for (name, entry) in &mut self.names {
            entry.is_target = names.contains(name);
            schedule(&mut self.due, name, entry);
        }
        self.targets = names;
    }

    /// Ends the failures of names that the configuration does not have any more.
    pub(crate) fn end_removed(&mut self) {
        for (name, entry) in &mut self.names {
            if entry.is_configured() {
                continue;
            }
            let Some(failing) = entry.failing.take() else { continue };
            if failing.is_reported {
                self.notices.push(Notice::Removed { name: Arc::clone(name) });
            }
            schedule(&mut self.due, name, entry);
        }
    }

    /// A connect to a member of this name's set has failed: its records may have changed. Looked up again
    /// at most once a second.
    pub(crate) fn connect_failed(&mut self, name: &Arc<str>) {
        let entry = self.names.get_mut(name).filter(|entry| entry.set.is_some());
        let Some(entry) = entry.filter(|entry| entry.running.is_none() && !entry.is_urgent) else {
            return;
        };
        entry.is_urgent = true;
        schedule(&mut self.due, name, entry);
    }

    /// The names whose sets have changed since the last call.
    pub(crate) fn take_changed(&mut self) -> BTreeSet<Arc<str>> {
        std::mem::take(&mut self.changed)
    }

    /// The members of a name's set; none before its first answer.
    pub(crate) fn members(&self, name: &str) -> Members {
        let set = self.names.get(name).and_then(|entry| entry.set.as_ref());
        set.map(Membership::members).unwrap_or_default()
    }

    /// The names with sets, and the numbers of their members.
    pub(crate) fn sets(&self) -> Vec<(Arc<str>, usize)> {
        let set = |(name, entry): (&Arc<str>, &Entry<W>)| {
            Some((Arc::clone(name), entry.set.as_ref()?.count()))
        };
        self.names.iter().filter_map(set).collect()
    }

    /// The addresses of the hosts in the last answer of a service.
    pub(crate) fn hosts(&self, name: &str) -> Arc<HostAddresses> {
        let good = self.names.get(name).and_then(|entry| entry.good.as_ref());
        good.map(|good| Arc::clone(&good.hosts)).unwrap_or_default()
    }
}

impl<W> Cache<W> {
    /// The names whose look-ups are to begin.
    pub(crate) fn take_look_ups(&mut self) -> Vec<Arc<str>> {
        std::mem::take(&mut self.look_ups)
    }

    /// Events for the log, in their order.
    pub(crate) fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// The next time at which [`Cache::tick`] has something to do.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Whether look-ups wait to begin.
    pub(crate) fn has_look_ups(&self) -> bool {
        !self.look_ups.is_empty()
    }

    /// Number of names with a good answer whose last look-up did not fail.
    pub(crate) fn resolved(&self) -> usize {
        let is_resolved = |entry: &&Entry<W>| entry.good.is_some() && entry.failing.is_none();
        self.names.values().filter(is_resolved).count()
    }

    /// The names of the configuration whose last look-up failed, in no order.
    pub(crate) fn failing(&self, now: Instant) -> Vec<FailingName> {
        let failing = self.names.iter().filter_map(|(name, entry)| {
            let failing = entry.failing.as_ref().filter(|_| entry.is_configured())?;
            Some(FailingName {
                name: Arc::clone(name),
                since: now.saturating_duration_since(failing.since),
                error: failing.error.clone(),
                serving: entry.serving(),
            })
        });
        failing.collect()
    }
}

/// Enters the next time at which the entry has to be visited.
fn schedule<W>(due: &mut BTreeSet<(Instant, Arc<str>)>, name: &Arc<str>, entry: &mut Entry<W>) {
    let next = entry.next_due();
    if next == entry.due {
        return;
    }
    if let Some(at) = entry.due {
        due.remove(&(at, Arc::clone(name)));
    }
    if let Some(at) = next {
        due.insert((at, Arc::clone(name)));
    }
    entry.due = next;
}

#[cfg(test)]
mod histories;
#[cfg(test)]
mod sets;
#[cfg(test)]
mod tests;
