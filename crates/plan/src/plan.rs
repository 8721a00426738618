//! The plan: the configuration after all checks.
//!
//! Defaults are filled in, so readers need no fallback. Only the two `auto` values remain open,
//! which depend on the host.
//!
//! Each field of [`Process`], [`Log`] and [`ForwardSettings`] is a setting with a row in
//! `settings.rs`, which has its default.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use flow::{
    AccessList, AtLimit, Balance, Buffers, Keepalive, NoneUp, OnDown, Outbound, Pacing, Passive,
    PathChoice, SendProxy, Share, SocketRights,
};

use crate::accept_proxy::AcceptProxy;
use crate::address::ListenAddress;
use crate::admin::{Admin, MetricsAddress};
use crate::byte_rate::SessionRate;
use crate::counted::counted;
use crate::file_mode::FileMode;
use crate::fleet::Fleet;
use crate::health_check::HealthCheck;
use crate::hello_route::HelloRoute;
use crate::per_client::PerClient;
use crate::prefix_list::PrefixList;
use crate::problem::Location;
use crate::published::Published;
use crate::source_address::SourceAddresses;
use crate::target::TargetEntry;

/// The addresses of names in `listen`, without a port. Names are as written.
pub type ListenNames = BTreeMap<String, Vec<SocketAddr>>;

/// The checked, immutable configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Settings of the process as a whole.
    pub process: Process,
    /// Settings of the log.
    pub log: Log,
    /// The fleet whose published forwards this process has.
    pub fleet: Option<Fleet>,
    /// Forwards of this machine in the order of the configuration, then the published ones; only with a fleet, or a
    /// published text, there may be none. Shared with the engine.
    pub forwards: Vec<Arc<Forward>>,
    /// The configuration file, as named; `None` if there are only one-line forwards.
    pub config: Option<PathBuf>,
    /// Contents of the file when it was read. The file may have changed since.
    pub text: Option<Arc<str>>,
    /// The published text among them.
    pub published: Option<Published>,
    /// The addresses of the names in `listen`, as the listeners have them: see [`Plan::resolve_listeners`].
    pub listen_names: ListenNames,
}

impl Plan {
    /// Whether this forward is of the published text, and not of the machine's own file.
    pub fn is_published(&self, forward: &Forward) -> bool {
        self.published.as_ref().is_some_and(|it| it.source() == forward.location.source)
    }
}

/// Settings of the process as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Worker threads; `None` is "auto": one per CPU that this process may use.
    pub workers: Option<NonZeroU32>,
    /// Sessions of all forwards together; `None` is "auto": as many as the open-file limit allows.
    pub max_sessions: Option<NonZeroU32>,
    /// Time for which a worker that has just had work polls before it sleeps; `None` is "off".
    pub spin: Option<Duration>,
    /// Time that a shutdown waits for open sessions.
    pub shutdown_timeout: Duration,
    /// Time that sessions may go on after a reload removed their forward; `None` is unlimited.
    pub removed_timeout: Option<Duration>,
    /// Whether a change of the configuration file triggers a reload.
    pub watch: bool,
    /// Listeners of the admin interface.
    pub admin: Admin,
    /// File with the admin tokens; set exactly if the admin interface is on a port.
    pub admin_token_file: Option<PathBuf>,
    /// Permissions of the admin socket's file; `None` is `0600`, or `0660` with a group.
    pub admin_mode: Option<FileMode>,
    /// Group of the admin socket's file, by name or number.
    pub admin_group: Option<String>,
    /// Address of the metrics and probes that need no token; `None` is "off".
    pub metrics: Option<MetricsAddress>,
    /// User that the process switches to at the start, by name or number; `None` keeps the current
    /// one.
    pub user: Option<String>,
    /// Group to switch to, by name or number; `None` is the user's primary group. Never set without
    /// `user`.
    pub group: Option<String>,
    /// Whether file access is restricted to the directories of the configuration (landlock).
    pub sandbox: bool,
}

/// Settings of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Least severe level to write.
    pub level: Level,
    /// Text or JSON.
    pub format: LogFormat,
    /// Whether each closed session is logged.
    pub sessions: bool,
    /// Log file, opened for appending; `None` is standard error.
    pub file: Option<PathBuf>,
    /// Size in bytes that triggers a rotation.
    pub rotate_size: Option<u64>,
    /// Age that triggers a rotation.
    pub rotate_age: Option<Duration>,
    /// Number of rotated files to keep.
    pub keep: NonZeroU32,
}

/// Severity of a log record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// A defect of this program or its environment that breaks a promise.
    Error,
    /// A condition that the operator should act on; service continues.
    Warn,
    /// Normal operation: start, reload, session records.
    Info,
    /// Details for finding a fault.
    Debug,
    /// Every internal step.
    Trace,
}

/// Format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogFormat {
    /// One readable line per record.
    Text,
    /// One JSON object per line.
    Json,
}

/// One forwarding rule: listeners, targets and limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Unique within the plan; by default the first listen address.
    pub name: String,
    /// One per listener, never empty: a port range is expanded to one route per port.
    pub routes: Vec<Route>,
    /// Limits and options of its sessions.
    pub settings: ForwardSettings,
    /// Its `route`, in the order of the configuration. Its listeners have no ranges of ports if there is one.
    pub hello_routes: Arc<[HelloRoute]>,
    /// `allow` and `deny` of the settings, resolved; `None` if both are empty. Shared by forwards with the same
    /// lists.
    pub access: Option<Arc<AccessList>>,
    /// `mode`, `owner` and `group` of the settings, with the numbers of the accounts once those are looked up.
    pub socket_rights: SocketRights,
    /// Whether the process starts without this forward, with a warning, if its listener cannot be
    /// bound. True for forwards of the line format.
    pub optional: bool,
    /// Location in the configuration.
    pub location: Location,
}

/// One listener with the targets of its sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Address that clients connect to.
    pub listen: ListenAddress,
    /// Targets in the order of the configuration; empty only if the forward has `route` and no `to`. Shared by
    /// the listeners of a forward without ranges.
    pub targets: Arc<[TargetEntry]>,
}

impl Forward {
    /// Whether one of its listeners is a Unix socket that this process binds.
    pub fn has_unix_listener(&self) -> bool {
        self.routes.iter().any(|route| matches!(route.listen, ListenAddress::Unix(_)))
    }

    /// The targets of its listeners, and those of its routes.
    pub fn target_lists(&self) -> impl Iterator<Item = &Arc<[TargetEntry]>> {
        let listeners = self.routes.iter().map(|route| &route.targets);
        listeners.chain(self.hello_routes.iter().map(|route| &route.targets))
    }

    /// Whether a target gets the TLVs of its clients' headers.
    pub fn passes_tlvs(&self) -> bool {
        let mut targets = self.target_lists().flat_map(|list| list.iter());
        let passes = self.settings.pass_tlvs;
        self.settings.accept_proxy.is_some()
            && targets.any(|target| target.options.pass_tlvs.unwrap_or(passes))
    }

    /// The addresses of the first `most` targets of one of its listeners in one line, and the number of further
    /// ones and of routes.
    pub fn target_addresses(&self, route: &Route, most: usize) -> String {
        let targets = route.target_addresses(most);
        match self.hello_routes.len() {
            0 => targets,
            routes if targets.is_empty() => counted(routes, "route"),
            routes => format!("{targets} and {}", counted(routes, "route")),
        }
    }
}

impl Route {
    /// The addresses of the first `most` targets in one line, and the number of further ones.
    pub fn target_addresses(&self, most: usize) -> String {
        let shown = self.targets.iter().take(most).map(|target| target.address.to_string());
        let shown = shown.collect::<Vec<_>>().join(", ");
        match self.targets.len().saturating_sub(most) {
            0 => shown,
            more => format!("{shown} and {more} more"),
        }
    }
}

/// Limits and options of one forward's sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardSettings {
    /// Time limit for connecting to the target.
    pub connect_timeout: Duration,
    /// A session ends after this long without a byte in either lane.
    pub idle_timeout: Option<Duration>,
    /// After one lane has ended, the session ends when the other is silent for this long.
    pub half_close_timeout: Option<Duration>,
    /// A session ends at this age, even if it is busy.
    pub max_age: Option<Duration>,
    /// A session ends when bytes wait for a peer that has taken none for this long.
    pub stall_timeout: Option<Duration>,
    /// Maximum number of concurrent sessions.
    pub max_sessions: NonZeroU32,
    /// Treatment of clients beyond `max_sessions`.
    pub at_limit: AtLimit,
    /// How the client is disconnected if the target cannot be reached.
    pub on_refusal: OnRefusal,
    /// TCP keepalive on both sockets.
    pub keepalive: Option<Keepalive>,
    /// Time that sent bytes may stay unacknowledged (`TCP_USER_TIMEOUT`, tcp(7)).
    pub user_timeout: Option<Duration>,
    /// How lanes move bytes: copy, splice or automatic.
    pub path: PathChoice,
    /// How sessions are spread over several targets.
    pub balance: Balance,
    /// When failed connects of clients take one of several targets out of use.
    pub passive: Option<Passive>,
    /// Response to a client while no target is up; `None` is "auto": see [`Self::when_none_up`].
    pub none_up: Option<NoneUp>,
    /// Active check of its targets.
    pub check: Option<HealthCheck>,
    /// Treatment of the open sessions of a target that a check takes down; `None` is "auto": see
    /// [`Self::when_down`].
    pub on_down: Option<OnDown>,
    /// Time in which a target that is new or up again reaches its full share of new sessions.
    pub slow_start: Option<Duration>,
    /// PROXY header that clients must send; `None` if they send none.
    pub accept_proxy: Option<AcceptProxy>,
    /// How long a client may take to send its TLS ClientHello, where [`Forward::hello_routes`] need it.
    pub hello_timeout: Duration,
    /// PROXY header that targets get ahead of the client's bytes.
    pub send_proxy: SendProxy,
    /// Whether those headers have the TLVs of the client's.
    pub pass_tlvs: bool,
    /// Addresses that connections to targets come from; empty if the kernel chooses.
    pub local_address: SourceAddresses,
    /// Whether they come from the address of the client.
    pub transparent: bool,
    /// Interface that they leave by.
    pub interface: Option<String>,
    /// `SO_MARK` of their packets.
    pub mark: Option<u32>,
    /// DiffServ class of their packets, from 0 to 63.
    pub dscp: Option<u32>,
    /// Their congestion control.
    pub congestion: Option<String>,
    /// Send buffer of both sockets, in bytes; `None` is the kernel's choice.
    pub send_buffer: Option<u64>,
    /// Receive buffer of both sockets, in bytes; `None` is the kernel's choice.
    pub receive_buffer: Option<u64>,
    /// Bytes that may wait in the send buffer for their first transmission.
    pub unsent: Option<u64>,
    /// Most bytes per second of one session.
    pub rate: Option<SessionRate>,
    /// Whether both sockets are those of MPTCP, where the peer speaks it.
    pub mptcp: bool,
    /// Whether its listeners may have addresses that no interface has.
    pub freebind: bool,
    /// Mode of the files of its Unix listeners; `None` is as the umask says.
    pub mode: Option<FileMode>,
    /// User that owns them, by name or number; `None` is that of the process.
    pub owner: Option<String>,
    /// Group that owns them, by name or number; `None` is that of a new file.
    pub group: Option<String>,
    /// Clients that are served; empty if all are that `deny` does not name.
    pub allow: PrefixList,
    /// Clients that are refused.
    pub deny: PrefixList,
    /// Fair share of one client in the places of the forward, and of the forward in those of the process.
    pub share: Option<Share>,
    /// Limits on one client.
    pub per_client: Option<PerClient>,
}

impl ForwardSettings {
    /// The settings of a one-line forward, and of a line of the older format: its limits are those of the
    /// older program, which has no shares.
    pub fn one_line_defaults() -> Self {
        Self { share: None, ..Self::default() }
    }

    /// `none_up`, with "auto" decided.
    pub fn when_none_up(&self) -> NoneUp {
        let auto = if self.reads_answers() { NoneUp::Refuse } else { NoneUp::Try };
        self.none_up.unwrap_or(auto)
    }

    /// `on_down`, with "auto" decided.
    pub fn when_down(&self) -> OnDown {
        let auto = if self.reads_answers() { OnDown::Reset } else { OnDown::Keep };
        self.on_down.unwrap_or(auto)
    }

    /// The options of connections to targets.
    pub fn outbound(&self) -> Outbound {
        Outbound {
            sources: self.local_address.each().into_iter().collect(),
            interface: self.interface.clone(),
            mark: self.mark,
            dscp: self.dscp.and_then(|dscp| u8::try_from(dscp).ok()),
            congestion: self.congestion.clone(),
            transparent: self.transparent,
            mptcp: self.mptcp,
        }
    }

    /// The sizes of the buffers of both sockets.
    pub fn buffers(&self) -> Buffers {
        let size = |size: Option<u64>| size.map(|size| u32::try_from(size).unwrap_or(u32::MAX));
        Buffers {
            send: size(self.send_buffer),
            receive: size(self.receive_buffer),
            unsent: size(self.unsent),
        }
    }

    /// The rates at which the kernel sends.
    pub fn pacing(&self) -> Pacing {
        self.rate.map_or(Pacing::NONE, |rate| rate.pacing())
    }

    fn reads_answers(&self) -> bool {
        self.check.as_ref().is_some_and(HealthCheck::reads_answer)
    }
}

/// How a client is disconnected if its target cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnRefusal {
    /// RST, as if the client had connected to the target directly.
    Reset,
    /// FIN, for clients that handle a reset badly.
    Fin,
}
