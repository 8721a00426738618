//! The targets of a forward: a versioned set, replaced as a whole. The state of each target outlives the set.

use crate::known_targets::KnownTargets;
use crate::rules::Rules;
use crate::sets::Planned;
use crate::target::{Target, limit};
use crate::target_address::TargetAddress;
use arc_swap::{ArcSwap, Guard};
use flow::{Level, Turns};
use std::sync::{Arc, Mutex};

/// A target of a set, with the properties that a new set may change.
pub(crate) struct Member {
    pub(crate) target: Arc<Target>,
    pub(crate) weight: u32,
    /// 0 serves first; the others are backups.
    pub(crate) level: u16,
    /// Name of the set whose record it is.
    pub(crate) set: Option<Arc<str>>,
}

impl Member {
    fn new(planned: Planned<'_>, known: &KnownTargets) -> Self {
        let Planned { entry, level, set } = planned;
        let target = known.configured(&entry);
        Self { target, weight: entry.options.weight.get(), level, set }
    }

    /// Whether it is this target, with these properties.
    fn equals(&self, planned: &Planned<'_>) -> bool {
        let Planned { entry, level, set } = planned;
        self.target.address == TargetAddress::from(&entry.address)
            && (self.weight, self.level) == (entry.options.weight.get(), *level)
            && self.set == *set
            && self.target.header.get() == (entry.options.send_proxy, entry.options.pass_tlvs)
            && self.target.gate.limit() == limit(entry)
    }
}

/// One version of a target set. Immutable: [`Targets::replace`] publishes a new version.
pub(crate) struct TargetSet {
    version: u64,
    members: Box<[Member]>,
    /// The numbers of their addresses, for `balance = "source"`.
    pub(crate) numbers: Box<[u64]>,
    pub(crate) levels: Box<[Level]>,
    /// The highest weight.
    pub(crate) heaviest: u32,
    /// One of them has a limit.
    pub(crate) is_limited: bool,
    /// For `balance = "round_robin"`.
    pub(crate) turns: Mutex<Turns>,
}

impl TargetSet {
    fn new(version: u64, members: Box<[Member]>) -> Self {
        let heaviest = members.iter().map(|member| member.weight).max().unwrap_or(1);
        let numbers = members.iter().map(|it| flow::target_number(&it.target.text)).collect();
        let levels = flow::levels(members.iter().map(|member| member.level));
        let is_limited = members.iter().any(|member| member.target.limit().is_some());
        Self { version, members, numbers, levels, heaviest, is_limited, turns: Mutex::default() }
    }

    /// Whether failed connects take its targets out of use: never the only one.
    pub(crate) fn has_passive_health(&self, rules: &Rules) -> bool {
        rules.passive.is_some() && self.members.len() > 1
    }

    /// The targets, in the order of the configuration.
    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// Name of the set in DNS whose record this target is.
    pub(crate) fn set_of(&self, target: &Arc<Target>) -> Option<&Arc<str>> {
        let mut members = self.members.iter();
        members.find(|member| Arc::ptr_eq(&member.target, target))?.set.as_ref()
    }

    /// Whether the set is of these targets, with these properties.
    fn equals(&self, planned: &[Planned<'_>]) -> bool {
        // The limit of a target that another listener shares is the new one already.
        let is_limited = planned.iter().any(|it| it.entry.options.max_sessions.is_some());
        self.is_limited == is_limited
            && self.members.len() == planned.len()
            && self.members.iter().zip(planned).all(|(member, planned)| member.equals(planned))
    }
}

/// The current target set of a route. The control thread replaces it, without a walk over sessions.
pub(crate) struct Targets(ArcSwap<TargetSet>);

impl Targets {
    /// The first version.
    pub(crate) fn new(planned: Vec<Planned<'_>>, known: &KnownTargets) -> Self {
        Self(ArcSwap::from_pointee(TargetSet::new(1, members(planned, known))))
    }

    /// A set of this target alone, for sessions that no listener serves.
    pub(crate) fn without_set(target: Option<Arc<Target>>) -> Self {
        let member = |target| Member { target, weight: 1, level: 0, set: None };
        Self(ArcSwap::from_pointee(TargetSet::new(1, target.into_iter().map(member).collect())))
    }

    /// The current version, apart from all later ones.
    pub(crate) fn snapshot(&self) -> Self {
        Self(ArcSwap::new(self.0.load_full()))
    }

    /// The current version.
    pub(crate) fn load(&self) -> Guard<Arc<TargetSet>> {
        self.0.load()
    }

    /// Publishes a set of these targets, unless the current set equals it. A `known` target keeps its
    /// state. Open sessions are not affected. The caller wakes the workers that wait for a place in a target.
    pub(crate) fn replace(&self, planned: Vec<Planned<'_>>, known: &KnownTargets) {
        let old = self.load();
        if !old.equals(&planned) {
            self.0.store(Arc::new(TargetSet::new(old.version + 1, members(planned, known))));
        }
    }
}

fn members(planned: Vec<Planned<'_>>, known: &KnownTargets) -> Box<[Member]> {
    planned.into_iter().map(|planned| Member::new(planned, known)).collect()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::sets::Sets;
    use plan::TargetEntry;
    use std::num::NonZeroU32;
    use std::time::Duration;

    fn targets(texts: &[&str]) -> Vec<plan::TargetEntry> {
        let entry = |text: &&str| plan::TargetEntry::new(text.parse().expect("a target"));
        texts.iter().map(entry).collect()
    }

    fn planned(entries: &[TargetEntry]) -> Vec<Planned<'_>> {
        Sets::default().targets_of(entries).0
    }

    fn texts(set: &TargetSet) -> Vec<&str> {
        set.members().iter().map(|member| &*member.target.text).collect()
    }

    #[test]
    fn an_address_that_stays_keeps_its_state() {
        let known = KnownTargets::new(2, Arc::default());
        let set = Targets::new(
            planned(&targets(&["127.0.0.1:1", "db.example:2", "unix:/run/db"])),
            &known,
        );
        let before = set.load();
        for Member { target, .. } in before.members() {
            target.connected(0, None, Duration::ZERO);
            target.connect_failed(1);
        }
        set.replace(planned(&targets(&["unix:/run/db", "127.0.0.1:9", "db.example:2"])), &known);
        let after = set.load();
        assert_eq!((before.version, after.version), (1, 2));
        assert_eq!(texts(&after), ["unix:/run/db", "127.0.0.1:9", "db.example:2"]);
        for (kept, old) in [(0, 2), (2, 1)] {
            assert!(Arc::ptr_eq(&after.members()[kept].target, &before.members()[old].target));
        }
        assert_eq!(after.members()[2].target.connects(), [1, 1]);
        assert_eq!(after.members()[1].target.connects(), [0, 0], "a new target");
        assert_eq!(texts(&before), ["127.0.0.1:1", "db.example:2", "unix:/run/db"], "unchanged");
    }

    #[test]
    fn the_same_targets_make_no_new_version() {
        let known = KnownTargets::new(1, Arc::default());
        let set = Targets::new(planned(&targets(&["127.0.0.1:1", "127.0.0.1:2"])), &known);
        set.replace(planned(&targets(&["127.0.0.1:1", "127.0.0.1:2"])), &known);
        assert_eq!(set.load().version, 1);
        set.replace(planned(&targets(&["127.0.0.1:2", "127.0.0.1:1"])), &known);
        assert_eq!(set.load().version, 2, "another order is another set");
    }

    #[test]
    fn equal_spellings_are_one_address() {
        let [one, other] = ["[::1]:80", "[0:0::1]:80"].map(|text| targets(&[text]));
        let known = KnownTargets::new(1, Arc::default());
        let set = Targets::new(planned(&one), &known);
        set.replace(planned(&other), &known);
        assert_eq!(set.load().version, 1);
        assert!(Arc::ptr_eq(&set.load().members()[0].target, &known.at(&other[0].address)));
    }

    #[test]
    fn listeners_of_a_forward_share_a_target_and_its_limit() {
        let known = KnownTargets::new(1, Arc::default());
        let entry = |limit: u32| {
            let mut entry = targets(&["127.0.0.1:1"]).remove(0);
            entry.options.max_sessions = NonZeroU32::new(limit);
            [entry]
        };
        let (one, other) =
            (Targets::new(planned(&entry(5)), &known), Targets::new(planned(&entry(5)), &known));
        let target = |set: &Targets| Arc::clone(&set.load().members()[0].target);
        assert!(Arc::ptr_eq(&target(&one), &target(&other)));
        one.replace(planned(&entry(7)), &known);
        other.replace(planned(&entry(7)), &known);
        assert_eq!((target(&one).limit(), other.load().version), (Some(7), 1));
        one.replace(planned(&targets(&["127.0.0.1:1"])), &known);
        assert_eq!(target(&other).limit(), None);
        other.replace(planned(&targets(&["127.0.0.1:1"])), &known);
        assert!([&one, &other].iter().all(|set| !set.load().is_limited));
        one.replace(planned(&entry(5)), &known);
        other.replace(planned(&entry(5)), &known);
        assert!([&one, &other].iter().all(|set| set.load().is_limited));
    }

    #[test]
    fn a_target_is_forgotten_with_its_last_set() {
        let known = KnownTargets::new(1, Arc::default());
        let set = Targets::new(planned(&targets(&["127.0.0.1:1"])), &known);
        let first = Arc::downgrade(&set.load().members()[0].target);
        set.replace(planned(&targets(&["127.0.0.1:2"])), &known);
        known.forget_unused();
        assert!(first.upgrade().is_none());
    }
}
