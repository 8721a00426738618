//! What a setting is: from the one table of them come the checks of a value, the suggestions for a
//! mistyped key, what a reload can change, and the reference documentation.

use std::time::Duration;

use crate::settings_table::SETTINGS;

/// Where a setting may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Section {
    /// `[process]`
    Process,
    /// `[log]`
    Log,
    /// `[[forward]]` only.
    Forward,
    /// `[defaults]` and `[[forward]]`.
    ForwardDefaults,
    /// Inside `keepalive = { ... }`.
    Keepalive,
}

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A duration such as `"30s"`.
    Duration {
        /// Whether `"off"` is allowed.
        off: bool,
        /// The shortest one.
        min: Duration,
        /// The longest one.
        max: Duration,
        /// It must be a multiple of this: the kernel or our clock knows nothing finer.
        step: Duration,
    },
    /// A whole number.
    Count {
        /// Whether `"auto"` is allowed.
        auto: bool,
        /// The smallest one.
        min: u32,
        /// The largest one.
        max: u32,
    },
    /// An amount of bytes such as `"10MiB"`.
    Size {
        /// Whether `"off"` is allowed.
        off: bool,
        /// The smallest one, in bytes.
        min: u64,
        /// The largest one, in bytes.
        max: u64,
    },
    /// `true` or `false`.
    Bool,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A forward's name.
    Name,
    /// One listen address, or a list of them.
    Listen,
    /// A target address.
    Target,
    /// `{ idle, interval, count }` or `"off"`.
    Keepalive,
    /// The path of a file.
    Path,
    /// The name of a user or a group, or its number.
    Account,
    /// `"auto"`, `"off"`, a Unix socket, or a loopback address with a port.
    Admin,
}

/// What a changed value holds for when a running process reloads its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// For the process, at once.
    AtOnce,
    /// For living sessions as for new ones.
    LivingSessions,
    /// For sessions that begin after the reload.
    NewSessions,
    /// For nothing: it tells which forward this is, so another value is another forward.
    Identity,
    /// For nothing until the process is started again.
    Restart,
}

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Where it may stand.
    pub section: Section,
    /// Its key.
    pub key: &'static str,
    /// Its default as it is written in TOML; `None` if it must be given or is derived.
    pub default: Option<&'static str>,
    /// What its value may be.
    pub kind: Kind,
    /// What a reload can do with another value.
    pub effect: Effect,
    /// What it does, in one sentence.
    pub doc: &'static str,
}

impl Effect {
    /// What a change holds for, as the documentation says it.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::AtOnce => "at once",
            Self::LivingSessions => "living sessions too",
            Self::NewSessions => "new sessions",
            Self::Identity => "another forward",
            Self::Restart => "restart",
        }
    }
}

impl Section {
    /// The table as it is written in the file.
    pub fn header(self) -> &'static str {
        match self {
            Self::Process => "[process]",
            Self::Log => "[log]",
            Self::Forward => "[[forward]]",
            Self::ForwardDefaults => "[defaults]",
            Self::Keepalive => "keepalive",
        }
    }
}

/// Every setting, in the order of the documentation.
pub fn settings() -> &'static [Setting] {
    &SETTINGS
}

/// The setting with this key in one of the sections.
pub(crate) fn find(sections: &[Section], key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key && sections.contains(&setting.section))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::plan_of;
    use crate::{
        AtLimit, ForwardSettings, Level, Log, LogFormat, OnRefusal, PathChoice, Plan, Process, Word,
    };
    use std::collections::HashSet;

    /// A file that sets one key of a section, or of the keepalive table.
    fn file(section: Section, key: &str, value: &str) -> String {
        let forward = "[[forward]]\nlisten = ':1'\nto = 'h:1'\n";
        match section {
            Section::Forward => unreachable!("a forward's own keys have no default"),
            Section::Keepalive => format!("{forward}keepalive = {{ {key} = {value} }}\n"),
            _ => format!("{}\n{key} = {value}\n{forward}", section.header()),
        }
    }

    fn parts(plan: &Plan) -> (Process, Log, ForwardSettings) {
        (plan.process.clone(), plan.log.clone(), plan.forwards[0].settings)
    }

    fn with_default() -> Vec<(&'static Setting, &'static str)> {
        let with_default =
            settings().iter().filter_map(|setting| Some((setting, setting.default?)));
        with_default.collect()
    }

    #[test]
    fn the_written_defaults_are_the_typed_ones() {
        let typed = (Process::default(), Log::default(), ForwardSettings::default());
        assert_eq!(with_default().len(), 26);
        for (setting, default) in with_default() {
            let plan = plan_of(&file(setting.section, setting.key, default));
            assert_eq!(parts(&plan), typed, "{}", setting.key);
        }
    }

    #[test]
    fn every_setting_reaches_the_plan() {
        let typed = (Process::default(), Log::default(), ForwardSettings::default());
        for setting in settings().iter().filter(|setting| setting.section != Section::Forward) {
            let other = match setting.kind {
                Kind::Duration { .. } => "'7m'",
                Kind::Count { .. } => "7",
                Kind::Size { .. } => "'7MiB'",
                Kind::Bool if setting.default == Some("true") => "false",
                Kind::Bool => "true",
                Kind::Choice(words) => &format!("'{}'", words.last().unwrap()),
                // Means nothing without a port, and that nothing without it.
                Kind::Path if setting.key == "admin_token_file" => "'x'\nadmin = '127.0.0.1:9'",
                Kind::Path => "'x'",
                Kind::Account if setting.key == "group" => "'x'\nuser = 'y'",
                _ => "'off'",
            };
            let plan = plan_of(&file(setting.section, setting.key, other));
            assert_ne!(parts(&plan), typed, "{}", setting.key);
        }
    }

    #[test]
    fn the_words_of_the_table_are_those_of_the_types() {
        fn words<W: Word>() -> Vec<&'static str> {
            W::ALL.iter().map(|word| word.as_str()).collect()
        }
        let typed = [
            ("level", words::<Level>()),
            ("format", words::<LogFormat>()),
            ("at_limit", words::<AtLimit>()),
            ("on_refusal", words::<OnRefusal>()),
            ("path", words::<PathChoice>()),
        ];
        let choices = settings().iter().filter_map(|setting| match setting.kind {
            Kind::Choice(words) => Some((setting.key, words.to_vec())),
            _ => None,
        });
        assert_eq!(choices.collect::<Vec<_>>(), typed);
    }

    #[test]
    fn keys_are_unique_where_they_may_meet() {
        let mut seen = HashSet::new();
        for setting in settings() {
            let section = match setting.section {
                Section::ForwardDefaults => Section::Forward,
                section => section,
            };
            assert!(seen.insert((section, setting.key)), "{}", setting.key);
            assert!(setting.doc.ends_with('.'), "{}", setting.doc);
        }
    }
}
