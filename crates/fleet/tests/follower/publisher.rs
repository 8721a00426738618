//! The store with its publishers: any order of steps, restored backups, and a second cluster.

use crate::random::Random;
use fleet::{Current, FORMAT, On, TextHash, Trial};
use std::collections::BTreeMap;
use std::time::Duration;

/// The instance under test, and another one.
pub(crate) const NAME: &str = "edge-1";
const OTHER: &str = "edge-2";
const TEXTS: u64 = 5;
pub(crate) const HOLD: Duration = Duration::from_secs(20);

/// One cluster.
#[derive(Default)]
pub(crate) struct Cluster {
    pub(crate) id: u64,
    pub(crate) current: Option<Current>,
    /// The number of the latest trial, also while it is stable or taken back.
    trial: u64,
    backups: Vec<Option<Current>>,
}

/// Every document that was ever published, with the number of its trial.
#[derive(Default)]
pub(crate) struct Published {
    documents: BTreeMap<(u64, u64), Vec<(Current, u64)>>,
    trials: u64,
    count: u64,
}

impl Published {
    pub(crate) fn trial_of(&self, cluster: u64, document: &Current) -> Option<u64> {
        let of_revision = self.documents.get(&(cluster, document.revision))?;
        of_revision.iter().find(|(it, _)| it == document).map(|(_, trial)| *trial)
    }

    /// Whether any document made the text stable.
    pub(crate) fn was_stable(&self, text: TextHash) -> bool {
        self.documents.values().flatten().any(|(it, _)| it.stable == Some(text))
    }
}

pub(crate) fn text(number: u64) -> String {
    format!("text {number}")
}

/// A text that no instance can run.
pub(crate) fn is_unfit(hash: TextHash) -> bool {
    hash == TextHash::of(&text(0))
}

pub(crate) fn text_by(hash: TextHash) -> String {
    (0..=TEXTS).map(text).find(|text| TextHash::of(text) == hash).expect("a published text")
}

impl Cluster {
    pub(crate) fn new(id: u64) -> Self {
        Self { id, ..Self::default() }
    }

    /// A random step of a publisher that knows the highest revision of the instances.
    pub(crate) fn publish(&mut self, known: u64, random: &mut Random, all: &mut Published) {
        let mut next = self.current.clone().unwrap_or(Current {
            format: FORMAT,
            revision: 0,
            stable: None,
            trial: None,
            by: "alice@ops1".to_owned(),
            note: String::new(),
            at: "2026-01-01T00:00:00Z".to_owned(),
            earlier: Vec::new(),
        });
        next.revision = next.revision.max(known) + 1;
        match next.trial.take() {
            Some(trial) if random.once_in(3) => next.stable = Some(trial.text),
            Some(trial) if random.once_in(2) => {
                next.trial = Some(Trial { on: On::ALL, ..trial });
            }
            Some(_) => {}
            None if random.once_in(5) => {
                next.stable = Some(TextHash::of(&text(random.below(TEXTS))));
            }
            None => {
                let names = [vec![NAME.to_owned()], vec![OTHER.to_owned()]];
                let on = match random.below(4) {
                    0 => On::Named(names[1].clone()),
                    1 => On::ALL,
                    _ => On::Named(names[0].clone()),
                };
                let text = TextHash::of(&text(random.below(TEXTS)));
                next.trial = Some(Trial { text, on, hold: HOLD });
                all.trials += 1;
                self.trial = all.trials;
            }
        }
        self.set(next, all);
    }

    /// Publishes a text that can run, as stable.
    pub(crate) fn publish_stable(&mut self, known: u64, all: &mut Published) -> TextHash {
        let stable = TextHash::of(&text(TEXTS));
        let revision = self.current.as_ref().map_or(0, |it| it.revision).max(known) + 1;
        let next = Current {
            format: FORMAT,
            revision,
            stable: Some(stable),
            trial: None,
            by: "bob@ops2".to_owned(),
            note: String::new(),
            at: "2026-01-01T00:00:00Z".to_owned(),
            earlier: Vec::new(),
        };
        self.set(next, all);
        stable
    }

    fn set(&mut self, next: Current, all: &mut Published) {
        all.count += 1;
        // Two publications differ at least by their time.
        let next = Current { note: format!("publication {}", all.count), ..next };
        let of_revision = all.documents.entry((self.id, next.revision)).or_default();
        of_revision.push((next.clone(), self.trial));
        self.backups.push(self.current.replace(next));
    }

    /// Restores a backup, or wipes the store. A publisher that goes on from there begins its trial anew.
    pub(crate) fn go_back(&mut self, random: &mut Random, all: &mut Published) {
        if !self.backups.is_empty() {
            let count = self.backups.len() as u64;
            let index = usize::try_from(random.below(count)).expect("a small number");
            self.current = self.backups[index].clone();
            all.trials += 1;
            self.trial = all.trials;
        }
    }
}
