//! The targets of a forward: a versioned set, replaced as a whole, and the state of each target, which
//! outlives the set.

use crate::counters::Count;
use crate::permit::Gate;
use arc_swap::{ArcSwap, Guard};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// One target: its address, and the state shared by its sessions. Its identity is the address: an
/// address that stays in a set keeps its `Target`. A session keeps its target until it ends.
pub(crate) struct Target {
    pub(crate) address: TargetAddress,
    /// The address, as shown.
    pub(crate) text: Arc<str>,
    /// The address as a number, for `balance = "source"`.
    pub(crate) number: u64,
    /// Counts its sessions. Today without a limit.
    pub(crate) gate: Gate,
    is_up: AtomicBool,
    /// Attempts to connect, by worker.
    connects: Box<[Connects]>,
}

/// The address of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
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
            gate: Gate::new(u32::MAX),
            is_up: AtomicBool::new(true),
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

    /// Counts a failed attempt of `worker`.
    pub(crate) fn connect_failed(&self, worker: usize) {
        self.connects[worker].failed.add(1);
    }
}

/// One version of a target set. Immutable: [`Targets::replace`] publishes a new version.
pub(crate) struct TargetSet {
    version: u64,
    targets: Box<[Arc<Target>]>,
}

impl TargetSet {
    /// The targets, in the order of the configuration.
    pub(crate) fn targets(&self) -> &[Arc<Target>] {
        &self.targets
    }

    /// The target with this address.
    pub(crate) fn find(&self, address: &TargetAddress) -> Option<&Arc<Target>> {
        self.targets.iter().find(|target| target.address == *address)
    }
}

/// The current target set of a route. The control thread replaces it, without a walk over sessions.
pub(crate) struct Targets(ArcSwap<TargetSet>);

impl Targets {
    /// The first version, of new targets.
    pub(crate) fn new(targets: &[plan::TargetEntry], workers: usize) -> Self {
        let new = |target| Arc::new(Target::new(target, workers));
        let targets = targets.iter().map(new).collect();
        Self(ArcSwap::from_pointee(TargetSet { version: 1, targets }))
    }

    /// The current version.
    pub(crate) fn load(&self) -> Guard<Arc<TargetSet>> {
        self.0.load()
    }

    /// Publishes a set of these targets, unless the current set equals it. Addresses in both sets keep
    /// their state. Open sessions are not affected.
    pub(crate) fn replace(&self, targets: &[plan::TargetEntry], workers: usize) {
        let old = self.load();
        let addresses: Vec<TargetAddress> =
            targets.iter().map(|target| TargetAddress::from(&target.address)).collect();
        if addresses.iter().eq(old.targets.iter().map(|target| &target.address)) {
            return;
        }
        let kept = |(address, target): (&TargetAddress, &plan::TargetEntry)| match old.find(address)
        {
            Some(kept) => Arc::clone(kept),
            None => Arc::new(Target::new(target, workers)),
        };
        let targets = addresses.iter().zip(targets).map(kept).collect();
        self.0.store(Arc::new(TargetSet { version: old.version + 1, targets }));
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
        set.targets().iter().map(|target| &*target.text).collect()
    }

    #[test]
    fn an_address_that_stays_keeps_its_state() {
        let set = Targets::new(&targets(&["127.0.0.1:1", "db.example:2", "unix:/run/db"]), 2);
        let before = set.load();
        for target in before.targets() {
            target.connect_tried(0);
            target.connect_failed(1);
        }
        set.replace(&targets(&["unix:/run/db", "127.0.0.1:9", "db.example:2"]), 2);
        let after = set.load();
        assert_eq!((before.version, after.version), (1, 2));
        assert_eq!(texts(&after), ["unix:/run/db", "127.0.0.1:9", "db.example:2"]);
        for (kept, old) in [(0, 2), (2, 1)] {
            assert!(Arc::ptr_eq(&after.targets()[kept], &before.targets()[old]));
        }
        let connects = &after.targets()[2].connects;
        assert_eq!([0, 1].map(|worker| connects[worker].tried.get()), [1, 0]);
        assert_eq!([0, 1].map(|worker| connects[worker].failed.get()), [0, 1]);
        assert_eq!(after.targets()[1].connects[0].tried.get(), 0, "a new target");
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
