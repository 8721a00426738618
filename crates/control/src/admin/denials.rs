//! Denied requests: counted exactly, and logged at most once in five seconds for each reason.

use super::caller::Peer;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Shortest time between two lines of one reason.
const PAUSE: Duration = Duration::from_secs(5);

/// Why a request was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DenialReason {
    /// It has no token.
    NoToken,
    /// It has another token.
    WrongToken,
    /// The caller's role does not allow it.
    Role,
    /// The user of the Unix socket's peer may not ask.
    User,
    /// It comes from another web page, or for another host.
    Page,
}

impl DenialReason {
    /// Every reason, in the order of the handoff: append only.
    const ALL: [Self; 5] = [Self::NoToken, Self::WrongToken, Self::Role, Self::User, Self::Page];

    /// Its word in the log and in the metric.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::WrongToken => "wrong_token",
            Self::Role => "role",
            Self::User => "user",
            Self::Page => "page",
        }
    }
}

/// Counts of denied requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Denials(Arc<Mutex<[Entry; DenialReason::ALL.len()]>>);

#[derive(Debug, Default)]
struct Entry {
    total: u64,
    /// Time of the last line.
    logged: Option<Instant>,
    /// Denials since then.
    since: u64,
}

/// What to do about a denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Report {
    /// Log this number now.
    Now(u64),
    /// Log what has come together after this time.
    After(Duration),
    /// A later line includes it.
    Included,
}

impl Entry {
    fn count(&mut self, now: Instant) -> Report {
        self.total += 1;
        self.since += 1;
        let passed = self.logged.map_or(PAUSE, |logged| now.saturating_duration_since(logged));
        if passed >= PAUSE {
            return Report::Now(self.take(now));
        }
        if self.since == 1 { Report::After(PAUSE.saturating_sub(passed)) } else { Report::Included }
    }

    /// The denials to log, of which there are none left then.
    fn take(&mut self, now: Instant) -> u64 {
        if self.since > 0 {
            self.logged = Some(now);
        }
        std::mem::take(&mut self.since)
    }
}

impl Denials {
    /// Continues the counts of the previous process image, in the order of [`Self::totals`].
    pub(crate) fn restore(&self, totals: &[u64]) {
        self.with(|entries| {
            for (entry, total) in entries.iter_mut().zip(totals) {
                entry.total = *total;
            }
        });
    }

    /// The number of denied requests by reason.
    pub(crate) fn totals(&self) -> Vec<(&'static str, u64)> {
        self.with(|entries| {
            let reasons = DenialReason::ALL.iter().zip(entries.iter());
            reasons.map(|(reason, entry)| (reason.as_str(), entry.total)).collect()
        })
    }

    /// Counts a denied request, and logs it now or together with others.
    pub(super) fn count(&self, reason: DenialReason, peer: Peer, name: Option<&str>) {
        match self.with_entry(reason, |entry| entry.count(Instant::now())) {
            Report::Now(count) => log(reason, peer, name, count),
            Report::After(time) => {
                let (denials, name) = (self.clone(), name.map(str::to_owned));
                tokio::spawn(async move {
                    tokio::time::sleep(time).await;
                    let count = denials.with_entry(reason, |entry| entry.take(Instant::now()));
                    if count > 0 {
                        log(reason, peer, name.as_deref(), count);
                    }
                });
            }
            Report::Included => {}
        }
    }

    fn with_entry<T>(&self, reason: DenialReason, change: impl FnOnce(&mut Entry) -> T) -> T {
        self.with(|entries| change(&mut entries[reason as usize]))
    }

    fn with<T>(&self, change: impl FnOnce(&mut [Entry; DenialReason::ALL.len()]) -> T) -> T {
        // Nothing panics while it holds the lock.
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn log(reason: DenialReason, peer: Peer, name: Option<&str>, count: u64) {
    tracing::warn!(
        reason = reason.as_str(),
        name,
        peer = peer.address().map(|address| address.to_string()),
        uid = peer.uid(),
        pid = peer.pid(),
        count,
        "admin request denied"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_all_lines_add_up() {
        let (mut entry, start) = (Entry::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(entry.count(at(0)), Report::Now(1));
        assert_eq!(entry.count(at(2)), Report::After(Duration::from_secs(3)));
        assert_eq!(entry.count(at(3)), Report::Included);
        assert_eq!(entry.take(at(5)), 2);
        assert_eq!((entry.take(at(6)), entry.total), (0, 3));
        assert_eq!(entry.count(at(9)), Report::After(Duration::from_secs(1)));
        assert_eq!(entry.count(at(11)), Report::Now(2));
        assert_eq!(entry.count(at(17)), Report::Now(1));
    }

    #[test]
    fn each_reason_has_its_place() {
        for (index, reason) in DenialReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
        let denials = Denials::default();
        denials.restore(&[1, 2]);
        assert_eq!(denials.totals()[..3], [("no_token", 1), ("wrong_token", 2), ("role", 0)]);
    }
}
