//! The cache of names: when a name is looked up, which addresses serve meanwhile, and for how long. Pure:
//! the time comes in, look-ups and notices go out.

use super::failure::LookUpError;
use super::message::Family;
use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bounds of the time for which an answer holds, whatever its TTL.
pub(crate) const LEAST_TTL: Duration = Duration::from_secs(1);
pub(crate) const MOST_TTL: Duration = Duration::from_secs(3600);
/// Time between the beginnings of two look-ups of a name, and for which a failed first look-up counts.
const LEAST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause between two look-ups of a name that fails.
const MOST_PAUSE: Duration = Duration::from_secs(30);
/// How long a session waits for a name whose last answer has expired, before that answer serves.
const STALE_AFTER: Duration = Duration::from_secs(1);
/// Time for which the last good answer of an unused name is kept, in case the next look-up fails.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// Time for which the failure of a name without any answer is kept after the last use, so that its end is
/// reported.
const FAILURE_KEPT: Duration = Duration::from_secs(60);

/// Addresses of one answer, with the port of the query.
pub(crate) type Addresses = Arc<[SocketAddr]>;

/// A successful look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// At least one, in the order of the attempts to connect. Ports are 0.
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) ttl: Duration,
    /// A family whose question failed: its addresses in the last good answer go on serving.
    pub(crate) missing: Option<Family>,
}

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

struct Good {
    addresses: Vec<SocketAddr>,
    /// When a used name is looked up again, ahead of the expiry.
    renew_at: Instant,
    /// The addresses with each port that was asked for, so that queries share them.
    by_port: Vec<(u16, Addresses)>,
    expires: Instant,
}

impl Good {
    fn with_port(&mut self, port: u16) -> Addresses {
        if let Some((_, addresses)) = self.by_port.iter().find(|(known, _)| *known == port) {
            return Arc::clone(addresses);
        }
        let with_port = self.addresses.iter().copied().map(|mut address| {
            address.set_port(port);
            address
        });
        let addresses: Addresses = with_port.collect();
        self.by_port.push((port, Arc::clone(&addresses)));
        addresses
    }
}

struct Failing {
    since: Instant,
    error: LookUpError,
    failures: u32,
}

struct Entry<W> {
    good: Option<Good>,
    failing: Option<Failing>,
    /// A look-up runs, and these wait for it.
    running: Option<Vec<(u16, W)>>,
    begun: Instant,
    last_used: Instant,
    /// Used since the last look-up began.
    used: bool,
    /// The next time at which the entry has to be visited, as in [`Cache::due`].
    due: Option<Instant>,
}

/// The names that are in use, by host in lower case. `W` is a query that waits.
pub(crate) struct Cache<W> {
    names: HashMap<Arc<str>, Entry<W>>,
    due: BTreeSet<(Instant, Arc<str>)>,
    look_ups: Vec<Arc<str>>,
    notices: Vec<Notice>,
}

impl<W> Default for Cache<W> {
    fn default() -> Self {
        Self {
            names: HashMap::new(),
            due: BTreeSet::new(),
            look_ups: Vec::new(),
            notices: Vec::new(),
        }
    }
}

impl<W> Cache<W> {
    /// A query for a name in lower case.
    pub(crate) fn ask(&mut self, name: &Arc<str>, port: u16, query: W, now: Instant) -> Asked<W> {
        let entry = self.names.entry(Arc::clone(name)).or_insert_with(|| Entry::new(now));
        entry.last_used = now;
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
        match result {
            Ok(answer) => {
                if let Some(Failing { since, failures, .. }) = entry.failing.take() {
                    let after = now.saturating_duration_since(since);
                    self.notices.push(Notice::Over { name: Arc::clone(name), after, failures });
                }
                entry.good = Some(renewed(name, entry.good.take(), answer, now));
            }
            Err(error) => {
                let failures = entry.failing.as_ref().map_or(0, |failing| failing.failures);
                if failures == 0 {
                    let serving = entry.good.as_ref().map_or(0, |good| good.addresses.len());
                    let (name, error) = (Arc::clone(name), error.clone());
                    self.notices.push(Notice::Failing { name, error, serving });
                }
                let since = entry.failing.as_ref().map_or(now, |failing| failing.since);
                let failures = failures.saturating_add(1);
                entry.failing = Some(Failing { since, error, failures });
            }
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

    /// Number of names.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// The names whose last look-up failed, in no order.
    pub(crate) fn failing(&self, now: Instant) -> Vec<FailingName> {
        let failing = self.names.iter().filter_map(|(name, entry)| {
            let failing = entry.failing.as_ref()?;
            Some(FailingName {
                name: Arc::clone(name),
                since: now.saturating_duration_since(failing.since),
                error: failing.error.clone(),
                serving: entry.good.as_ref().map_or(0, |good| good.addresses.len()),
            })
        });
        failing.collect()
    }
}

impl<W> Entry<W> {
    fn new(now: Instant) -> Self {
        Self {
            good: None,
            failing: None,
            running: None,
            begun: now,
            last_used: now,
            used: false,
            due: None,
        }
    }

    /// Begins a look-up. Returns the queries that wait for it.
    fn begin(
        &mut self,
        name: &Arc<str>,
        look_ups: &mut Vec<Arc<str>>,
        now: Instant,
    ) -> &mut Vec<(u16, W)> {
        look_ups.push(Arc::clone(name));
        self.begun = now;
        self.used = false;
        self.running.insert(Vec::new())
    }

    fn result(&mut self, port: u16) -> Result<Addresses, LookUpError> {
        match (&mut self.good, &self.failing) {
            (Some(good), _) => Ok(good.with_port(port)),
            (None, Some(failing)) => Err(failing.error.clone()),
            (None, None) => Err(LookUpError::Timeout),
        }
    }

    /// When the next look-up after a failed one may begin.
    fn retry_at(&self, failing: &Failing) -> Instant {
        let doublings = failing.failures.saturating_sub(1).min(5);
        self.begun + (LEAST_PAUSE * (1 << doublings)).min(MOST_PAUSE)
    }

    /// When a look-up that nothing waits for begins, if the name is used.
    fn look_up_at(&self) -> Option<Instant> {
        let good = self.good.as_ref().filter(|_| self.used && self.running.is_none())?;
        Some(match &self.failing {
            Some(failing) => self.retry_at(failing),
            None => good.renew_at.max(self.begun + LEAST_PAUSE),
        })
    }

    fn forget_at(&self) -> Instant {
        match &self.good {
            Some(good) => good.expires.max(self.last_used) + KEPT,
            None => self.last_used.max(self.begun) + FAILURE_KEPT,
        }
    }

    fn next_due(&self) -> Option<Instant> {
        match &self.running {
            Some(waiting) => {
                let is_stale = self.good.is_some() && !waiting.is_empty();
                is_stale.then(|| self.begun + STALE_AFTER)
            }
            None => Some(self.look_up_at().unwrap_or_else(|| self.forget_at())),
        }
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

/// The answer in place of the last good one, of which it keeps the addresses that it lacks because of a
/// failure.
fn renewed(name: &str, last: Option<Good>, answer: Answer, now: Instant) -> Good {
    let Answer { mut addresses, ttl, missing } = answer;
    let last = last.map(|last| last.addresses).unwrap_or_default();
    addresses.extend(last.into_iter().filter(|address| missing == Some(Family::of(*address))));
    let ttl = ttl.clamp(LEAST_TTL, MOST_TTL);
    let renew_at = now + ttl * 3 / 4 + ttl * share(name) / 100;
    Good { addresses, by_port: Vec::new(), renew_at, expires: now + ttl }
}

/// 0 to 15 by name, so that names that were first used together are not looked up together for ever.
fn share(name: &str) -> u32 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    u32::try_from(hasher.finish() % 16).unwrap_or(0)
}

#[cfg(test)]
mod histories;
#[cfg(test)]
mod tests;
