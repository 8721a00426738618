//! The one table of all settings: from it come the checks of a value, the suggestions for a
//! mistyped key, and the reference documentation.

use std::time::Duration;

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
    /// What it does, in one sentence.
    pub doc: &'static str,
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

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// Ten years: longer than any process lives, and far from overflowing a clock.
const LONGEST: Duration = Duration::from_secs(3650 * 86_400);

const fn timeout(off: bool) -> Kind {
    Kind::Duration { off, min: MILLISECOND, max: LONGEST, step: MILLISECOND }
}

/// `TCP_KEEPIDLE` and `TCP_KEEPINTVL`: whole seconds, `MAX_TCP_KEEPIDLE` in the kernel.
const KEEPALIVE_TIME: Kind =
    Kind::Duration { off: false, min: SECOND, max: Duration::from_secs(32_767), step: SECOND };

/// `TCP_USER_TIMEOUT`: milliseconds in an `int`.
const USER_TIMEOUT: Kind = Kind::Duration {
    off: true,
    min: MILLISECOND,
    max: Duration::from_millis(i32::MAX.unsigned_abs() as u64),
    step: MILLISECOND,
};

const fn setting(
    section: Section,
    key: &'static str,
    default: &'static str,
    kind: Kind,
    doc: &'static str,
) -> Setting {
    Setting { section, key, default: Some(default), kind, doc }
}

const fn required(key: &'static str, kind: Kind, doc: &'static str) -> Setting {
    Setting { section: Section::Forward, key, default: None, kind, doc }
}

static SETTINGS: [Setting; 22] = {
    use Section::{ForwardDefaults, Keepalive, Log, Process};
    [
        setting(
            Process,
            "workers",
            r#""auto""#,
            Kind::Count { auto: true, min: 1, max: 1024 },
            "Threads that move bytes; \"auto\" is one per CPU this process may use.",
        ),
        setting(
            Process,
            "max_sessions",
            r#""auto""#,
            Kind::Count { auto: true, min: 1, max: u32::MAX },
            "Sessions of all forwards together; \"auto\" is what the open-file limit allows.",
        ),
        setting(
            Process,
            "shutdown_timeout",
            r#""10s""#,
            Kind::Duration { off: false, min: Duration::ZERO, max: LONGEST, step: MILLISECOND },
            "How long a shutdown waits for living sessions to end.",
        ),
        setting(
            Log,
            "level",
            r#""info""#,
            Kind::Choice(&["error", "warn", "info", "debug", "trace"]),
            "The least important level that is still written.",
        ),
        setting(
            Log,
            "format",
            r#""text""#,
            Kind::Choice(&["text", "json"]),
            "Records for people, or one JSON object per line.",
        ),
        setting(Log, "sessions", "true", Kind::Bool, "Write one record per ended session."),
        Setting {
            section: Section::Forward,
            key: "name",
            default: None,
            kind: Kind::Name,
            doc: "Unique name of the forward; by default its first listen address.",
        },
        required(
            "listen",
            Kind::Listen,
            "Where to listen: an address, a range of ports, a Unix socket, or a list of these.",
        ),
        required("to", Kind::Target, "The target: a host and port, a range, or a Unix socket."),
        setting(
            ForwardDefaults,
            "connect_timeout",
            r#""5s""#,
            timeout(false),
            "How long the target may take to accept a connection.",
        ),
        setting(
            ForwardDefaults,
            "idle_timeout",
            r#""1h""#,
            timeout(true),
            "A session without a byte in either lane for this long ends.",
        ),
        setting(
            ForwardDefaults,
            "half_close_timeout",
            r#""5m""#,
            timeout(true),
            "A session ends when one lane has ended and the other is silent for this long.",
        ),
        setting(
            ForwardDefaults,
            "max_age",
            r#""off""#,
            timeout(true),
            "A session older than this ends, busy or not.",
        ),
        setting(
            ForwardDefaults,
            "max_sessions",
            "1000",
            Kind::Count { auto: false, min: 1, max: u32::MAX },
            "Sessions of this forward at the same time.",
        ),
        setting(
            ForwardDefaults,
            "at_limit",
            r#""refuse""#,
            Kind::Choice(&["refuse", "wait"]),
            "One session too many is reset at once, or waits in the kernel's queue.",
        ),
        setting(
            ForwardDefaults,
            "on_refusal",
            r#""reset""#,
            Kind::Choice(&["reset", "fin"]),
            "What a client sees whose target cannot be connected: an RST, or an orderly end.",
        ),
        setting(
            ForwardDefaults,
            "keepalive",
            r#"{ idle = "60s", interval = "10s", count = 6 }"#,
            Kind::Keepalive,
            "TCP keepalive on both sockets.",
        ),
        setting(Keepalive, "idle", r#""60s""#, KEEPALIVE_TIME, "Silence before the first probe."),
        setting(Keepalive, "interval", r#""10s""#, KEEPALIVE_TIME, "Time between two probes."),
        setting(
            Keepalive,
            "count",
            "6",
            Kind::Count { auto: false, min: 1, max: 127 },
            "Unanswered probes that end the connection.",
        ),
        setting(
            ForwardDefaults,
            "user_timeout",
            r#""off""#,
            USER_TIMEOUT,
            "How long sent bytes may stay unacknowledged (TCP_USER_TIMEOUT).",
        ),
        setting(
            ForwardDefaults,
            "path",
            r#""auto""#,
            Kind::Choice(&["auto", "copy", "splice"]),
            "How a lane moves bytes; \"auto\" copies small messages and splices bulk.",
        ),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        AtLimit, ForwardSettings, Input, Level, Log, LogFormat, OnRefusal, PathChoice, Plan,
        Process, Word,
    };
    use std::collections::HashSet;
    use std::io::Write as _;

    fn plan_of(text: &str) -> Plan {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let config = Some(file.path().to_owned());
        let reading = crate::read(&Input { config, ..Input::default() });
        reading.plan.unwrap_or_else(|| panic!("{text}\n{}", reading.problems.render(false)))
    }

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
        (plan.process, plan.log, plan.forwards[0].settings)
    }

    fn with_default() -> Vec<(&'static Setting, &'static str)> {
        let with_default =
            settings().iter().filter_map(|setting| Some((setting, setting.default?)));
        with_default.collect()
    }

    #[test]
    fn the_written_defaults_are_the_typed_ones() {
        let typed = (Process::default(), Log::default(), ForwardSettings::default());
        assert_eq!(with_default().len(), 19);
        for (setting, default) in with_default() {
            let plan = plan_of(&file(setting.section, setting.key, default));
            assert_eq!(parts(&plan), typed, "{}", setting.key);
        }
    }

    #[test]
    fn every_setting_reaches_the_plan() {
        let typed = (Process::default(), Log::default(), ForwardSettings::default());
        for (setting, _) in with_default() {
            let other = match setting.kind {
                Kind::Duration { .. } => "'7s'",
                Kind::Count { .. } => "7",
                Kind::Bool => "false",
                Kind::Choice(words) => &format!("'{}'", words.last().unwrap()),
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
