//! One name of the cache: its last good answer, its failure, and when it is looked up next.

use super::failure::LookUpError;
use super::message::Family;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bounds of the time for which an answer holds, whatever its TTL.
pub(crate) const LEAST_TTL: Duration = Duration::from_secs(1);
pub(crate) const MOST_TTL: Duration = Duration::from_secs(3600);
/// Time between the beginnings of two look-ups of a name, and for which a failed first look-up counts.
pub(super) const LEAST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause between two look-ups of a name that fails.
const MOST_PAUSE: Duration = Duration::from_secs(30);
/// How long a session waits for a name whose last answer has expired, before that answer serves.
pub(super) const STALE_AFTER: Duration = Duration::from_secs(1);
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

pub(super) struct Good {
    pub(super) addresses: Vec<SocketAddr>,
    /// When a used name is looked up again, ahead of the expiry.
    pub(super) renew_at: Instant,
    /// The addresses with each port that was asked for, so that queries share them.
    pub(super) by_port: HashMap<u16, Addresses>,
    pub(super) expires: Instant,
}

impl Good {
    pub(super) fn with_port(&mut self, port: u16) -> Addresses {
        let of_port = self.by_port.entry(port).or_insert_with(|| {
            let with_port = self.addresses.iter().copied().map(|mut address| {
                address.set_port(port);
                address
            });
            with_port.collect()
        });
        Arc::clone(of_port)
    }
}

pub(super) struct Failing {
    pub(super) since: Instant,
    pub(super) error: LookUpError,
    pub(super) failures: u32,
}

pub(super) struct Entry<W> {
    pub(super) good: Option<Good>,
    pub(super) failing: Option<Failing>,
    /// A look-up runs, and these wait for it.
    pub(super) running: Option<Vec<(u16, W)>>,
    pub(super) begun: Instant,
    pub(super) last_used: Instant,
    /// Used since the last look-up began.
    pub(super) used: bool,
    /// The next time at which the entry has to be visited, as in [`Cache::due`].
    pub(super) due: Option<Instant>,
}

impl<W> Entry<W> {
    pub(super) fn new(now: Instant) -> Self {
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
    pub(super) fn begin(
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

    pub(super) fn result(&mut self, port: u16) -> Result<Addresses, LookUpError> {
        match (&mut self.good, &self.failing) {
            (Some(good), _) => Ok(good.with_port(port)),
            (None, Some(failing)) => Err(failing.error.clone()),
            (None, None) => Err(LookUpError::Timeout),
        }
    }

    /// When the next look-up after a failed one may begin.
    pub(super) fn retry_at(&self, failing: &Failing) -> Instant {
        let doublings = failing.failures.saturating_sub(1).min(5);
        self.begun + (LEAST_PAUSE * (1 << doublings)).min(MOST_PAUSE)
    }

    /// When a look-up that nothing waits for begins, if the name is used.
    pub(super) fn look_up_at(&self) -> Option<Instant> {
        let good = self.good.as_ref().filter(|_| self.used && self.running.is_none())?;
        Some(match &self.failing {
            Some(failing) => self.retry_at(failing),
            None => good.renew_at.max(self.begun + LEAST_PAUSE),
        })
    }

    pub(super) fn forget_at(&self) -> Instant {
        match &self.good {
            Some(good) => good.expires.max(self.last_used) + KEPT,
            None => self.last_used.max(self.begun) + FAILURE_KEPT,
        }
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        match &self.running {
            Some(waiting) => {
                let is_stale = self.good.is_some() && !waiting.is_empty();
                is_stale.then(|| self.begun + STALE_AFTER)
            }
            None => Some(self.look_up_at().unwrap_or_else(|| self.forget_at())),
        }
    }
}

/// The answer in place of the last good one, of which it keeps the addresses that it lacks because of a
/// failure.
pub(super) fn renewed(name: &str, last: Option<Good>, answer: Answer, now: Instant) -> Good {
    let Answer { mut addresses, ttl, missing } = answer;
    let last = last.map(|last| last.addresses).unwrap_or_default();
    addresses.extend(last.into_iter().filter(|address| missing == Some(Family::of(*address))));
    let ttl = ttl.clamp(LEAST_TTL, MOST_TTL);
    let renew_at = now + ttl * 3 / 4 + ttl * share(name) / 100;
    Good { addresses, by_port: HashMap::new(), renew_at, expires: now + ttl }
}

/// 0 to 15 by name, so that names that were first used together are not looked up together for ever.
fn share(name: &str) -> u32 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    u32::try_from(hasher.finish() % 16).unwrap_or(0)
}
