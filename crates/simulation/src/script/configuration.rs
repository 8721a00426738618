//! The family of configurations of histories.

use super::addresses::FIRST_LISTEN_PORT;
use super::admission::Admission;
use super::clients::Clients;
use super::targets::{self, Selection, Target, To};
use flow::PathChoice;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Ports and paths at which forwards listen.
pub(crate) const ENDPOINTS: u8 = 5;
/// The forwards of one configuration. Their names and ports are distinct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration(pub Vec<Forward>);

/// One forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Its name is `f` and this number.
    pub name: u8,
    /// Where it listens.
    pub listen: Vec<Endpoint>,
    /// Its targets; none only if it has routes.
    pub to: Vec<Target>,
    /// How it chooses among them.
    pub selection: Selection,
    /// Its limits and options.
    pub limits: Limits,
    /// Its limits on clients.
    pub clients: Clients,
    /// Its lists, headers and routes.
    pub admission: Admission,
}

/// Where a forward listens, or a client connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// The kind of address.
    pub kind: AddressKind,
    /// The number of the port or path.
    pub number: u8,
}

/// The kind of a listen address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressKind {
    /// All addresses of the host. A client connects by IPv4.
    Any,
    /// 127.0.0.1.
    V4,
    /// `[::1]`.
    V6,
    /// A Unix socket.
    Unix,
}

/// Limits and options of a forward. A timeout that is `None` is switched off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `max_sessions`.
    pub sessions: u16,
    /// `at_limit` is `wait`.
    pub wait: bool,
    /// `on_refusal` is `fin`.
    pub fin: bool,
    /// `path`.
    pub path: PathChoice,
    /// `connect_timeout`.
    pub connect: Duration,
    /// `idle_timeout`.
    pub idle: Option<Duration>,
    /// `half_close_timeout`.
    pub half: Option<Duration>,
    /// `max_age`.
    pub age: Option<Duration>,
    /// `stall_timeout`.
    pub stall: Option<Duration>,
    /// `idle` and `interval` of `keepalive`, with three probes.
    pub keepalive: Option<Duration>,
    /// `user_timeout`.
    pub user: Option<Duration>,
    /// `up` and `down` of `rate`, in KiB per second.
    pub rates: [Option<u16>; 2],
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 1000,
            wait: false,
            fin: false,
            path: PathChoice::Auto,
            connect: Duration::from_secs(5),
            idle: Some(Duration::from_secs(3600)),
            half: Some(Duration::from_secs(300)),
            age: None,
            stall: None,
            keepalive: None,
            user: None,
            rates: [None; 2],
        }
    }
}

impl Endpoint {
    fn port(self) -> u16 {
        FIRST_LISTEN_PORT + u16::from(self.number)
    }

    /// Where a client connects; `None` for a Unix socket.
    pub(crate) fn address(self) -> Option<SocketAddr> {
        let ip: IpAddr = match self.kind {
            AddressKind::Any | AddressKind::V4 => Ipv4Addr::LOCALHOST.into(),
            AddressKind::V6 => Ipv6Addr::LOCALHOST.into(),
            AddressKind::Unix => return None,
        };
        Some(SocketAddr::new(ip, self.port()))
    }

    pub(crate) fn path(self) -> PathBuf {
        format!("/run/listen-{}", self.number).into()
    }

    /// As a configuration names it.
    pub(crate) fn listen(self) -> String {
        match (self.kind, self.address()) {
            (AddressKind::Any, _) => format!(":{}", self.port()),
            (_, Some(address)) => address.to_string(),
            (_, None) => format!("unix:{}", self.path().display()),
        }
    }
}

impl Configuration {
    /// The configuration file.
    pub(crate) fn toml(&self) -> String {
        self.0.iter().map(Forward::toml).collect()
    }
}

impl Forward {
    fn toml(&self) -> String {
        let Self { name, listen, to, selection, limits, clients, admission } = self;
        let to = match to[..] {
            [] => String::new(),
            _ => format!("to = {}\n", targets::toml(to)),
        };
        let listen: Vec<String> =
            listen.iter().map(|endpoint| format!("'{}'", endpoint.listen())).collect();
        let mut text = format!(
            "[[forward]]\nname = '{}'\nlisten = [{}]\n{to}max_sessions = {}\n\
             at_limit = '{}'\non_refusal = '{}'\npath = '{}'\nconnect_timeout = '{}ms'\n",
            name_of(*name),
            listen.join(", "),
            limits.sessions,
            if limits.wait { "wait" } else { "refuse" },
            if limits.fin { "fin" } else { "reset" },
            path_word(limits.path),
            limits.connect.as_millis(),
        );
        let timeouts = [
            ("idle_timeout", limits.idle),
            ("half_close_timeout", limits.half),
            ("max_age", limits.age),
            ("stall_timeout", limits.stall),
            ("user_timeout", limits.user),
        ];
        for (key, limit) in timeouts {
            let limit = limit.map_or("off".into(), |limit| format!("{}ms", limit.as_millis()));
            let _ = writeln!(text, "{key} = '{limit}'");
        }
        let _ = match limits.keepalive {
            Some(idle) => {
                let seconds = idle.as_secs().max(1);
                writeln!(
                    text,
                    "keepalive = {{ idle = '{seconds}s', interval = '{seconds}s', count = 3 }}"
                )
            }
            None => writeln!(text, "keepalive = 'off'"),
        };
        let [up, down] =
            self.rates().map(|rate| rate.map_or("off".into(), |it| format!("{it}KiB/s")));
        let _ = writeln!(text, "rate = {{ up = '{up}', down = '{down}' }}");
        text + &selection.toml() + &clients.toml() + &admission.toml()
    }

    /// The rates of its limits that it can have: the kernel limits those of TCP only.
    pub(crate) fn rates(&self) -> [Option<u16>; 2] {
        let routes = self.admission.routes.iter().flat_map(|route| &route.to);
        let mut targets = self.to.iter().chain(routes);
        let has_unix_target = targets.any(|target| matches!(target.to, To::Unix(_)));
        let has_unix_listener = self.listen.iter().any(|it| it.kind == AddressKind::Unix);
        let [up, down] = self.limits.rates;
        [up.filter(|_| !has_unix_target), down.filter(|_| !has_unix_listener)]
    }
}

/// The name of a forward.
pub(crate) fn name_of(forward: u8) -> String {
    format!("f{forward}")
}

/// A path as the configuration and scripts name it.
pub(crate) fn path_word(path: PathChoice) -> &'static str {
    match path {
        PathChoice::Auto => "auto",
        PathChoice::Copy => "copy",
        PathChoice::Splice => "splice",
    }
}
