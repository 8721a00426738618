//! The names that an upgrade in place carries over.

use super::{Cache, schedule};
use crate::names::entry::{Entry, Failing, Good, LEAST_PAUSE, MOST_TTL, SERVICE, of_host};
use crate::names::saved::{SavedFailure, SavedName};
use crate::sets::Membership;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

impl<W> Cache<W> {
    /// The last good answers and the reported failures, for the next process image.
    pub(crate) fn saved(&self, now: Instant) -> Vec<SavedName> {
        let saved = self.names.iter().filter_map(|(name, entry)| {
            let failing = entry.failing.as_ref().filter(|failing| failing.is_reported);
            let failure = failing.map(|failing| SavedFailure {
                since: now.saturating_duration_since(failing.since),
                error: failing.error.clone(),
                failures: failing.failures,
            });
            if entry.good.is_none() && failure.is_none() {
                return None;
            }
            let good = entry.good.as_ref();
            let left = good.map(|good| good.expires.saturating_duration_since(now));
            let members = entry.set.as_ref().map(Membership::records).unwrap_or_default();
            let addresses = good.map(|good| good.addresses.clone()).unwrap_or_default();
            let (name, left) = (Arc::clone(name), left.unwrap_or_default());
            Some(SavedName { name, addresses, left, members, failure })
        });
        saved.collect()
    }

    /// Takes the answer and the failure of a name from the previous process image. A failing name is looked up at
    /// once.
    pub(crate) fn restore(&mut self, saved: SavedName, now: Instant) {
        let SavedName { name, addresses, left, members, failure } = saved;
        if addresses.is_empty() && failure.is_none() || self.names.contains_key(&name) {
            return;
        }
        let expires = now + left.min(MOST_TTL);
        let records = match &members[..] {
            [] if !name.starts_with(SERVICE) => addresses.iter().map(of_host).collect(),
            _ => members.clone(),
        };
        let by_port = HashMap::new();
        let renew_at = expires;
        let good = (!addresses.is_empty()).then(|| Good {
            addresses,
            by_port,
            renew_at,
            expires,
            hosts: Arc::default(),
            records,
        });
        let set = (!members.is_empty()).then(|| Membership::restored(&members, now));
        // Without a set, a session has asked for it.
        let is_asked = set.is_none();
        let new = Entry::new(self.targets.contains(&name), now);
        let mut entry = Entry { good, is_asked, set, ..new };
        if let Some(SavedFailure { since, error, failures }) = failure {
            let since = now.checked_sub(since).unwrap_or(now);
            entry.failing = Some(Failing { since, error, failures, is_reported: true });
            entry.begun = now.checked_sub(LEAST_PAUSE).unwrap_or(now);
            entry.is_urgent = true;
        }
        schedule(&mut self.due, &name, &mut entry);
        self.names.insert(name, entry);
    }
}
