//! Values in force of the settings that need a restart.
//!
//! A reload or an upgrade in place does not change them, so the running plan may differ. The table
//! of settings marks them with [`Effect::Restart`].

use crate::diff::{Change, PlanDiff, changes, fleet_changes};
use crate::document::Document;
use crate::fleet::Fleet;
use crate::fleet_table::FleetTable;
use crate::plan::{Log, Plan, Process};
use crate::problem::Problems;
use crate::setting::{Effect, Section};
use crate::table::Table;
use crate::text::Source;
use crate::toml_format::{self, Scope};

/// `[process]`, `[log]` and `[fleet]` as of the start of the process. Only settings that need a restart are
/// read from here; the others are in force as the running plan has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InForce {
    /// `[process]` of the plan that the process started with.
    pub process: Process,
    /// `[log]` of that plan.
    pub log: Log,
    /// `[fleet]` of that plan, if it had one.
    pub fleet: Option<Fleet>,
}

impl InForce {
    /// The settings in force in a process started with `plan`.
    pub fn of(plan: &Plan) -> Self {
        let Plan { process, log, fleet, .. } = plan;
        Self { process: process.clone(), log: log.clone(), fleet: fleet.clone() }
    }

    /// Settings whose configured value waits for a restart.
    pub fn waiting(&self, configured: &Plan) -> Vec<Change> {
        let process = changes(&self.process, &configured.process);
        let log = changes(&self.log, &configured.log);
        let fleet = fleet_changes(self.fleet.as_ref(), configured.fleet.as_ref());
        let all = process.into_iter().chain(log).chain(fleet);
        all.filter(|change| change.effect == Effect::Restart).collect()
    }

    /// Difference made by a new plan: settings that need a restart are compared with the values in
    /// force, all others with the running plan.
    pub fn diff(&self, running: &Plan, new: &Plan) -> PlanDiff {
        let mut diff = PlanDiff::new(running, new);
        for (changes, waiting) in [
            (&mut diff.process, changes(&self.process, &new.process)),
            (&mut diff.log, changes(&self.log, &new.log)),
            (&mut diff.fleet, fleet_changes(self.fleet.as_ref(), new.fleet.as_ref())),
        ] {
            changes.retain(|change| change.effect != Effect::Restart);
            changes.extend(waiting.into_iter().filter(|it| it.effect == Effect::Restart));
        }
        diff
    }

    /// The fleet that this process belongs to under `running`: its name and directory are those of the start.
    pub fn fleet(&self, running: &Plan) -> Option<Fleet> {
        let own = self.fleet.as_ref()?;
        let store = running.fleet.as_ref().map_or(&own.store, |fleet| &fleet.store);
        Some(Fleet { store: store.clone(), name: own.name.clone(), keep: own.keep.clone() })
    }

    /// The settings that need a restart, as TOML for the next process image. Defaults are left out,
    /// so that an older version without a setting can read the rest.
    pub fn to_text(&self) -> String {
        // All keys of `[fleet]`: without its store, the table is none.
        let fleet =
            self.fleet.as_ref().map(|fleet| format!("[fleet]\n{}", FleetTable::lines(fleet)));
        section_text(Section::Process, &self.process)
            + &section_text(Section::Log, &self.log)
            + &fleet.unwrap_or_default()
    }

    /// Parses the output of [`Self::to_text`].
    ///
    /// # Errors
    ///
    /// A setting or value that this version does not know.
    pub fn from_text(text: &str) -> Result<Self, Problems> {
        let (source, mut problems) =
            (Source::new("the settings in force", text), Problems::default());
        let document = toml_format::read(&source, Scope::Local, &mut problems);
        if problems.is_empty() {
            let Document { process, log, fleet, .. } = document;
            Ok(Self { process, log, fleet })
        } else {
            Err(problems)
        }
    }
}

fn section_text<T: Table>(section: Section, table: &T) -> String {
    let settings = T::SETTINGS.iter().filter(|setting| setting.effect == Effect::Restart);
    let lines = settings.filter_map(|setting| {
        let text = table.written(setting)?;
        (Some(&text) != setting.default().as_ref()).then(|| format!("{} = {text}\n", setting.key))
    });
    std::iter::once(format!("{}\n", section.header())).chain(lines).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setting::Setting;
    use crate::settings::settings;
    use crate::testing::plan_of;

    const FORWARD: &str = "[[forward]]\nlisten = ':1'\nto = 'host:9'\n";

    /// A non-default value for each setting that needs a restart, sections in order.
    const SET: [(Section, &[&str]); 3] = [
        (
            Section::Process,
            &[
                "workers = 3",
                "admin = ['unix:/a path', '127.0.0.1:9180']",
                "admin_token_file = '/a path/with \"quotes\"'",
                "admin_mode = '0660'",
                "admin_group = 'ops'",
                "metrics = ':9181'",
                "user = 'nobody'",
                "group = '65534'",
                "sandbox = true",
            ],
        ),
        (
            Section::Log,
            &[
                "format = 'json'",
                "file = '/var/log/it.log'",
                "rotate_size = '10MiB'",
                "rotate_age = '1h30m'",
                "keep = 9",
            ],
        ),
        (
            Section::Fleet,
            &[
                "from = 'etcds://h:1/p'",
                "name = 'edge-1'",
                "keep = '/k'",
                "user = 'u'",
                "password_file = '/p'",
                "ca = '/ca'",
                "certificate = '/c'",
                "key = '/x'",
            ],
        ),
    ];

    fn set() -> Plan {
        let sections =
            SET.map(|(section, lines)| format!("{}\n{}\n", section.header(), lines.join("\n")));
        plan_of(&format!("{}{FORWARD}", sections.concat()))
    }

    #[test]
    fn every_setting_that_needs_a_restart_is_handed_off() {
        let (default, set) = (plan_of(FORWARD), set());
        let in_force = InForce::of(&set);
        let waiting = in_force.waiting(&default);
        // A whole `[fleet]` that is added or removed waits.
        let waits = |it: &&Setting| it.effect == Effect::Restart || it.section == Section::Fleet;
        let all = settings().iter().filter(waits);
        assert_eq!(
            waiting.iter().map(|change| change.key).collect::<Vec<_>>(),
            all.map(|setting| setting.key).collect::<Vec<_>>(),
            "each has another value than its default here"
        );
        let read = InForce::from_text(&in_force.to_text()).unwrap();
        assert_eq!(read, in_force);
        assert!(read.waiting(&set).is_empty());
    }

    #[test]
    fn waiting_changes_are_reported_until_a_restart() {
        let (before, after) = (plan_of(FORWARD), set());
        let in_force = InForce::of(&before);
        let waiting = in_force.waiting(&after).len();
        // `after` is the running plan.
        assert_eq!(in_force.diff(&after, &after).need_restart().count(), waiting);
        assert!(PlanDiff::new(&after, &after).is_empty());
        // A reload that reverts the change.
        assert!(in_force.diff(&after, &before).is_empty());
        assert!(InForce::of(&after).diff(&after, &after).is_empty());
        let other = plan_of(&format!("[log]\nlevel = 'debug'\n{FORWARD}"));
        assert!(
            in_force.diff(&other, &other).is_empty(),
            "settings that a reload applies are in force"
        );
        assert_eq!(in_force.diff(&other, &before).log.len(), 1);
    }

    #[test]
    fn defaults_are_not_written() {
        let text = InForce::default().to_text();
        assert_eq!(text, "[process]\n[log]\n");
        assert_eq!(InForce::from_text(&text).unwrap(), InForce::default());
        assert!(InForce::from_text("[process]\nof_the_future = 1\n").is_err());
    }

    #[test]
    fn a_fleet_keeps_its_name_and_directory_until_a_restart() {
        let fleet = |lines: &str| plan_of(&format!("[fleet]\n{lines}\n"));
        let started = fleet("from = 'etcd://a/p'\nname = 'one'\nkeep = '/one'");
        let in_force = InForce::of(&started);
        assert_eq!(in_force.fleet(&started), started.fleet);
        let new = fleet("from = 'etcd://b/q'\nname = 'two'\nkeep = '/two'");
        let runs = in_force.fleet(&new).unwrap();
        assert_eq!(runs.store, new.fleet.clone().unwrap().store);
        assert_eq!((runs.name.as_deref(), runs.keep), (Some("one"), "/one".into()));
        let waiting: Vec<_> = in_force.waiting(&new).iter().map(|it| it.key).collect();
        assert_eq!(waiting, ["name", "keep"]);
        let diff = in_force.diff(&new, &new);
        assert_eq!(diff.need_restart().map(|it| it.key).collect::<Vec<_>>(), ["name", "keep"]);
        assert_eq!(PlanDiff::new(&started, &new).fleet.len(), 3);
        // A table that a reload adds or removes changes nothing yet.
        let none = plan_of(FORWARD);
        assert_eq!(in_force.fleet(&none), started.fleet);
        assert_eq!(InForce::of(&none).fleet(&started), None);
        assert_eq!(InForce::of(&none).waiting(&started).len(), 3);
    }

    #[test]
    fn settings_that_a_reload_applies_do_not_wait() {
        let plan = plan_of(&format!(
            "[process]\nmax_sessions = 9\nwatch = true\n[log]\nlevel = 'debug'\n{FORWARD}"
        ));
        assert_eq!(InForce::default().waiting(&plan), []);
    }
}
