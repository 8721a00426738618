//! The one table of all settings.

use std::time::Duration;

use crate::settings::{Effect, Kind, Section, Setting};

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

/// From the size of a few records.
const ROTATE_SIZE: Kind = Kind::Size { off: true, min: 1 << 10, max: 1 << 40 };

const ROTATE_AGE: Kind =
    Kind::Duration { off: true, min: Duration::from_secs(60), max: LONGEST, step: MILLISECOND };

const fn setting(
    section: Section,
    key: &'static str,
    default: &'static str,
    kind: Kind,
    effect: Effect,
    doc: &'static str,
) -> Setting {
    Setting { section, key, default: Some(default), kind, effect, doc }
}

/// A setting that must be given, or that is left out where it is not wanted.
const fn bare(
    section: Section,
    key: &'static str,
    kind: Kind,
    effect: Effect,
    doc: &'static str,
) -> Setting {
    Setting { section, key, default: None, kind, effect, doc }
}

pub(crate) static SETTINGS: [Setting; 33] = {
    use Effect::{AtOnce, Identity, LivingSessions, NewSessions, Restart};
    use Section::{Forward, ForwardDefaults, Keepalive, Log, Process};
    [
        setting(
            Process,
            "workers",
            r#""auto""#,
            Kind::Count { auto: true, min: 1, max: 1024 },
            Restart,
            "Threads that move bytes; \"auto\" is one per CPU this process may use.",
        ),
        setting(
            Process,
            "max_sessions",
            r#""auto""#,
            Kind::Count { auto: true, min: 1, max: u32::MAX },
            AtOnce,
            "Sessions of all forwards together; \"auto\" is what the open-file limit allows.",
        ),
        setting(
            Process,
            "shutdown_timeout",
            r#""10s""#,
            Kind::Duration { off: false, min: Duration::ZERO, max: LONGEST, step: MILLISECOND },
            AtOnce,
            "How long a shutdown waits for living sessions to end.",
        ),
        setting(
            Process,
            "removed_timeout",
            r#""off""#,
            Kind::Duration { off: true, min: Duration::ZERO, max: LONGEST, step: MILLISECOND },
            AtOnce,
            "How long sessions may go on after a reload has removed their forward.",
        ),
        setting(
            Process,
            "watch",
            "false",
            Kind::Bool,
            AtOnce,
            "Reload when the configuration file changes.",
        ),
        setting(
            Process,
            "admin",
            r#""auto""#,
            Kind::Admin,
            Restart,
            "Where commands reach the process; \"auto\" is a Unix socket, if a file is read.",
        ),
        bare(
            Process,
            "admin_token_file",
            Kind::Path,
            Restart,
            "The file that holds the token for an admin interface on a port.",
        ),
        bare(
            Process,
            "user",
            Kind::Account,
            Restart,
            "The user that the process becomes at its start, if it is started by root.",
        ),
        bare(
            Process,
            "group",
            Kind::Account,
            Restart,
            "The group that goes with `user`; by default the user's own.",
        ),
        setting(
            Process,
            "sandbox",
            "false",
            Kind::Bool,
            Restart,
            "Keep the process to the directories that the configuration names (landlock).",
        ),
        setting(
            Log,
            "level",
            r#""info""#,
            Kind::Choice(&["error", "warn", "info", "debug", "trace"]),
            AtOnce,
            "The least important level that is still written.",
        ),
        setting(
            Log,
            "format",
            r#""text""#,
            Kind::Choice(&["text", "json"]),
            Restart,
            "Records for people, or one JSON object per line.",
        ),
        setting(Log, "sessions", "true", Kind::Bool, AtOnce, "Write one record per ended session."),
        bare(
            Log,
            "file",
            Kind::Path,
            Restart,
            "The file that records are appended to; without it, standard error.",
        ),
        setting(
            Log,
            "rotate_size",
            r#""off""#,
            ROTATE_SIZE,
            Restart,
            "The log file is rotated before it is larger than this.",
        ),
        setting(
            Log,
            "rotate_age",
            r#""off""#,
            ROTATE_AGE,
            Restart,
            "The log file is rotated when it is older than this.",
        ),
        setting(
            Log,
            "keep",
            "5",
            Kind::Count { auto: false, min: 1, max: 1000 },
            Restart,
            "How many rotated log files are kept.",
        ),
        bare(
            Forward,
            "name",
            Kind::Name,
            Identity,
            "Unique name of the forward; by default its first listen address.",
        ),
        bare(
            Forward,
            "listen",
            Kind::Listen,
            NewSessions,
            "Where to listen: an address, a range of ports, a Unix socket, `fd:NAME`, or a list of these.",
        ),
        bare(
            Forward,
            "to",
            Kind::Target,
            NewSessions,
            "The target: a host and port, a range, or a Unix socket.",
        ),
        setting(
            ForwardDefaults,
            "connect_timeout",
            r#""5s""#,
            timeout(false),
            NewSessions,
            "How long the target may take to accept a connection.",
        ),
        setting(
            ForwardDefaults,
            "idle_timeout",
            r#""1h""#,
            timeout(true),
            LivingSessions,
            "A session without a byte in either lane for this long ends.",
        ),
        setting(
            ForwardDefaults,
            "half_close_timeout",
            r#""5m""#,
            timeout(true),
            LivingSessions,
            "A session ends when one lane has ended and the other is silent for this long.",
        ),
        setting(
            ForwardDefaults,
            "max_age",
            r#""off""#,
            timeout(true),
            LivingSessions,
            "A session older than this ends, busy or not.",
        ),
        setting(
            ForwardDefaults,
            "max_sessions",
            "1000",
            Kind::Count { auto: false, min: 1, max: u32::MAX },
            LivingSessions,
            "Sessions of this forward at the same time.",
        ),
        setting(
            ForwardDefaults,
            "at_limit",
            r#""refuse""#,
            Kind::Choice(&["refuse", "wait"]),
            LivingSessions,
            "One session too many is reset at once, or waits in the kernel's queue.",
        ),
        setting(
            ForwardDefaults,
            "on_refusal",
            r#""reset""#,
            Kind::Choice(&["reset", "fin"]),
            LivingSessions,
            "What a client sees whose target cannot be connected: an RST, or an orderly end.",
        ),
        setting(
            ForwardDefaults,
            "keepalive",
            r#"{ idle = "60s", interval = "10s", count = 6 }"#,
            Kind::Keepalive,
            NewSessions,
            "TCP keepalive on both sockets.",
        ),
        setting(
            Keepalive,
            "idle",
            r#""60s""#,
            KEEPALIVE_TIME,
            NewSessions,
            "Silence before the first probe.",
        ),
        setting(
            Keepalive,
            "interval",
            r#""10s""#,
            KEEPALIVE_TIME,
            NewSessions,
            "Time between two probes.",
        ),
        setting(
            Keepalive,
            "count",
            "6",
            Kind::Count { auto: false, min: 1, max: 127 },
            NewSessions,
            "Unanswered probes that end the connection.",
        ),
        setting(
            ForwardDefaults,
            "user_timeout",
            r#""off""#,
            USER_TIMEOUT,
            NewSessions,
            "How long sent bytes may stay unacknowledged (TCP_USER_TIMEOUT).",
        ),
        setting(
            ForwardDefaults,
            "path",
            r#""auto""#,
            Kind::Choice(&["auto", "copy", "splice"]),
            NewSessions,
            "How a lane moves bytes; \"auto\" copies small messages and splices bulk.",
        ),
    ]
};
