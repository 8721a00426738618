//! Names in `listen`.

use discover::look_up_hosts_now;
use plan::{ListenAddress, ListenNames, Plan};
use std::time::Duration;

/// Time limit for all names together, as at a start.
const LIMIT: Duration = Duration::from_secs(5);

/// A forward that cannot listen on the addresses of a name, with the reason.
pub(super) type UnusableName = (String, String);

/// The plan with the addresses of its names, and the forwards whose names cannot be listened on.
pub(super) fn resolved(plan: &Plan) -> (Plan, Vec<UnusableName>) {
    let mut plan = plan.clone();
    let names: Vec<String> = plan.names_to_listen_on().into_iter().collect();
    if names.is_empty() {
        return (plan, Vec::new());
    }
    let (mut found, mut unusable) = (ListenNames::new(), Vec::new());
    for (name, answer) in names.iter().zip(look_up_hosts_now(&names, LIMIT)) {
        match answer {
            Ok(addresses) => _ = found.insert(name.clone(), addresses),
            Err(cause) => unusable.extend(plan.forwards.iter().filter_map(|forward| {
                let is_it = |address: &ListenAddress| {
                    matches!(address, ListenAddress::Name { host, .. } if host == name)
                };
                let route = forward.routes.iter().find(|route| is_it(&route.listen))?;
                Some((forward.name.clone(), format!("{}: {cause}", route.listen)))
            })),
        }
    }
    let conflicts = plan.resolve_listeners(found).into_iter();
    unusable.extend(conflicts.map(|it| (it.forward.clone(), it.to_string())));
    (plan, unusable)
}
