//! The targets of a forward: a versioned set, replaced as a whole, and the state of each target, which
//! outlives the set.

use crate::counters::Count;
use crate::known_targets::KnownTargets;
use crate::permit::Gate;
use arc_swap::{ArcSwap, Guard};
use flow::Turns;
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

/// Attempts of one worker to connect to a target that have ended.
#[derive(Default)]
struct Connects {
    connected: Count,
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
    /// A target without sessions and without a limit, in the state *up*.
    pub(crate) fn new(address: &plan::Target, workers: usize) -> Self {
        let text = address.to_string();
        Self {
            address: address.into(),
            number: flow::target_number(&text),
            text: text.into(),
            gate: Gate::new(NO_LIMIT),
            is_up: AtomicBool::new(true),
            usual_micros: AtomicU32::new(0),
            worked: Mutex::new(None),
            connects: (0..workers).map(|_| Connects::default()).collect(),
        }
    }

    /// Limits its sessions as configured.
    pub(crate) fn set_limit(&self, entry: &plan::TargetEntry) {
        // No worker waits for a place in a target: its session is accepted already.
        let _ = self.gate.set_limit(limit(entry));
    }

    /// The limit of its sessions; `None` if there is none.
    pub(crate) fn limit(&self) -> Option<u32> {
        Some(self.gate.limit()).filter(|limit| *limit != NO_LIMIT)
    }

    /// The connects of all workers, and their failed attempts.
    pub(crate) fn connects(&self) -> [u64; 2] {
        let sum =
            |count: fn(&Connects) -> &Count| self.connects.iter().map(|it| count(it).get()).sum();
        [sum(|connects| &connects.connected), sum(|connects| &connects.failed)]
    }

    /// Whether the target's health permits new sessions.
    pub(crate) fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Relaxed)
    }

    /// Counts a connect of `worker` to `address` that took this long.
    pub(crate) fn connected(&self, worker: usize, address: Option<SocketAddr>, took: Duration) {
        self.connects[worker].connected.add(1);
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

/// The limit of a gate without a limit.
const NO_LIMIT: u32 = u32::MAX;

/// The limit of a target's own sessions.
fn limit(target: &plan::TargetEntry) -> u32 {
    target.options.max_sessions.map_or(NO_LIMIT, NonZeroU32::get)
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
    /// The first version.
    pub(crate) fn new(targets: &[plan::TargetEntry], known: &KnownTargets) -> Self {
        Self(ArcSwap::from_pointee(TargetSet::new(1, members(targets, known))))
    }

    /// A set of one target, for sessions that no listener serves.
    pub(crate) fn of_one(target: Arc<Target>) -> Self {
        let member = Member { target, weight: 1, level: 0 };
        Self(ArcSwap::from_pointee(TargetSet::new(1, Box::new([member]))))
    }

    /// The current version.
    pub(crate) fn load(&self) -> Guard<Arc<TargetSet>> {
        self.0.load()
    }

    /// Publishes a set of these targets, unless the current set equals it. A `known` target keeps its
    /// state. Open sessions are not affected.
    pub(crate) fn replace(&self, targets: &[plan::TargetEntry], known: &KnownTargets) {
        let old = self.load();
        if !old.equals(targets) {
            self.0.store(Arc::new(TargetSet::new(old.version + 1, members(targets, known))));
        }
    }
}

fn members(targets: &[plan::TargetEntry], known: &KnownTargets) -> Box<[Member]> {
    targets.iter().map(|entry| Member::new(known.configured(entry), entry)).collect()
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
        let known = KnownTargets::new(2);
        let set = Targets::new(&targets(&["127.0.0.1:1", "db.example:2", "unix:/run/db"]), &known);
        let before = set.load();
        for Member { target, .. } in before.members() {
            target.connected(0, None, Duration::ZERO);
            target.connect_failed(1);
        }
        set.replace(&targets(&["unix:/run/db", "127.0.0.1:9", "db.example:2"]), &known);
        let after = set.load();
        assert_eq!((before.version, after.version), (1, 2));
        assert_eq!(texts(&after), ["unix:/run/db", "127.0.0.1:9", "db.example:2"]);
        for (kept, old) in [(0, 2), (2, 1)] {
            assert!(Arc::ptr_eq(&after.members()[kept].target, &before.members()[old].target));
        }
        let connects = &after.members()[2].target.connects;
        assert_eq!([0, 1].map(|worker| connects[worker].connected.get()), [1, 0]);
        assert_eq!([0, 1].map(|worker| connects[worker].failed.get()), [0, 1]);
        assert_eq!(after.members()[1].target.connects[0].connected.get(), 0, "a new target");
        assert_eq!(texts(&before), ["127.0.0.1:1", "db.example:2", "unix:/run/db"], "unchanged");
    }

    #[test]
    fn the_same_targets_make_no_new_version() {
        let known = KnownTargets::new(1);
        let set = Targets::new(&targets(&["127.0.0.1:1", "127.0.0.1:2"]), &known);
        set.replace(&targets(&["127.0.0.1:1", "127.0.0.1:2"]), &known);
        assert_eq!(set.load().version, 1);
        set.replace(&targets(&["127.0.0.1:2", "127.0.0.1:1"]), &known);
        assert_eq!(set.load().version, 2, "another order is another set");
    }

    #[test]
    fn equal_spellings_are_one_address() {
        let [one, other] = ["[::1]:80", "[0:0::1]:80"].map(|text| targets(&[text]));
        let known = KnownTargets::new(1);
        let set = Targets::new(&one, &known);
        set.replace(&other, &known);
        assert_eq!(set.load().version, 1);
        assert!(Arc::ptr_eq(&set.load().members()[0].target, &known.at(&other[0].address)));
    }

    #[test]
    fn listeners_of_a_forward_share_a_target_and_its_limit() {
        let known = KnownTargets::new(1);
        let entry = |limit: u32| {
            let mut entry = targets(&["127.0.0.1:1"]).remove(0);
            entry.options.max_sessions = NonZeroU32::new(limit);
            [entry]
        };
        let (one, other) = (Targets::new(&entry(5), &known), Targets::new(&entry(5), &known));
        let target = |set: &Targets| Arc::clone(&set.load().members()[0].target);
        assert!(Arc::ptr_eq(&target(&one), &target(&other)));
        one.replace(&entry(7), &known);
        other.replace(&entry(7), &known);
        assert_eq!((target(&one).limit(), other.load().version), (Some(7), 1));
        one.replace(&targets(&["127.0.0.1:1"]), &known);
        assert_eq!(target(&other).limit(), None);
    }

    #[test]
    fn a_target_is_forgotten_with_its_last_set() {
        let known = KnownTargets::new(1);
        let set = Targets::new(&targets(&["127.0.0.1:1"]), &known);
        let first = Arc::downgrade(&set.load().members()[0].target);
        set.replace(&targets(&["127.0.0.1:2"]), &known);
        known.forget_unused();
        assert!(first.upgrade().is_none());
    }
}
