//! One name of the cache: its last good answer, its failure, and when it is looked up next.

use super::failure::LookUpError;
use super::message::Family;
use super::service_hosts::HostAddresses;
use crate::sets::{Membership, Record};
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
/// Time for which the failure of a name that the configuration does not have is kept after the last use.
const FAILURE_KEPT: Duration = Duration::from_secs(60);

/// Prefix of the names of services among those of hosts, which have no colon.
pub(crate) const SERVICE: &str = "srv:";

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
    /// The records of a service; `None` for a host.
    pub(crate) service: Option<ServiceAnswer>,
}

/// The records of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServiceAnswer {
    /// One for each of the addresses.
    pub(crate) records: Vec<Record>,
    pub(crate) hosts: Arc<HostAddresses>,
    /// The look-up of a host failed. Its last addresses stand in the records, if there are any.
    pub(crate) failure: Option<LookUpError>,
    /// No records are missing because of the failure.
    pub(crate) is_complete: bool,
}

impl Answer {
    /// The members of a set that this answer names.
    pub(crate) fn records(&self) -> Vec<Record> {
        let records = match &self.service {
            Some(service) => service.records.clone(),
            None => self.addresses.iter().map(of_host).collect(),
        };
        records.into_iter().filter(|record| can_be_target(record.address)).collect()
    }

    /// Whether the answer would have this address if it was among the records of the name.
    pub(super) fn covers(&self, address: SocketAddr) -> bool {
        self.missing != Some(Family::of(address))
            && self.service.as_ref().is_none_or(|service| service.is_complete)
    }
}

/// The record of a host's address.
pub(super) fn of_host(address: &SocketAddr) -> Record {
    Record { address: *address, priority: 0, weight: 1 }
}

/// Whether a TCP connection to the address is possible. A link-local address needs its interface, which no
/// record has, and the unspecified address is this host.
fn can_be_target(address: SocketAddr) -> bool {
    let ip = address.ip();
    let needs_interface = match address {
        SocketAddr::V6(v6) => v6.ip().is_unicast_link_local() && v6.scope_id() == 0,
        SocketAddr::V4(v4) => v4.ip().is_broadcast(),
    };
    !ip.is_unspecified() && !ip.is_multicast() && !needs_interface
}

pub(super) struct Good {
    pub(super) addresses: Vec<SocketAddr>,
    /// When a used name is looked up again, ahead of the expiry.
    pub(super) renew_at: Instant,
    /// The addresses with each port that was asked for, so that queries share them.
    pub(super) by_port: HashMap<u16, Addresses>,
    pub(super) expires: Instant,
    /// Of a service: the addresses of its hosts.
    pub(super) hosts: Arc<HostAddresses>,
    /// The members of a set that the answer names.
    pub(super) records: Vec<Record>,
}

impl Good {
    /// The addresses with this port; with their own ones for 0.
    pub(super) fn with_port(&mut self, port: u16) -> Addresses {
        let of_port = self.by_port.entry(port).or_insert_with(|| {
            let with_port = self.addresses.iter().copied().map(|mut address| {
                if port != 0 {
                    address.set_port(port);
                }
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
    /// The log has it.
    pub(super) is_reported: bool,
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
    /// A session has asked for the name.
    pub(super) is_asked: bool,
    /// A target of the configuration has the name: its failure lasts until it is resolved.
    pub(super) is_target: bool,
    /// The members of a set that is kept up to date, used or not.
    pub(super) set: Option<Membership>,
    /// A connect to a member has failed: the next look-up begins as soon as possible.
    pub(super) is_urgent: bool,
    /// The next time at which the entry has to be visited, as in [`Cache::due`].
    pub(super) due: Option<Instant>,
}

/// The result of an answer for a set.
#[derive(Default)]
pub(super) struct SetUpdate {
    pub(super) is_changed: bool,
    /// Number of addresses without a place, if the last answer had none of them.
    pub(super) left_out: Option<usize>,
    /// The answer has no address to connect to.
    pub(super) failure: Option<LookUpError>,
}

impl<W> Entry<W> {
    pub(super) fn new(is_target: bool, now: Instant) -> Self {
        Self {
            good: None,
            failing: None,
            running: None,
            begun: now,
            last_used: now,
            used: false,
            is_asked: false,
            is_target,
            set: None,
            is_urgent: false,
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
        self.is_urgent = false;
        self.running.insert(Vec::new())
    }

    /// Begins a set, with the records of the last good answer. Returns whether it has members.
    pub(super) fn begin_set(&mut self, now: Instant) -> bool {
        let records = self.good.as_ref().map(|good| &good.records[..]).unwrap_or_default();
        self.set = Some(Membership::restored(records, now));
        !records.is_empty()
    }

    /// Takes an answer into the set, if the name has one.
    pub(super) fn update_set(&mut self, answer: &Answer, now: Instant) -> SetUpdate {
        let Some(set) = &mut self.set else { return SetUpdate::default() };
        let records = answer.records();
        let left_out_before = set.left_out();
        let is_changed = set.answered(&records, |address| answer.covers(address), now);
        SetUpdate {
            is_changed,
            left_out: Some(set.left_out()).filter(|it| *it > 0 && left_out_before == 0),
            failure: records.is_empty().then_some(LookUpError::NoAddress),
        }
    }

    /// Whether the configuration has the name, as a target or as a set.
    pub(super) fn is_configured(&self) -> bool {
        self.is_target || self.set.is_some()
    }

    /// Whether the name is looked up without queries, too.
    fn is_followed(&self) -> bool {
        self.set.is_some() || self.is_target && self.failing.is_some()
    }

    /// Counts a failure. Returns whether it is the first one to report.
    pub(super) fn fail(&mut self, error: LookUpError, now: Instant) -> bool {
        let is_configured = self.is_configured();
        let new = || Failing { since: now, error: error.clone(), failures: 0, is_reported: false };
        let failing = self.failing.get_or_insert_with(new);
        failing.error = error;
        failing.failures = failing.failures.saturating_add(1);
        is_configured && !std::mem::replace(&mut failing.is_reported, true)
    }

    /// Number of addresses that serve, also while look-ups fail.
    pub(super) fn serving(&self) -> usize {
        match &self.set {
            Some(set) => set.count(),
            None => self.good.as_ref().map_or(0, |good| good.addresses.len()),
        }
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

    /// When a look-up that nothing waits for begins, if the name is used, has a set, or is that of a target and
    /// fails.
    pub(super) fn look_up_at(&self) -> Option<Instant> {
        let is_followed = self.is_followed();
        if self.running.is_some() || !(self.used || is_followed) {
            return None;
        }
        let earliest = self.begun + LEAST_PAUSE;
        let at = match (&self.good, &self.failing) {
            (None, _) if !is_followed => return None,
            (_, Some(failing)) => self.retry_at(failing),
            (Some(good), None) => good.renew_at.max(earliest),
            (None, None) => self.begun,
        };
        Some(if self.is_urgent { at.min(earliest) } else { at })
    }

    /// When the entry is forgotten, if it is not used. Without sessions that ask, the last answer of a set is
    /// of no use after its TTL.
    pub(super) fn forget_at(&self) -> Instant {
        match &self.good {
            Some(good) if !self.is_asked => good.expires,
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
    let records = answer.records();
    let Answer { mut addresses, ttl, missing, service } = answer;
    let hosts = service.map(|service| service.hosts).unwrap_or_default();
    let last = last.map(|last| last.addresses).unwrap_or_default();
    addresses.extend(last.into_iter().filter(|address| missing == Some(Family::of(*address))));
    let ttl = ttl.clamp(LEAST_TTL, MOST_TTL);
    let renew_at = now + ttl * 3 / 4 + ttl * share(name) / 100;
    Good { addresses, by_port: HashMap::new(), renew_at, expires: now + ttl, hosts, records }
}

/// 0 to 15 by name, so that names that were first used together are not looked up together for ever.
fn share(name: &str) -> u32 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    u32::try_from(hasher.finish() % 16).unwrap_or(0)
}
