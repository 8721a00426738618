//! All settings, one row each. Parsing, checks, suggestions for misspelled keys, defaults, the
//! effect of a reload and the reference documentation are derived from the rows.
//!
//! A new setting is a row here, a field of the same name in `plan.rs`, and its use.

use std::num::NonZeroU32;
use std::sync::LazyLock;
use std::time::Duration;

use flow::{AtLimit, Balance, Keepalive, NoneUp, OnDown, Passive, PathChoice, SendProxy, Share};

use crate::accept_proxy::AcceptProxy;
use crate::admin::Admin;
use crate::byte_rate::SessionRate;
use crate::fleet_table::FleetTable;
use crate::forward_only::FORWARD_ONLY;
use crate::health_check::{HealthCheck, Method, StatusRange};
use crate::per_client::PerClient;
use crate::plan::{ForwardSettings, Level, Log, LogFormat, OnRefusal, Process};
use crate::prefix_list::PrefixList;
use crate::ranges::{
    BUFFER, CHECK_TIME, CHECK_TIMEOUT, KEEPALIVE_TIME, ROTATE_AGE, ROTATE_SIZE, SESSIONS, SPIN,
    STALL_TIMEOUT, USER_TIMEOUT, WAIT,
};
use crate::setting::Kind::{self, Choice, Count, Or};
use crate::setting::{Content, Role, Section, Setting, TIMEOUT};
use crate::source_address::SourceAddresses;
use crate::table::{Table, inline_table, rows};
use crate::target::TargetOptions;
use crate::words::Word;

rows! { Section::Process, Process {
    /// Threads that move bytes; "auto" is one per CPU this process may use.
    workers = None, Or("auto", &Count { min: 1, max: 1024 }) => Restart;

    /// Sessions of all forwards together; "auto" is what the open-file limit allows.
    max_sessions = None, Or("auto", &SESSIONS) => AtOnce;

    /// A worker that has just had work polls for so long before it sleeps: it answers sooner, and uses CPU meanwhile.
    spin = None, Or("off", &SPIN) => AtOnce;

    /// How long a shutdown waits for living sessions to end.
    shutdown_timeout = seconds(10), WAIT => AtOnce;

    /// How long sessions may go on after their forward or target was removed.
    removed_timeout = None, Or("off", &WAIT) => AtOnce;

    /// Reload when the configuration file, or a file of prefixes, changes.
    watch = false, Kind::Bool => AtOnce;

    /// Where commands reach the process; "auto" is a Unix socket, if a file is read.
    admin = Admin::AUTO, Kind::List(&Kind::Admin) => Restart;

    /// The file that holds the tokens for an admin interface on a port.
    admin_token_file = None, Kind::Path(Role::AdminToken) => Restart;

    /// Permissions of the admin socket's file; by default "0600", and "0660" with `admin_group`.
    admin_mode = None, Kind::Mode => Restart;

    /// Group of the admin socket's file, whose members may operate the process.
    admin_group = None, Kind::Account => Restart;

    /// Where metrics and probes are served without a token.
    metrics = None, Or("off", &Kind::Metrics) => Restart;

    /// The user that the process becomes at its start, if it is started by root.
    user = None, Kind::Account => Restart;

    /// The group that goes with `user`; by default the user's own.
    group = None, Kind::Account => Restart;

    /// Keep the process to the directories that the configuration names (landlock).
    sandbox = false, Kind::Bool => Restart;
} }

rows! { Section::Log, Log {
    /// The least important level that is still written.
    level = Level::Info, Choice(Level::WORDS) => AtOnce;

    /// Records for people, or one JSON object per line.
    format = LogFormat::Text, Choice(LogFormat::WORDS) => Restart;

    /// Write one record per ended session.
    sessions = true, Kind::Bool => AtOnce;

    /// The file that records are appended to; without it, standard error.
    file = None, Kind::Path(Role::Log) => Restart;

    /// The log file is rotated before it is larger than this.
    rotate_size = None, Or("off", &ROTATE_SIZE) => Restart;

    /// The log file is rotated when it is older than this.
    rotate_age = None, Or("off", &ROTATE_AGE) => Restart;

    /// How many rotated log files are kept.
    keep = count(5), Count { min: 1, max: 1000 } => Restart;
} }

rows! { Section::Inside("to"), TargetOptions {
    /// Share of the sessions that this target gets, relative to the other targets.
    weight = NonZeroU32::MIN, Count { min: 1, max: 65_535 } => NewSessions;

    /// Use this target only while all targets without this are down.
    backup = false, Kind::Bool => NewSessions;

    /// Sessions of this target at the same time; without it, only the forward's limit applies.
    max_sessions = None, SESSIONS => NewSessions;

    /// Header of the PROXY protocol that this target gets; without it, as the forward's `send_proxy`.
    send_proxy = None, Choice(SendProxy::WORDS) => NewSessions;

    /// Pass on TLVs in that header; without it, as the forward's `pass_tlvs`.
    pass_tlvs = None, Kind::Bool => NewSessions;
} }

rows! { Section::ForwardDefaults, ForwardSettings {
    /// How long the target may take to accept a connection.
    connect_timeout = seconds(5), TIMEOUT => NewSessions;

    /// A session without a byte in either lane for this long ends.
    idle_timeout = Some(seconds(3600)), Or("off", &TIMEOUT) => LivingSessions;

    /// A session ends when one lane has ended and the other is silent for this long.
    half_close_timeout = Some(seconds(300)), Or("off", &TIMEOUT) => LivingSessions;

    /// A session older than this ends, busy or not.
    max_age = None, Or("off", &TIMEOUT) => LivingSessions;

    /// A session ends when bytes wait for a peer that takes none for this long.
    stall_timeout = None, Or("off", &STALL_TIMEOUT) => LivingSessions;

    /// Sessions of this forward at the same time.
    max_sessions = count(1000), SESSIONS => LivingSessions;

    /// One session too many is reset at once, or waits in the kernel's queue.
    at_limit = AtLimit::Refuse, Choice(AtLimit::WORDS) => LivingSessions;

    /// What a client sees whose target cannot be connected: an RST, or an orderly end.
    on_refusal = OnRefusal::Reset, Choice(OnRefusal::WORDS) => LivingSessions;

    /// TCP keepalive on both sockets.
    keepalive = Some(Keepalive::defaults()), Or("off", &Kind::Table(Keepalive::SETTINGS)) => NewSessions;

    /// How long sent bytes may stay unacknowledged, or a living peer may keep its window closed
    /// (TCP_USER_TIMEOUT).
    user_timeout = None, Or("off", &USER_TIMEOUT) => NewSessions;

    /// How a lane moves bytes; "auto" copies small messages and splices bulk.
    path = PathChoice::Auto, Choice(PathChoice::WORDS) => NewSessions;

    /// How sessions are spread over several targets.
    balance = Balance::Least, Choice(Balance::WORDS) => NewSessions;

    /// When failed connects of clients take one of several targets out of use.
    passive = Some(Passive::defaults()), Or("off", &Kind::Table(Passive::SETTINGS)) => NewSessions;

    /// What happens to a client while no target is up: `try` tries them all anyway, `refuse` resets it; "auto"
    /// tries, unless a check reads an answer.
    none_up = None, Or("auto", &Choice(NoneUp::WORDS)) => NewSessions;

    /// Checks each target all the time; one that fails takes no new sessions.
    check = None, Or("off", &Kind::KeyOrTable(&["connect", "tls"], HealthCheck::SETTINGS)) => AtOnce;

    /// Sessions of a target that a check takes down go on, or are reset; "auto" keeps them, unless the check
    /// reads an answer.
    on_down = None, Or("auto", &Choice(OnDown::WORDS)) => LivingSessions;

    /// How long a target that is new or up again takes to reach its full share of new sessions.
    slow_start = None, Or("off", &TIMEOUT) => NewSessions;

    /// Peers whose clients come with a header of the PROXY protocol; all other clients are refused.
    accept_proxy = None, Or("off", &Kind::Table(AcceptProxy::SETTINGS)) => NewSessions;

    /// How long a client of a forward with `route` may take to send its TLS ClientHello.
    hello_timeout = seconds(5), TIMEOUT => NewSessions;

    /// Header of the PROXY protocol that targets get ahead of the client's bytes, with the client's address.
    send_proxy = SendProxy::Off, Choice(SendProxy::WORDS) => NewSessions;

    /// Pass on the TLVs of the header that `accept_proxy` has read, in that of `send_proxy = "v2"`.
    pass_tlvs = false, Kind::Bool => NewSessions;

    /// Addresses of this host that connections to targets come from, at random; if empty, the kernel chooses.
    local_address = SourceAddresses::default(), Kind::List(&Kind::Source) => NewSessions;

    /// Connections to targets come from the address of the client (IP_TRANSPARENT).
    transparent = false, Kind::Bool => NewSessions;

    /// The interface that connections to targets leave by; "auto" is that of the route.
    interface = None, Or("auto", &Kind::Text(Content::Name)) => NewSessions;

    /// Mark of the packets to targets, for firewalls and routing rules (SO_MARK).
    mark = None, Or("off", &Count { min: 1, max: u32::MAX }) => NewSessions;

    /// Class of the packets to targets (DiffServ), as a number.
    dscp = None, Or("off", &Count { min: 0, max: 63 }) => NewSessions;

    /// Congestion control of connections to targets, by its name; "auto" is the kernel's default.
    congestion = None, Or("auto", &Kind::Text(Content::Name)) => NewSessions;

    /// Send buffer of both sockets (SO_SNDBUF); "auto" grows as the kernel decides.
    send_buffer = None, Or("auto", &BUFFER) => NewSessions;

    /// Receive buffer of both sockets (SO_RCVBUF); "auto" grows as the kernel decides.
    receive_buffer = None, Or("auto", &BUFFER) => NewSessions;

    /// Bytes that may wait in a send buffer for their first transmission (TCP_NOTSENT_LOWAT).
    unsent = None, Or("auto", &BUFFER) => NewSessions;

    /// Most bytes per second of each session, sent evenly by the kernel (SO_MAX_PACING_RATE).
    rate = None, Or("off", &Kind::Table(SessionRate::SETTINGS)) => LivingSessions;

    /// MPTCP on both sockets; a client or target that does not speak it gets TCP.
    mptcp = false, Kind::Bool => AtOnce;

    /// Listen also on addresses that no interface has yet (IP_FREEBIND).
    freebind = false, Kind::Bool => AtOnce;

    /// Mode of the files of Unix listeners: clients need write permission; "auto" is 0777 less the umask.
    mode = None, Or("auto", &Kind::Mode) => AtOnce;

    /// User that owns the files of Unix listeners; "auto" is that of the process.
    owner = None, Or("auto", &Kind::Account) => AtOnce;

    /// Group that owns the files of Unix listeners; "auto" is that of the process.
    group = None, Or("auto", &Kind::Account) => AtOnce;

    /// Clients that are served, with `"file:/path"` for a file of prefixes; if empty, all that `deny` does not name.
    allow = PrefixList::default(), Kind::List(&Kind::Prefix) => NewSessions;

    /// Clients that are refused. The longest prefix of both lists decides; a tie refuses.
    deny = PrefixList::default(), Kind::List(&Kind::Prefix) => NewSessions;

    /// A client may take one more place only while it holds fewer than `share` times the free ones; forwards
    /// likewise those of the process.
    share = Some(Share::of_thousandths(9000)), Or("off", &Kind::Share) => LivingSessions;

    /// Limits on one client, and how clients are distinguished.
    per_client = None, Or("off", &Kind::Table(PerClient::SETTINGS)) => LivingSessions;
} }

rows! { Section::Inside("keepalive"), Keepalive {
    /// Silence before the first probe.
    idle = seconds(60), KEEPALIVE_TIME => NewSessions;

    /// Time between two probes.
    interval = seconds(10), KEEPALIVE_TIME => NewSessions;

    /// Unanswered probes that end the connection.
    count = 6, Count { min: 1, max: 127 } => NewSessions;
} }
inline_table! { Keepalive }

rows! { Section::Inside("passive"), Passive {
    /// Failed connects in a row that take the target out of use.
    failures = 3, Count { min: 1, max: 1000 } => NewSessions;

    /// How long it is out of use at first; doubled each time that it fails again.
    down = seconds(5), TIMEOUT => NewSessions;

    /// The longest time that it is out of use.
    down_max = seconds(60), TIMEOUT => NewSessions;
} }
inline_table! { Passive }

rows! { Section::Inside("check"), HealthCheck {
    /// The target must accept a connection.
    connect = false, Kind::Bool => AtOnce;

    /// The target must answer a TLS ClientHello; its certificate is not verified.
    tls = false, Kind::Bool => AtOnce;

    /// The target must answer an HTTP/1.1 request for this path.
    http = None, Kind::Text(Content::HttpPath) => AtOnce;

    /// Method of the HTTP request.
    method = Method::Get, Choice(Method::WORDS) => AtOnce;

    /// `Host` of the HTTP request, or the server name of the ClientHello; by default that of the target.
    host = None, Kind::Text(Content::Host) => AtOnce;

    /// Statuses of an HTTP answer that are a success.
    status = StatusRange { first: 200, last: 399 }, Kind::Statuses => AtOnce;

    /// Text to send after the connect.
    send = None, Kind::Text(Content::Bytes) => AtOnce;

    /// Text that the first 16 KiB of the answer must contain.
    expect = None, Kind::Text(Content::Bytes) => AtOnce;

    /// Port to check instead of the target's.
    port = None, Count { min: 1, max: 65_535 } => AtOnce;

    /// Time between two checks of a target, give or take a tenth.
    every = seconds(2), CHECK_TIME => AtOnce;

    /// How long one check may take.
    timeout = seconds(1), CHECK_TIMEOUT => AtOnce;

    /// Failed checks in a row that take a target down.
    fall = 3, Count { min: 1, max: 100 } => AtOnce;

    /// Successful checks in a row that bring it back.
    rise = 2, Count { min: 1, max: 100 } => AtOnce;
} }

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn count(count: u32) -> NonZeroU32 {
    match NonZeroU32::new(count) {
        Some(count) => count,
        None => NonZeroU32::MIN,
    }
}

impl Default for Process {
    fn default() -> Self {
        Self::defaults()
    }
}

impl Default for Log {
    fn default() -> Self {
        Self::defaults()
    }
}

impl Default for TargetOptions {
    fn default() -> Self {
        Self::defaults()
    }
}

impl Default for ForwardSettings {
    fn default() -> Self {
        Self::defaults()
    }
}

/// Every setting, in the order of the documentation. Keys of an inline table follow it.
pub fn settings() -> &'static [Setting] {
    static ALL: LazyLock<Vec<Setting>> = LazyLock::new(|| {
        let mut all = Vec::new();
        // `[fleet]` is last: of keys in several tables, the hint for a misplaced one names the first.
        for table in [
            Process::SETTINGS,
            Log::SETTINGS,
            FORWARD_ONLY,
            ForwardSettings::SETTINGS,
            FleetTable::SETTINGS,
        ] {
            add_with_inner(table, &mut all);
        }
        all
    });
    &ALL
}

fn add_with_inner(table: &[Setting], all: &mut Vec<Setting>) {
    for setting in table {
        all.push(*setting);
        for inner in setting.kind.inner() {
            // The targets of routes have the settings of those in `to`.
            let is_known = |first: &Setting| {
                all.iter().any(|it| (it.section, it.key) == (first.section, first.key))
            };
            if !inner.first().is_some_and(is_known) {
                add_with_inner(inner, all);
            }
        }
    }
}

/// The setting with this key, in any of the tables.
pub(crate) fn find(tables: &[&'static [Setting]], key: &str) -> Option<&'static Setting> {
    tables.iter().copied().flatten().find(|setting| setting.key == key)
}

#[cfg(test)]
mod tests;
