//! Sockets passed by the service manager (`LISTEN_FDS`): those of socket units, and listeners of an
//! earlier process from the file descriptor store.

use super::fd_name::{is_of_listener, name_of};
use engine::PassedSockets;
use plan::{ListenAddress, Plan};
use std::collections::{HashMap, HashSet};
use sys::{ActivatedDescriptor, ActivationError, take_activated};

/// Sockets received by activation, matched against the plan.
#[derive(Default)]
pub struct ActivatedSockets {
    /// Sockets that the engine listens on.
    pub sockets: PassedSockets,
    /// Store names of the listeners in `sockets`.
    pub kept: HashSet<String>,
    /// Store names of listeners that the plan no longer has; their descriptors are closed.
    pub stale: HashSet<String>,
}

/// Takes the sockets passed at the start and matches them against the plan. Logs sockets that no
/// forward listens on.
///
/// # Errors
///
/// If `LISTEN_FDS` or `LISTEN_FDNAMES` are malformed, or a descriptor is not a stream socket.
pub fn take_activated_sockets(plan: &Plan) -> Result<ActivatedSockets, ActivationError> {
    let activated = take_activated()?;
    if activated.is_empty() {
        return Ok(ActivatedSockets::default());
    }
    let listeners = plan.forwards.iter().flat_map(|forward| {
        forward.routes.iter().map(|route| (&route.listen, forward.settings.mptcp))
    });
    let wanted: HashMap<String, (&ListenAddress, bool)> =
        listeners.filter_map(|listener| Some((name_of(listener.0)?, listener))).collect();
    let mut result = ActivatedSockets::default();
    for ActivatedDescriptor { name, descriptor } in activated {
        if !is_of_listener(&name) {
            result.sockets.add(name, descriptor);
            continue;
        }
        let is_kept = if let Some((address, mptcp)) = wanted.get(&name) {
            result.sockets.keep(address, *mptcp, descriptor)
        } else {
            sys::listen::stop(&descriptor);
            false
        };
        let names = if is_kept { &mut result.kept } else { &mut result.stale };
        names.insert(name);
    }
    warn_of_unused(&result.sockets, plan);
    Ok(result)
}

fn warn_of_unused(sockets: &PassedSockets, plan: &Plan) {
    let routes = plan.forwards.iter().flat_map(|forward| &forward.routes);
    let used: HashSet<&str> = routes
        .filter_map(|route| match &route.listen {
            ListenAddress::Activated(name) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    for name in sockets.names().filter(|name| !used.contains(name)) {
        tracing::warn!(name, "no forward uses this activated socket: clients wait in its queue");
    }
}
