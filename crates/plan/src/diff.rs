//! Differences between two plans, forward by forward, and their text form.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write as _};

use crate::escape::{escaped, write_escaped};
use crate::fleet::Fleet;
use crate::fleet_table::FleetTable;
use crate::forward_only::FORWARD_ONLY;
use crate::forward_text::{forward_only_toml, listen, routes, targets, to};
use crate::plan::{Forward, ForwardSettings, Plan};
use crate::prefix_list::PrefixList;
use crate::setting::{Effect, Section, Setting};
use crate::table::Table;
use crate::target::{TargetOptions, TargetRange};
use crate::toml_text;

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
    /// Changed settings of `[fleet]`.
    pub fleet: Vec<Change>,
}

/// Name and addresses of a forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardSummary {
    /// Unique name of the forward.
    pub name: String,
    /// Listen addresses as TOML: a string, or a list of strings.
    pub listen: String,
    /// Target as TOML; `route` if only its routes have targets.
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
    /// Table of the setting.
    pub section: Section,
    /// Key of the setting.
    pub key: &'static str,
    /// Old value as TOML; `None` if it is not set and has no default.
    pub old: Option<String>,
    /// New value, in the same form.
    pub new: Option<String>,
    /// The differences of two lists in words, such as `added "db:5432"`; empty for other values.
    pub parts: Vec<String>,
    /// Scope of the change in a running process.
    pub effect: Effect,
}

impl PlanDiff {
    /// Compares two plans.
    pub fn new(old: &Plan, new: &Plan) -> Self {
        let mut diff = Self {
            process: changes(&old.process, &new.process),
            log: changes(&old.log, &new.log),
            fleet: fleet_changes(old.fleet.as_ref(), new.fleet.as_ref()),
            ..Self::default()
        };
        let mut lists = ListParts::default();
        let before: HashMap<_, _> =
            old.forwards.iter().map(|forward| (forward.name.as_str(), forward)).collect();
        for forward in &new.forwards {
            match before.get(forward.name.as_str()) {
                None => diff.added.push(ForwardSummary::new(forward)),
                Some(old) if same(old, forward) => diff.unchanged += 1,
                Some(old) => diff.changed.push(ChangedForward::new(old, forward, &mut lists)),
            }
        }
        let after: HashSet<_> = new.forwards.iter().map(|forward| forward.name.as_str()).collect();
        let removed = old.forwards.iter().filter(|forward| !after.contains(forward.name.as_str()));
        diff.removed = removed.map(|forward| ForwardSummary::new(forward)).collect();
        diff
    }

    /// Whether the plans have the same effect.
    pub fn is_empty(&self) -> bool {
        let Self { added, changed, removed, unchanged: _, process, log, fleet } = self;
        added.is_empty()
            && changed.is_empty()
            && removed.is_empty()
            && process.is_empty()
            && log.is_empty()
            && fleet.is_empty()
    }

    /// Changed settings that are not of a forward.
    pub fn settings(&self) -> impl Iterator<Item = &Change> {
        self.process.iter().chain(&self.log).chain(&self.fleet)
    }

    /// Changes that take effect only after a restart.
    pub fn need_restart(&self) -> impl Iterator<Item = &Change> {
        self.settings().filter(|change| change.effect == Effect::Restart)
    }
}

impl ForwardSummary {
    /// Summarizes a forward.
    pub fn new(forward: &Forward) -> Self {
        let to = to(forward).unwrap_or_else(|| format!("[{}]", routes(forward).join(", ")));
        Self { name: forward.name.clone(), listen: listen(forward), to }
    }
}

impl ChangedForward {
    fn new(old: &Forward, new: &Forward, lists: &mut ListParts) -> Self {
        // Without the name: forwards are matched by it.
        let own = FORWARD_ONLY.iter().filter_map(|setting| {
            let values = [old, new].map(|forward| forward_only_toml(forward, setting.key));
            let [before, after] = values;
            let change = change(setting, before, after)?;
            let parts = match setting.key {
                "to" => target_parts(&targets(old), &targets(new)),
                "route" => route_parts(&routes(old), &routes(new)),
                _ => Vec::new(),
            };
            Some(Change { parts, ..change })
        });
        let (before, after) = (&old.settings, &new.settings);
        let settings = ForwardSettings::SETTINGS.iter().filter_map(|setting| match setting.key {
            "allow" => lists.change(setting, before, after, &before.allow, &after.allow),
            "deny" => lists.change(setting, before, after, &before.deny, &after.deny),
            _ => change(setting, before.written(setting), after.written(setting)),
        });
        let changes = own.chain(settings).collect();
        Self { name: new.name.clone(), changes }
    }
}

/// Compares addresses and settings; location and file format do not matter.
fn same(old: &Forward, new: &Forward) -> bool {
    old.settings == new.settings && old.routes == new.routes && old.hello_routes == new.hello_routes
}

/// The differences of lists of prefixes in words, by the memory of both: many forwards share a list.
#[derive(Default)]
struct ListParts(HashMap<(usize, usize), Vec<String>>);

impl ListParts {
    /// The change of a list. The contents of its files may differ where the value does not.
    fn change(
        &mut self,
        setting: &Setting,
        old: &ForwardSettings,
        new: &ForwardSettings,
        before: &PrefixList,
        after: &PrefixList,
    ) -> Option<Change> {
        if before == after {
            return None;
        }
        let parts = self.0.entry((before.address(), after.address()));
        let parts = parts.or_insert_with(|| before.parts(after)).clone();
        let (old, new) = (old.written(setting), new.written(setting));
        Some(Change { parts, ..Change::of(setting, old, new) })
    }
}

/// The settings of `[fleet]` that differ. All of a table that is added or removed wait for a restart.
pub(crate) fn fleet_changes(old: Option<&Fleet>, new: Option<&Fleet>) -> Vec<Change> {
    let table = |fleet: Option<&Fleet>| fleet.map_or_else(FleetTable::defaults, FleetTable::of);
    let mut changes = changes(&table(old), &table(new));
    if old.is_some() != new.is_some() {
        for change in &mut changes {
            change.effect = Effect::Restart;
        }
    }
    changes
}

/// The settings of a table whose values differ.
pub(crate) fn changes<T: Table>(old: &T, new: &T) -> Vec<Change> {
    let settings = T::SETTINGS.iter();
    settings.filter_map(|it| change(it, old.written(it), new.written(it))).collect()
}

fn change(setting: &Setting, old: Option<String>, new: Option<String>) -> Option<Change> {
    (old != new).then(|| Change::of(setting, old, new))
}

impl Change {
    fn of(setting: &Setting, old: Option<String>, new: Option<String>) -> Self {
        let Setting { section, key, effect, .. } = *setting;
        Self { section, key, old, new, parts: Vec::new(), effect }
    }
}

/// The differences of two lists of routes in words. Empty if one has none: the two values say it.
fn route_parts(old: &[String], new: &[String]) -> Vec<String> {
    if old.is_empty() || new.is_empty() {
        return Vec::new();
    }
    let added = new.iter().filter(|route| !old.contains(route));
    let added = added.map(|route| format!("added {route}"));
    let removed = old.iter().filter(|route| !new.contains(route));
    let parts: Vec<_> = added.chain(removed.map(|route| format!("removed {route}"))).collect();
    if parts.is_empty() { vec!["the same routes in another order".to_owned()] } else { parts }
}

/// The differences of two target lists in words. Empty if both have one target: the two values say it.
fn target_parts(old: &[TargetRange], new: &[TargetRange]) -> Vec<String> {
    if old.len() < 2 && new.len() < 2 {
        return Vec::new();
    }
    let by_address = |targets: &[TargetRange]| -> HashMap<String, TargetOptions> {
        targets.iter().map(|target| (target.address.to_string(), target.options)).collect()
    };
    let (before, after) = (by_address(old), by_address(new));
    let is_new = |target: &&TargetRange| !before.contains_key(&target.address.to_string());
    let is_gone = |target: &&TargetRange| !after.contains_key(&target.address.to_string());
    let added =
        new.iter().filter(is_new).map(|target| format!("added {}", toml_text::target(target)));
    let removed = old.iter().filter(is_gone);
    let removed = removed
        .map(|target| format!("removed {}", toml_text::basic_string(&target.address.to_string())));
    let changed = new.iter().filter_map(|target| {
        let address = target.address.to_string();
        let changes = changes(before.get(&address)?, &target.options);
        let changes = changes.iter().map(|change| change.to_string().replacen(':', "", 1));
        let changes = changes.collect::<Vec<_>>().join(" and ");
        (!changes.is_empty()).then(|| format!("{} {changes}", toml_text::basic_string(&address)))
    });
    let parts: Vec<_> = added.chain(removed).chain(changed).collect();
    if parts.is_empty() { vec!["the same targets in another order".to_owned()] } else { parts }
}

impl fmt::Display for PlanDiff {
    /// One line per added (`+`) or removed (`-`) forward and per changed setting (`~`), with the
    /// names aligned. The last line counts the unchanged forwards.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        let sections = [
            (Section::Process, &self.process),
            (Section::Log, &self.log),
            (Section::Fleet, &self.fleet),
        ];
        for (section, changes) in sections {
            lines.extend(changed(section.header(), changes));
        }
        for forward in &self.changed {
            lines.extend(changed(&forward.name, &forward.changes));
        }
        for (sign, forwards) in [('+', &self.added), ('-', &self.removed)] {
            lines.extend(forwards.iter().map(|forward| Line {
                sign,
                name: escaped(&forward.name),
                text: format!("{} -> {}", forward.listen, forward.to),
            }));
        }
        let width = lines.iter().map(|line| line.name.chars().count()).max().unwrap_or_default();
        for Line { sign, name, text } in lines {
            write!(f, "{sign} {name:width$}  ")?;
            write_escaped(f, &text)?;
            f.write_char('\n')?;
        }
        match self.unchanged {
            1 => writeln!(f, "1 forward is unchanged"),
            many => writeln!(f, "{many} forwards are unchanged"),
        }
    }
}

struct Line {
    sign: char,
    /// Escaped, so that its width is known.
    name: String,
    text: String,
}

/// One line per change; the first one has the name.
fn changed<'c>(name: &'c str, changes: &'c [Change]) -> impl Iterator<Item = Line> + 'c {
    changes.iter().enumerate().map(move |(index, change)| Line {
        sign: if index == 0 { '~' } else { ' ' },
        name: if index == 0 { escaped(name) } else { String::new() },
        text: change.to_string(),
    })
}

impl fmt::Display for Change {
    /// `key: old -> new`, or the differences of a list.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = |value: &'_ Option<String>| value.clone().unwrap_or_else(|| "not set".into());
        if self.parts.is_empty() {
            write!(f, "{}: {} -> {}", self.key, value(&self.old), value(&self.new))?;
        } else {
            write!(f, "{}: {}", self.key, self.parts.join(", "))?;
        }
        if self.effect == Effect::Restart { f.write_str(" (needs a restart)") } else { Ok(()) }
    }
}
