//! Differences between two plans, forward by forward.

use std::collections::{HashMap, HashSet};

use crate::forward_text::{forward_only_toml, listen, target};
use crate::plan::{Forward, Plan};
use crate::setting::{Effect, Section, Setting};
use crate::settings::FORWARD_ONLY;
use crate::table::Table;

/// Difference between two plans. Forwards are matched by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanDiff {
    /// Forwards that only the new plan has, in its order.
    pub added: Vec<ForwardSummary>,
    /// Forwards in both plans with other addresses or settings, in the new plan's order.
    pub changed: Vec<ChangedForward>,
    /// Forwards that only the old plan has, in its order.
    pub removed: Vec<ForwardSummary>,
    /// Number of forwards that are equal in both plans.
    pub unchanged: usize,
    /// Changed settings of `[process]`.
    pub process: Vec<Change>,
    /// Changed settings of `[log]`.
    pub log: Vec<Change>,
}

/// Name and addresses of a forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardSummary {
    /// Unique name of the forward.
    pub name: String,
    /// Listen addresses as TOML: a string, or a list of strings.
    pub listen: String,
    /// Target as TOML.
    pub to: String,
}

/// A forward that both plans have, with its changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedForward {
    /// Unique name of the forward.
    pub name: String,
    /// Never empty; in the order of the documentation.
    pub changes: Vec<Change>,
}

/// Old and new value of one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Key of the setting.
    pub key: &'static str,
    /// Old value as TOML; `None` if it is not set and has no default.
    pub old: Option<String>,
    /// New value, in the same form.
    pub new: Option<String>,
    /// Scope of the change in a running process.
    pub effect: Effect,
}

impl PlanDiff {
    /// Compares two plans.
    pub fn new(old: &Plan, new: &Plan) -> Self {
        let mut diff = Self {
            process: changes(&old.process, &new.process),
            log: changes(&old.log, &new.log),
            ..Self::default()
        };
        let before: HashMap<_, _> =
            old.forwards.iter().map(|forward| (forward.name.as_str(), forward)).collect();
        for forward in &new.forwards {
            match before.get(forward.name.as_str()) {
                None => diff.added.push(ForwardSummary::new(forward)),
                Some(old) if same(old, forward) => diff.unchanged += 1,
                Some(old) => diff.changed.push(ChangedForward::new(old, forward)),
            }
        }
        let after: HashSet<_> = new.forwards.iter().map(|forward| forward.name.as_str()).collect();
        let removed = old.forwards.iter().filter(|forward| !after.contains(forward.name.as_str()));
        diff.removed = removed.map(|forward| ForwardSummary::new(forward)).collect();
        diff
    }

    /// Whether the plans have the same effect.
    pub fn is_empty(&self) -> bool {
        let Self { added, changed, removed, unchanged: _, process, log } = self;
        added.is_empty()
            && changed.is_empty()
            && removed.is_empty()
            && process.is_empty()
            && log.is_empty()
    }

    /// Changes that take effect only after a restart, each with its section.
    pub fn need_restart(&self) -> impl Iterator<Item = (Section, &Change)> {
        let process = self.process.iter().map(|change| (Section::Process, change));
        let changes = process.chain(self.log.iter().map(|change| (Section::Log, change)));
        changes.filter(|(_, change)| change.effect == Effect::Restart)
    }
}

impl ForwardSummary {
    /// Summarizes a forward.
    pub fn new(forward: &Forward) -> Self {
        Self { name: forward.name.clone(), listen: listen(forward), to: target(forward) }
    }
}

impl ChangedForward {
    fn new(old: &Forward, new: &Forward) -> Self {
        // Without the name: forwards are matched by it.
        let own = FORWARD_ONLY.iter().filter_map(|setting| {
            let [old, new] =
                [old, new].map(|forward| Some(forward_only_toml(forward, setting.key)));
            change(setting, old, new)
        });
        let changes = own.chain(changes(&old.settings, &new.settings)).collect();
        Self { name: new.name.clone(), changes }
    }
}

/// Compares addresses and settings; location and file format do not matter.
fn same(old: &Forward, new: &Forward) -> bool {
    old.settings == new.settings && old.routes == new.routes
}

/// The settings of a table whose values differ.
pub(crate) fn changes<T: Table>(old: &T, new: &T) -> Vec<Change> {
    let settings = T::SETTINGS.iter();
    settings.filter_map(|it| change(it, old.written(it), new.written(it))).collect()
}

fn change(setting: &Setting, old: Option<String>, new: Option<String>) -> Option<Change> {
    let (key, effect) = (setting.key, setting.effect);
    (old != new).then_some(Change { key, old, new, effect })
}
