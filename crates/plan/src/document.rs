//! The contents of a configuration, before its parts are checked against each other.

use std::collections::HashSet;

use crate::draft::Draft;
use crate::fleet::Fleet;
use crate::paths::RolePath;
use crate::plan::{ForwardSettings, Log, Process};
use crate::setting::Role;

/// Contents of a configuration file, or of a published text.
#[derive(Default)]
pub(crate) struct Document<'a> {
    pub(crate) process: Process,
    pub(crate) log: Log,
    pub(crate) fleet: Option<Fleet>,
    /// Whether there is a `[fleet]`, valid or not.
    pub(crate) has_fleet: bool,
    /// Settings of one-line forwards beside the file: those of `[defaults]`.
    pub(crate) one_line_defaults: OneLineDefaults,
    pub(crate) drafts: Vec<Draft<'a>>,
    /// Paths in the tables; those of listeners are in the drafts.
    pub(crate) paths: Vec<RolePath<'a>>,
}

impl<'a> Document<'a> {
    /// Adds the paths of another document; each file of prefixes once.
    pub(crate) fn add_paths(&mut self, others: Vec<RolePath<'a>>) {
        let prefixes = self.paths.iter().filter(|path| path.role == Role::Prefixes);
        let known: HashSet<_> = prefixes.map(|path| path.path.clone()).collect();
        let is_known =
            |path: &RolePath<'_>| path.role == Role::Prefixes && known.contains(&path.path);
        self.paths.extend(others.into_iter().filter(|path| !is_known(path)));
    }
}

/// Settings of one-line forwards.
pub(crate) struct OneLineDefaults(pub(crate) ForwardSettings);

impl Default for OneLineDefaults {
    fn default() -> Self {
        Self(ForwardSettings::one_line_defaults())
    }
}
