//! The store in memory. It checks every change of `current`.

use crate::instance::Millis;
use fleet::{Compare, Current, Decision, FleetReading, Instance, Keys, Removal, TextHash};
use std::collections::BTreeMap;

#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) revision: i64,
    pub(crate) current: Option<(Current, i64)>,
    pub(crate) texts: BTreeMap<TextHash, i64>,
    /// With the ends of their leases.
    pub(crate) instances: BTreeMap<String, (Instance, Millis)>,
    pub(crate) away_until: Millis,
    pub(crate) keys: Keys,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self {
            revision: 1,
            current: None,
            texts: BTreeMap::new(),
            instances: BTreeMap::new(),
            away_until: 0,
            keys: Keys::new("/fleet"),
        }
    }

    pub(crate) fn mod_revision(&self) -> i64 {
        self.current.as_ref().map_or(0, |(_, revision)| *revision)
    }

    pub(crate) fn reading(&self) -> FleetReading {
        let entry = self.current.as_ref().map(|(current, mod_revision)| fleet::Entry {
            key: self.keys.current(),
            value: current.to_json(),
            mod_revision: *mod_revision,
        });
        let instance = |(name, (instance, _)): (&String, &(Instance, Millis))| fleet::Entry {
            key: self.keys.instance(name),
            value: instance.to_json(),
            mod_revision: 1,
        };
        let instances: Vec<_> = self.instances.iter().map(instance).collect();
        FleetReading::new(&self.keys, entry.as_ref(), &instances).unwrap()
    }

    pub(crate) fn put_text(&mut self, text: TextHash) -> Vec<Compare> {
        let revision = &mut self.revision;
        let mod_revision = *self.texts.entry(text).or_insert_with(|| {
            *revision += 1;
            *revision
        });
        vec![Compare { key: self.keys.part(&text, 0), mod_revision }]
    }

    pub(crate) fn allows(&self, decision: &Decision) -> bool {
        let has = |part: &Compare| {
            let mut texts = self.texts.iter();
            texts.any(|(text, at)| *at == part.mod_revision && self.keys.part(text, 0) == part.key)
        };
        decision.mod_revision == self.mod_revision() && decision.parts.iter().all(has)
    }

    pub(crate) fn remove(&mut self, removal: &Removal) {
        if removal.mod_revision == self.mod_revision() {
            self.texts.retain(|text, _| !removal.texts.contains(text));
            self.revision += 1;
            self.check_texts();
        }
    }

    /// The texts that `current` names are in the store.
    pub(crate) fn check_texts(&self) {
        let Some((current, _)) = &self.current else { return };
        let trial = current.trial.as_ref().map(|trial| trial.text);
        let earlier = current.earlier.iter().map(|earlier| earlier.text);
        for text in current.stable.into_iter().chain(trial).chain(earlier) {
            assert!(self.texts.contains_key(&text), "{text:?} is named and not in the store");
        }
    }
}
