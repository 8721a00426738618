//! The targets of a forward: a versioned set, replaced as a whole, and the state of each target, which
//! outlives the set.

use crate::counters::Count;
use crate::permit::Gate;
use arc_swap::{ArcSwap, Guard};
use flow::Turns;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One target: its address, and the state shared by its sessions. Its identity is the address: an
/// address that stays in a set keeps its `Target`. A session keeps its target until it ends.
pub(crate) struct Target {
    pub(crate) address: TargetAddress,
    /// The address, as shown.
    pub(crate) text: Arc<str>,
    /// The address as a number, for `balance = "source"`.
    pub(crate) number: u64,
    /// Counts its sessions, up to its own limit.
    pub(crate) gate: Gate,
    is_up: AtomicBool,
    /// Usual time of a connect in microseconds; 0 before the first.
    usual_micros: AtomicU32,
    /// The address of its name that was connected last.
    worked: Mutex<Option<SocketAddr>>,
    /// Attempts to connect, by worker.
    connects: Box<[Connects]>,
}

/// The address of a target.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TargetAddress {
    /// An address that needs no look-up.
    Ip(SocketAddr),
    /// A name and port, resolved for each session.
    Name(Arc<str>, u16),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

/// Attempts of one worker to connect to a target.
#[derive(Default)]
struct Connects {
    tried: Count,
    failed: Count,
}

impl From<&plan::Target> for TargetAddress {
    fn from(target: &plan::Target) -> Self {
        match target {
            plan::Target::Ip(address) => Self::Ip(*address),
            // The resolver turns the interface's name into its number.
            plan::Target::Zoned(address) => {
                Self::Name(format!("{}%{}", address.ip, address.zone).into(), address.port)
            }
            plan::Target::Name { host, port } => Self::Name(host.as_str().into(), *port),
            plan::Target::Unix(path) => Self::Unix(path.clone()),
        }
    }
}

impl Target {
    /// A target without sessions, in the state *up*.
    pub(crate) fn new(target: &plan::TargetEntry, workers: usize) -> Self {
        let address = &target.address;
        let text = address.to_string();
        Self {
            address: address.into(),
            number: flow::target_number(&text),
            text: text.into(),
            gate: Gate::new(limit(target)),
            is_up: AtomicBool::new(true),
            usual_micros: AtomicU32::new(0),
            worked: Mutex::new(None),
            connects: (0..workers).map(|_| Connects::default()).collect(),
        }
    }

    /// Whether the target's health permits new sessions.
    pub(crate) fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Relaxed)
    }

    /// Counts an attempt of `worker` to connect.
    pub(crate) fn connect_tried(&self, worker: usize) {
        self.connects[worker].tried.add(1);
    }

    /// Notes a connect of `address` that took this long.
    pub(crate) fn connected(&self, address: Option<SocketAddr>, took: Duration) {
        let took = u32::try_from(took.as_micros()).unwrap_or(u32::MAX).max(1);
        let usual = self.usual_micros.load(Ordering::Relaxed);
        // A moving average. Two workers may overwrite each other, which does no harm.
        let usual = if usual == 0 { took } else { usual - usual / 8 + took / 8 };
        self.usual_micros.store(usual, Ordering::Relaxed);
        if let TargetAddress::Name(..) = self.address {
            *self.worked.lock().unwrap_or_else(PoisonError::into_inner) = address;
        }
    }

    /// The time that a connect usually takes; zero before the first.
    pub(crate) fn usual_connect_time(&self) -> Duration {
        Duration::from_micros(self.usual_micros.load(Ordering::Relaxed).into())
    }

    /// The address of its name that was connected last.
    pub(crate) fn worked(&self) -> Option<SocketAddr> {
        *self.worked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a failed attempt of `worker`.
    pub(crate) fn connect_failed(&self, worker: usize) {
        self.connects[worker].failed.add(1);
    }
}

/// The limit of a target's own sessions.
fn limit(target: &plan::TargetEntry) -> u32 {
    target.options.max_sessions.map_or(u32::MAX, NonZeroU32::get)
}

/// A target of a set, with the properties that a new set may change.
pub(crate) struct Member {
    pub(crate) target: Arc<Target>,
    pub(crate) weight: u32,
    /// 0 serves first; the others are backups.
    pub(crate) level: u16,
}

impl Member {
    fn new(target: Arc<Target>, entry: &plan::TargetEntry) -> Self {
        let options = &entry.options;
        Self { target, weight: options.weight.get(), level: options.backup.into() }
    }
}

/// One version of a target set. Immutable: [`Targets::replace`] publishes a new version.
pub(crate) struct TargetSet {
    version: u64,
    members: Box<[Member]>,
    /// The highest weight.
    pub(crate) heaviest: u32,
    /// For `balance = "round_robin"`.
    pub(crate) turns: Mutex<Turns>,
}

impl TargetSet {
    fn new(version: u64, members: Box<[Member]>) -> Self {
        let heaviest = members.iter().map(|member| member.weight).max().unwrap_or(1);
        Self { version, members, heaviest, turns: Mutex::default() }
    }

    /// The targets, in the order of the configuration.
    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// The target with this address.
    pub(crate) fn find(&self, address: &TargetAddress) -> Option<&Arc<Target>> {
        let member = self.members.iter().find(|member| member.target.address == *address);
        member.map(|member| &member.target)
    }

    /// Whether the set is of these targets, with these properties.
    fn equals(&self, entries: &[plan::TargetEntry]) -> bool {
        let equals = |(member, entry): (&Member, &plan::TargetEntry)| {
            let same = Member::new(Arc::clone(&member.target), entry);
            member.target.address == TargetAddress::from(&entry.address)
                && (member.weight, member.level) == (same.weight, same.level)
                && member.target.gate.limit() == limit(entry)
        };
        self.members.len() == entries.len() && self.members.iter().zip(entries).all(equals)
    }
}

/// The current target set of a route. The control thread replaces it, without a walk over sessions.
pub(crate) struct Targets(ArcSwap<TargetSet>);

impl Targets {
    /// The first version, of new targets.
    pub(crate) fn new(targets: &[plan::TargetEntry], workers: usize) -> Self {
        let new = |entry| Member::new(Arc::new(Target::new(entry, workers)), entry);
        Self(ArcSwap::from_pointee(TargetSet::new(1, targets.iter().map(new).collect())))
    }

    /// The current version.
    pub(crate) fn load(&self) -> Guard<Arc<TargetSet>> {
        self.0.load()
    }

    /// Publishes a set of these targets, unless the current set equals it. Addresses in both sets keep
    /// their state. Open sessions are not affected.
    pub(crate) fn replace(&self, targets: &[plan::TargetEntry], workers: usize) {
        let old = self.load();
        if old.equals(targets) {
            return;
        }
        let by_address: HashMap<&TargetAddress, &Arc<Target>> =
            old.members.iter().map(|member| (&member.target.address, &member.target)).collect();
        let member = |entry: &plan::TargetEntry| {
            let kept = by_address.get(&TargetAddress::from(&entry.address));
            let target = match kept {
                Some(kept) => {
                    // No worker waits for a place in a target: its session is accepted already.
                    let _ = kept.gate.set_limit(limit(entry));
                    Arc::clone(kept)
                }
                None => Arc::new(Target::new(entry, workers)),
            };
            Member::new(target, entry)
        };
        let members = targets.iter().map(member).collect();
        self.0.store(Arc::new(TargetSet::new(old.version + 1, members)));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn targets(texts: &[&str]) -> Vec<plan::TargetEntry> {
        let entry = |text: &&str| plan::TargetEntry::new(text.parse().expect("a target"));
        texts.iter().map(entry).collect()
    }

    fn texts(set: &TargetSet) -> Vec<&str> {
        set.members().iter().map(|member| &*member.target.text).collect()
    }

    #[test]
    fn an_address_that_stays_keeps_its_state() {
        let set = Targets::new(&targets(&["127.0.0.1:1", "db.example:2", "unix:/run/db"]), 2);
        let before = set.load();
        for Member { target, .. } in before.members() {
            target.connect_tried(0);
            target.connect_failed(1);
        }
        set.replace(&targets(&["unix:/run/db", "127.0.0.1:9", "db.example:2"]), 2);
        let after = set.load();
        assert_eq!((before.version, after.version), (1, 2));
        assert_eq!(texts(&after), ["unix:/run/db", "127.0.0.1:9", "db.example:2"]);
        for (kept, old) in [(0, 2), (2, 1)] {
            assert!(Arc::ptr_eq(&after.members()[kept].target, &before.members()[old].target));
        }
        let connects = &after.members()[2].target.connects;
        assert_eq!([0, 1].map(|worker| connects[worker].tried.get()), [1, 0]);
        assert_eq!([0, 1].map(|worker| connects[worker].failed.get()), [0, 1]);
        assert_eq!(after.members()[1].target.connects[0].tried.get(), 0, "a new target");
        assert_eq!(texts(&before), ["127.0.0.1:1", "db.example:2", "unix:/run/db"], "unchanged");
    }

    #[test]
    fn the_same_targets_make_no_new_version() {
        let set = Targets::new(&targets(&["127.0.0.1:1", "127.0.0.1:2"]), 1);
        set.replace(&targets(&["127.0.0.1:1", "127.0.0.1:2"]), 1);
        assert_eq!(set.load().version, 1);
        set.replace(&targets(&["127.0.0.1:2", "127.0.0.1:1"]), 1);
        assert_eq!(set.load().version, 2, "another order is another set");
    }

    #[test]
    fn equal_spellings_are_one_address() {
        let [one, other] = ["[::1]:80", "[0:0::1]:80"].map(|text| targets(&[text]));
        let set = Targets::new(&one, 1);
        set.replace(&other, 1);
        assert_eq!(set.load().version, 1);
        assert!(set.load().find(&TargetAddress::from(&other[0].address)).is_some());
    }
}
