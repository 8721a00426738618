//! Denied requests: counted exactly, and logged at most once in five seconds for each reason, with the caller of most
//! of them.

use super::caller::Peer;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Shortest time between two lines of one reason.
const PAUSE: Duration = Duration::from_secs(5);

/// Callers that are counted between two lines of one reason. Denials of further ones count as those of others.
const CALLERS: usize = 16;

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
    since: Since,
}

/// Denials of one reason since the last line about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Since {
    count: u64,
    /// At most [`CALLERS`], in the order of their first denial.
    callers: Vec<(DeniedCaller, u64)>,
}

/// The latest denied request of a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
struct DeniedCaller {
    peer: Peer,
    /// The name of its token.
    name: Option<String>,
}

/// What to do about a denial.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Report {
    /// Log these now.
    Now(Since),
    /// Log what has come together after this time.
    After(Duration),
    /// A later line includes it.
    Included,
}

impl DeniedCaller {
    /// Compares address or user and token name; port and process differ per connection.
    fn is_same(&self, other: &Self) -> bool {
        let key = |it: &Self| (it.peer.address().map(|address| address.ip()), it.peer.uid());
        key(self) == key(other) && self.name == other.name
    }
}

impl Since {
    fn add(&mut self, caller: DeniedCaller) {
        self.count += 1;
        if let Some((known, count)) =
            self.callers.iter_mut().find(|(known, _)| known.is_same(&caller))
        {
            (*known, *count) = (caller, *count + 1);
        } else if self.callers.len() < CALLERS {
            self.callers.push((caller, 1));
        }
    }

    /// The caller with the most denials (the first on a tie), and their number.
    fn most_frequent(&self) -> Option<(&DeniedCaller, u64)> {
        let most = self.callers.iter().rev().max_by_key(|(_, count)| *count);
        most.map(|(caller, count)| (caller, *count))
    }
}

impl Entry {
    fn count(&mut self, caller: DeniedCaller, now: Instant) -> Report {
        self.total += 1;
        self.since.add(caller);
        let passed = self.logged.map_or(PAUSE, |logged| now.saturating_duration_since(logged));
        if passed >= PAUSE {
            return Report::Now(self.take(now));
        }
        if self.since.count == 1 {
            Report::After(PAUSE.saturating_sub(passed))
        } else {
            Report::Included
        }
    }

    /// The denials to log, of which there are none left then.
    fn take(&mut self, now: Instant) -> Since {
        if self.since.count > 0 {
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
        let caller = DeniedCaller { peer, name: name.map(str::to_owned) };
        match self.with_entry(reason, |entry| entry.count(caller, Instant::now())) {
            Report::Now(since) => log(reason, &since),
            Report::After(time) => {
                let denials = self.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(time).await;
                    let since = denials.with_entry(reason, |entry| entry.take(Instant::now()));
                    log(reason, &since);
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

fn log(reason: DenialReason, since: &Since) {
    let Some((DeniedCaller { peer, name }, own)) = since.most_frequent() else { return };
    let others = since.count - own;
    tracing::warn!(
        reason = reason.as_str(),
        name,
        peer = peer.address().map(|address| address.to_string()),
        uid = peer.uid(),
        pid = peer.pid(),
        count = since.count,
        of_others = (others > 0).then_some(others),
        "admin request denied"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_user(uid: u32) -> DeniedCaller {
        DeniedCaller { peer: Peer::Unix { uid, pid: None }, name: None }
    }

    #[test]
    fn the_counts_of_all_lines_add_up() {
        let (mut entry, start) = (Entry::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut count = |seconds| match entry.count(of_user(1), at(seconds)) {
            Report::Now(since) => Ok(since.count),
            later => Err(later),
        };
        assert_eq!(count(0), Ok(1));
        assert_eq!(count(2), Err(Report::After(Duration::from_secs(3))));
        assert_eq!(count(3), Err(Report::Included));
        assert_eq!(entry.take(at(5)).count, 2);
        assert_eq!((entry.take(at(6)).count, entry.total), (0, 3));
        let mut count = |seconds| match entry.count(of_user(1), at(seconds)) {
            Report::Now(since) => Ok(since.count),
            later => Err(later),
        };
        assert_eq!(count(9), Err(Report::After(Duration::from_secs(1))));
        assert_eq!(count(11), Ok(2));
        assert_eq!(count(17), Ok(1));
    }

    #[test]
    fn the_caller_of_most_denials_is_named() {
        let mut since = Since::default();
        assert_eq!(since.most_frequent(), None);
        let tcp = |text: &str, name: &str| DeniedCaller {
            peer: Peer::Tcp(text.parse().unwrap()),
            name: Some(name.to_owned()),
        };
        since.add(of_user(1));
        since.add(tcp("10.0.0.1:1", "ann"));
        assert_eq!(since.most_frequent(), Some((&of_user(1), 1)));
        // A caller has another port with each connection; the name of a token makes another caller.
        since.add(tcp("10.0.0.1:2", "bob"));
        since.add(tcp("10.0.0.1:3", "ann"));
        assert_eq!(since.most_frequent(), Some((&tcp("10.0.0.1:3", "ann"), 2)));
        (0..1000).for_each(|uid| since.add(of_user(uid)));
        assert_eq!((since.callers.len(), since.count), (CALLERS, 1004));
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
