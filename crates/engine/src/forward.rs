//! A forward as it runs: what its sessions share.

use crate::gate::Gate;
use flow::{AtLimit, PathChoice, Timeouts};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use sys::socket::{Keepalive, TcpOptions};

/// One rule, running. Shared by all workers; nothing in it changes but the gate's count.
pub(crate) struct Forward {
    pub(crate) name: Arc<str>,
    pub(crate) timeouts: Timeouts,
    pub(crate) path: PathChoice,
    pub(crate) at_limit: AtLimit,
    pub(crate) on_refusal: plan::OnRefusal,
    pub(crate) options: TcpOptions,
    pub(crate) gate: Gate,
}

impl Forward {
    pub(crate) fn new(forward: &plan::Forward) -> Self {
        let settings = &forward.settings;
        Self {
            name: forward.name.as_str().into(),
            timeouts: Timeouts {
                connect: settings.connect_timeout,
                idle: settings.idle_timeout,
                half_close: settings.half_close_timeout,
                max_age: settings.max_age,
            },
            path: match settings.path {
                plan::PathChoice::Auto => PathChoice::Auto,
                plan::PathChoice::Copy => PathChoice::Copy,
                plan::PathChoice::Splice => PathChoice::Splice,
            },
            at_limit: match settings.at_limit {
                plan::AtLimit::Refuse => AtLimit::Refuse,
                plan::AtLimit::Wait => AtLimit::Wait,
            },
            on_refusal: settings.on_refusal,
            options: TcpOptions {
                keepalive: settings.keepalive.map(|keepalive| Keepalive {
                    idle: keepalive.idle,
                    interval: keepalive.interval,
                    count: keepalive.count,
                }),
                user_timeout: settings.user_timeout,
            },
            gate: Gate::new(settings.max_sessions.get()),
        }
    }
}

/// Where the sessions of one listener go. Sessions keep it for as long as they live; the listening
/// socket is not part of it, so that a listener can be closed under living sessions.
pub(crate) struct Route {
    pub(crate) forward: Arc<Forward>,
    /// The listen address, as shown.
    pub(crate) listen: Arc<str>,
    pub(crate) target: Target,
    /// The target, as shown.
    pub(crate) target_text: Arc<str>,
}

impl Route {
    pub(crate) fn new(forward: &Arc<Forward>, route: &plan::Route) -> Self {
        Self {
            forward: Arc::clone(forward),
            listen: route.listen.to_string().into(),
            target: match &route.target {
                plan::Target::Ip(address) => Target::Addresses([*address]),
                plan::Target::Name { host, port } => Target::Name(host.as_str().into(), *port),
                plan::Target::Unix(path) => Target::Unix(path.clone()),
            },
            target_text: route.target.to_string().into(),
        }
    }
}

/// Whom to connect to.
pub(crate) enum Target {
    /// Known addresses.
    Addresses([SocketAddr; 1]),
    /// A name and port, to be resolved for each session.
    Name(Arc<str>, u16),
    /// A Unix socket.
    Unix(PathBuf),
}
