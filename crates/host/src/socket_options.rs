//! Options of connections that this kernel does not grant to this process.

use flow::{Buffers, Outbound, Pacing};
use plan::{Forward, Location, Plan};
use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::fmt;
use sys::socket::TcpOptions;
use sys::{Errno, NotGranted};

/// An option of a forward that the kernel does not grant.
#[derive(Clone, Debug)]
pub struct RefusedOption {
    /// Name of the forward.
    pub forward: String,
    /// Location of the key, or of the forward, in the configuration.
    pub location: String,
    /// The configured value as TOML.
    pub value: Option<String>,
    /// Whether its sockets are those of MPTCP.
    pub mptcp: bool,
    /// The option, and the error of the kernel.
    pub refused: NotGranted,
}

/// The options of a forward's sockets that the kernel may refuse.
#[derive(PartialEq, Eq, Hash)]
struct SocketOptions {
    outbound: Outbound,
    tcp: TcpOptions,
    pacing: Pacing,
    /// A target may have an IPv6 address.
    has_ipv6: bool,
}

impl SocketOptions {
    fn of(forward: &Forward) -> Self {
        let settings = &forward.settings;
        let mut targets = forward.target_lists().flat_map(|list| list.iter());
        Self {
            outbound: settings.outbound(),
            tcp: TcpOptions {
                keepalive: settings.keepalive,
                user_timeout: settings.user_timeout,
                buffers: settings.buffers(),
            },
            pacing: settings.pacing(),
            has_ipv6: targets.any(|target| target.address.may_have_ipv6()),
        }
    }

    /// Whether every kernel grants them.
    fn are_common(&self) -> bool {
        self.outbound.is_nothing()
            && self.tcp.buffers == Buffers::AUTO
            && self.pacing == Pacing::NONE
    }

    fn refused(&self) -> Option<NotGranted> {
        sys::try_outbound(&self.outbound, &self.tcp, self.pacing, self.has_ipv6).err()
    }
}

/// The options that the kernel does not grant to this process now: the first of each forward.
pub fn refused_options(plan: &Plan) -> Vec<RefusedOption> {
    // Thousands of forwards may have the same options.
    let mut tried: HashMap<SocketOptions, Option<NotGranted>> = HashMap::new();
    let refused = |forward: &std::sync::Arc<Forward>| {
        let options = SocketOptions::of(forward);
        if options.are_common() {
            return None;
        }
        let result = tried.entry(options).or_insert_with_key(SocketOptions::refused);
        let refused = result.clone()?;
        let location = plan::setting_location(plan, forward, refused.key);
        let mut settings = plan::settings_toml(forward);
        let value = settings.find(|(key, _)| *key == refused.key).map(|(_, value)| value);
        Some(RefusedOption {
            forward: forward.name.clone(),
            location: location.as_ref().unwrap_or(&forward.location).to_string(),
            mptcp: forward.settings.mptcp,
            value,
            refused,
        })
    };
    plan.forwards.iter().filter_map(refused).collect()
}

/// Options that need a capability which a process with a `user` gives up: the location of each and the problem.
pub fn options_lost_with_user(plan: &Plan) -> Vec<(Location, String)> {
    if plan.process.user.is_none() {
        return Vec::new();
    }
    let lost = |forward: &std::sync::Arc<Forward>| {
        let settings = &forward.settings;
        let key = match (settings.mark.is_some(), settings.transparent) {
            (true, _) => "mark",
            (_, true) => "transparent",
            _ => return None,
        };
        let location = plan::setting_location(plan, forward, key);
        let message = format!(
            "`{key}` needs CAP_NET_ADMIN, which a process with `user` gives up: leave out `user`, \
             and start the process as that user (User= and AmbientCapabilities= of a systemd unit), \
             for forward `{}`",
            forward.name
        );
        Some((location.unwrap_or_else(|| forward.location.clone()), message))
    };
    plan.forwards.iter().filter_map(lost).collect()
}

/// Those of [`refused_options`] that the running plan does not have already: what has gone since it started must
/// not prevent a reload that has nothing to do with it.
pub fn newly_refused_options(new: &Plan, running: &Plan) -> Vec<RefusedOption> {
    let known: HashSet<_> =
        running.forwards.iter().map(|forward| SocketOptions::of(forward)).collect();
    let mut refused = refused_options(new);
    refused.retain(|it| {
        let forward = new.forwards.iter().find(|forward| forward.name == it.forward);
        forward.is_none_or(|forward| !known.contains(&SocketOptions::of(forward)))
    });
    refused
}

impl RefusedOption {
    /// Whether a later attempt would fail, too: an address or an interface may come.
    pub fn is_lasting(&self) -> bool {
        !matches!(self.refused.errno, Errno::ADDRNOTAVAIL | Errno::NODEV)
    }

    /// The refusal in words. Some errors of the kernel are about something else.
    fn cause(&self) -> String {
        let NotGranted { key, errno } = self.refused;
        match (key, errno) {
            ("congestion", Errno::NOENT) => "this kernel has no algorithm of that name".to_owned(),
            (_, Errno::NOBUFS) => "the kernel gives less than that".to_owned(),
            (_, Errno::OPNOTSUPP | Errno::NOPROTOOPT) if self.mptcp && key != "mptcp" => {
                format!(
                    "MPTCP sockets of this kernel do not have it (leave out `{key}` or `mptcp`)"
                )
            }
            _ => sys::errno_text(errno),
        }
    }

    /// What the operator can do about it, if anything is known.
    fn advice(&self) -> Option<&'static str> {
        let NotGranted { key, errno } = self.refused;
        match (key, errno) {
            ("mptcp", Errno::NOPROTOOPT) => {
                Some("it is turned off: `sysctl net.mptcp.enabled=1` turns it on")
            }
            ("mptcp", Errno::OPNOTSUPP) => Some("forwarding needs that of Linux 5.17"),
            ("mptcp", _) => Some("this kernel was built without CONFIG_MPTCP"),
            (_, Errno::OPNOTSUPP | Errno::NOPROTOOPT) if self.mptcp => None,
            ("local_address", Errno::ADDRNOTAVAIL) => {
                Some("no interface of this host has that address: see `ip addr`")
            }
            ("interface", Errno::PERM) => Some("before Linux 5.7 it needs CAP_NET_RAW"),
            ("interface", Errno::NODEV) => Some("`ip link` lists the interfaces of this host"),
            ("congestion", Errno::NOENT) => Some(
                "net.ipv4.tcp_available_congestion_control lists those that it has, and `modprobe tcp_NAME` adds one",
            ),
            ("congestion", Errno::PERM) => Some(
                "net.ipv4.tcp_allowed_congestion_control lists those for processes without CAP_NET_ADMIN",
            ),
            ("mark", Errno::PERM) => Some(
                "it needs CAP_NET_ADMIN: AmbientCapabilities= and CapabilityBoundingSet= of a systemd unit, without `user`",
            ),
            ("rate", Errno::NOPROTOOPT) => {
                Some("this kernel does not pace sockets (SO_MAX_PACING_RATE)")
            }
            ("transparent", Errno::PERM) => Some(
                "it needs CAP_NET_ADMIN or CAP_NET_RAW: AmbientCapabilities= and CapabilityBoundingSet= of a systemd unit, without `user`",
            ),
            ("send_buffer", Errno::NOBUFS) => Some("raise net.core.wmem_max"),
            ("receive_buffer", Errno::NOBUFS) => Some("raise net.core.rmem_max"),
            _ => None,
        }
    }
}

impl fmt::Display for RefusedOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { forward, location, value, refused, .. } = self;
        let value = value.as_ref().map(|value| format!(" = {value}")).unwrap_or_default();
        write!(f, "cannot set `{}{value}`: {}", refused.key, self.cause())?;
        if let Some(advice) = self.advice() {
            write!(f, " ({advice})")?;
        }
        write!(f, ", for forward `{forward}` ({location})")
    }
}

impl Error for RefusedOption {}
