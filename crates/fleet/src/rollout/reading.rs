//! The keys of a fleet as a publisher reads them.

use crate::model::{Current, CurrentError, Instance, InstanceState, Keys, REVISION_MAX, Trial};
use crate::store::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// The most by which the revision of an instance may exceed that of `current` and be followed. A store that was restored
/// from a backup is behind its instances by the revisions since then.
const AHEAD_MAX: u64 = 1 << 20;
/// The highest revision of an instance that is followed without a `current`.
const FIRST_MAX: u64 = 1 << 40;
/// The most revisions of one command: two steps, each extended once, an ended trial that is removed first, the decision,
/// and two spare ones.
const OF_COMMAND: u64 = 8;

/// The value of `current`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The key does not exist.
    Nothing,
    /// Not the JSON of a `current`: why.
    Damaged(String),
    /// A revision.
    Current(Box<Current>),
}

/// `current` and the instances; the instances as they were then, or later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetReading {
    /// The value of `current`.
    pub found: Found,
    /// etcd's `mod_revision` of it; 0 if the key does not exist.
    pub mod_revision: i64,
    /// The live instances by name.
    pub instances: BTreeMap<String, Instance>,
    /// Names of instances whose status is not the JSON of one.
    pub unreadable: BTreeSet<String>,
}

impl FleetReading {
    /// Parses the keys.
    ///
    /// # Errors
    ///
    /// `current` is in the format of another version.
    pub fn new(
        keys: &Keys,
        current: Option<&Entry>,
        instances: &[Entry],
    ) -> Result<Self, CurrentError> {
        let found = match current.map(|entry| Current::parse(&entry.value)) {
            None => Found::Nothing,
            Some(Ok(current)) => Found::Current(Box::new(current)),
            Some(Err(error @ CurrentError::NotJson(_))) => Found::Damaged(error.to_string()),
            Some(Err(error @ CurrentError::Format(_))) => return Err(error),
        };
        let mut reading = Self {
            found,
            mod_revision: current.map_or(0, |entry| entry.mod_revision),
            instances: BTreeMap::new(),
            unreadable: BTreeSet::new(),
        };
        for entry in instances {
            let Some(name) = keys.instance_name(&entry.key) else { continue };
            match Instance::parse(&entry.value) {
                Ok(instance) => drop(reading.instances.insert(name.to_owned(), instance)),
                Err(_) => drop(reading.unreadable.insert(name.to_owned())),
            }
        }
        Ok(reading)
    }

    /// The revision, if there is a readable one.
    pub fn current(&self) -> Option<&Current> {
        match &self.found {
            Found::Current(current) => Some(current),
            Found::Nothing | Found::Damaged(_) => None,
        }
    }

    /// Names of the live instances.
    pub fn live(&self) -> BTreeSet<String> {
        self.instances.keys().cloned().collect()
    }

    /// Instances that keep their text because the store went back or is another one. An instance has a reason without a
    /// failed trial then.
    pub(super) fn not_following(&self) -> BTreeSet<String> {
        let revision = self.current().map_or(0, |current| current.revision);
        let is_settled =
            |it: &Instance| matches!(it.state, InstanceState::Stable | InstanceState::Confirmed);
        let found = self
            .instances
            .iter()
            .filter(|(_, it)| it.revision > revision || is_settled(it) && !it.why.is_empty());
        found.map(|(name, _)| name.clone()).collect()
    }

    /// A revision above that of `current`, and above those of instances that are followed.
    pub(super) fn next_revision(&self) -> u64 {
        let of_instances = self.instances.values().map(|instance| instance.revision);
        let of_instances = of_instances.filter(|revision| *revision <= self.followed_max());
        let known = of_instances.chain(self.current().map(|current| current.revision));
        (1 + known.max().unwrap_or(0)).min(REVISION_MAX)
    }

    /// An instance that reports a revision too high to be followed: one that follows it would bring every instance there,
    /// and no revision is lower than the one before.
    pub(super) fn far_ahead(&self) -> Option<(&str, u64)> {
        let mut instances = self.instances.iter();
        let found = instances.find(|(_, instance)| instance.revision > self.followed_max());
        found.map(|(name, instance)| (name.as_str(), instance.revision))
    }

    /// The revision of `current`, if too few are left above it.
    pub(super) fn last_revision(&self) -> Option<u64> {
        let revision = self.current()?.revision;
        (revision > REVISION_MAX - OF_COMMAND).then_some(revision)
    }

    fn followed_max(&self) -> u64 {
        let max = self.current().map_or(FIRST_MAX, |current| current.revision + AHEAD_MAX);
        max.min(REVISION_MAX - AHEAD_MAX)
    }

    /// Instances of the pending trial that run its text, or may yet begin.
    pub fn on_trial(&self) -> BTreeSet<String> {
        let current = self.current();
        let pending = current.and_then(|current| Some((current.revision, current.trial.as_ref()?)));
        let Some((revision, trial)) = pending else { return BTreeSet::new() };
        let named = self.instances.iter().filter(|(name, _)| trial.on.names(name));
        let running = named.filter(|(_, instance)| is_on_trial(instance, revision, trial));
        running.map(|(name, _)| name.clone()).collect()
    }
}

/// Whether a named instance runs the text of a trial, or may yet begin.
fn is_on_trial(instance: &Instance, revision: u64, trial: &Trial) -> bool {
    let ended = matches!(instance.state, InstanceState::Refused | InstanceState::FellBack);
    instance.tries(trial.text)
        || instance.revision < revision
        || instance.revision == revision && !ended
}
