//! The sockets that the service manager started this process with: those of its socket units, and
//! those that it kept for us since an earlier process ended.

use super::fd_name::{is_of_listener, name_of};
use engine::GivenSockets;
use plan::{ListenAddress, Plan};
use std::collections::{HashMap, HashSet};
use sys::{ActivatedDescriptor, ActivationError, take_activated};

/// All of them.
#[derive(Default)]
pub struct Handed {
    /// To be listened on.
    pub sockets: GivenSockets,
    /// The names of kept ones among them.
    pub kept: HashSet<String>,
    /// The names of kept ones that nobody wants any more; they are closed already.
    pub stale: HashSet<String>,
}

/// Takes what this process was started with, and sorts it by what the plan wants.
pub fn take_handed(plan: &Plan) -> Result<Handed, ActivationError> {
    let inherited = take_activated()?;
    if inherited.is_empty() {
        return Ok(Handed::default());
    }
    let routes = plan.forwards.iter().flat_map(|forward| &forward.routes);
    let wanted: HashMap<String, &ListenAddress> =
        routes.filter_map(|route| Some((name_of(&route.listen)?, &route.listen))).collect();
    let mut handed = Handed::default();
    for ActivatedDescriptor { name, descriptor } in inherited {
        if !is_of_listener(&name) {
            handed.sockets.add(name, descriptor);
            continue;
        }
        let is_kept = if let Some(address) = wanted.get(&name) {
            handed.sockets.keep(address, descriptor)
        } else {
            sys::listen::stop(&descriptor);
            false
        };
        let names = if is_kept { &mut handed.kept } else { &mut handed.stale };
        names.insert(name);
    }
    warn_of_unused(&handed.sockets, plan);
    Ok(handed)
}

fn warn_of_unused(sockets: &GivenSockets, plan: &Plan) {
    let routes = plan.forwards.iter().flat_map(|forward| &forward.routes);
    let used: HashSet<&str> = routes
        .filter_map(|route| match &route.listen {
            ListenAddress::Activated(name) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    for name in sockets.names().filter(|name| !used.contains(name)) {
        tracing::warn!(
            name,
            "a socket was given that no forward listens on: clients wait in its queue"
        );
    }
}
