//! Listeners on names: replaced by listeners on the addresses of the names.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use crate::address::ListenAddress;
use crate::listeners::{Listeners, Owner};
use crate::plan::{Forward, ListenNames, Plan, Route};
use crate::problem::Location;

/// An address of a name that another listener excludes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenConflict {
    /// Name of the forward.
    pub forward: String,
    /// Location of the forward in the configuration.
    pub location: Location,
    /// The address.
    pub address: ListenAddress,
    /// The forward that listens there, or the admin interface.
    pub other: String,
}

impl fmt::Display for ListenConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { forward, location, address, other } = self;
        write!(
            f,
            "listen {address}: {other} listens there already, and one of the two addresses is that of a name \
             (give them different ports or addresses), for forward `{forward}` ({location})"
        )
    }
}

impl std::error::Error for ListenConflict {}

impl Plan {
    /// The names in `listen` of all forwards.
    pub fn names_to_listen_on(&self) -> BTreeSet<String> {
        let routes = self.forwards.iter().flat_map(|forward| &forward.routes);
        let names = routes.filter_map(|route| name_of(&route.listen));
        names.map(str::to_owned).collect()
    }

    /// Replaces listeners on these names by listeners on their addresses, each once. Listeners on other names stay.
    /// Returns the addresses that exclude each other: the plan cannot run then.
    pub fn resolve_listeners(&mut self, names: ListenNames) -> Vec<ListenConflict> {
        if names.is_empty() {
            return Vec::new();
        }
        for forward in &mut self.forwards {
            if forward.routes.iter().any(|route| name_of(&route.listen).is_some()) {
                let routes = resolved(&forward.routes, &names);
                Arc::make_mut(forward).routes = routes;
            }
        }
        self.listen_names = names;
        self.listen_conflicts()
    }

    fn listen_conflicts(&self) -> Vec<ListenConflict> {
        let mut listeners = Listeners::default();
        listeners.claim_of_process(&self.process);
        let mut conflicts = Vec::new();
        for (index, forward) in self.forwards.iter().enumerate() {
            for route in &forward.routes {
                let Err(taken) = listeners.claim(&route.listen, Owner::Draft(index)) else {
                    continue;
                };
                conflicts.push(ListenConflict {
                    forward: forward.name.clone(),
                    location: forward.location.clone(),
                    address: route.listen.clone(),
                    other: match taken {
                        Owner::Draft(other) => self.describe(other),
                        other => other.noun().unwrap_or_default().to_owned(),
                    },
                });
            }
        }
        conflicts
    }

    fn describe(&self, forward: usize) -> String {
        let forward: Option<&Arc<Forward>> = self.forwards.get(forward);
        forward.map_or_else(String::new, |forward| format!("forward `{}`", forward.name))
    }
}

fn name_of(address: &ListenAddress) -> Option<&str> {
    if let ListenAddress::Name { host, .. } = address { Some(host) } else { None }
}

/// The routes with the addresses of the names: of a range of ports, all ports of one address after the other. An
/// address that has the same targets already is left out.
fn resolved(routes: &[Route], names: &ListenNames) -> Vec<Route> {
    let mut known: HashMap<ListenAddress, usize> = HashMap::new();
    let mut all: Vec<Route> = Vec::with_capacity(routes.len());
    let mut add = |route: Route| {
        let first = known.get(&route.listen).and_then(|at| all.get(*at));
        if first.is_none_or(|first| first.targets != route.targets) {
            known.insert(route.listen.clone(), all.len());
            all.push(route);
        }
    };
    for chunk in routes.chunk_by(|one, next| {
        name_of(&one.listen).is_some() && name_of(&one.listen) == name_of(&next.listen)
    }) {
        let name = chunk.first().and_then(|route| name_of(&route.listen));
        let Some(addresses) = name.and_then(|name| names.get(name)) else {
            chunk.iter().cloned().for_each(&mut add);
            continue;
        };
        for address in addresses {
            for route in chunk {
                let port = route.listen.port().unwrap_or_default();
                let mut address = *address;
                address.set_port(port);
                add(Route {
                    listen: ListenAddress::Ip(address),
                    targets: Arc::clone(&route.targets),
                });
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward_text::listen;
    use crate::testing::plan_of;

    fn names(names: &[(&str, &[&str])]) -> ListenNames {
        let addresses = |all: &[&str]| all.iter().map(|it| it.parse().unwrap()).collect();
        names.iter().map(|(name, all)| ((*name).to_owned(), addresses(all))).collect()
    }

    fn local() -> ListenNames {
        names(&[("web", &["127.0.0.1:0", "[::1]:0"]), ("other", &["127.0.0.1:0"])])
    }

    #[test]
    fn a_name_becomes_its_addresses() {
        for (written, expected) in [
            ("'web:80'", r#"["127.0.0.1:80", "[::1]:80"]"#),
            ("['web:80', 'other:80', '127.0.0.1:80']", r#"["127.0.0.1:80", "[::1]:80"]"#),
            ("['127.0.0.2:80', 'web:81']", r#"["127.0.0.2:80", "127.0.0.1:81", "[::1]:81"]"#),
            ("['other:80', 'other:81']", r#"["127.0.0.1:80", "127.0.0.1:81"]"#),
        ] {
            let text = format!("[[forward]]\nname = 'a'\nlisten = {written}\nto = 'h:1'\n");
            let mut plan = plan_of(&text);
            assert_eq!(plan.resolve_listeners(local()), []);
            assert_eq!(listen(&plan.forwards[0]), expected);
        }
    }

    #[test]
    fn ranges_keep_their_targets() {
        let mut plan = plan_of("[[forward]]\nlisten = 'web:80-81'\nto = 'h:1-2'\n");
        assert_eq!(plan.forwards[0].name, "web:80-81");
        assert_eq!(plan.resolve_listeners(local()), []);
        let forward = &plan.forwards[0];
        assert_eq!(listen(forward), r#"["127.0.0.1:80-81", "[::1]:80-81"]"#);
        let targets = forward.routes.iter().map(|route| route.target_addresses(1));
        assert_eq!(targets.collect::<Vec<_>>(), ["h:1", "h:2", "h:1", "h:2"]);
    }

    #[test]
    fn addresses_that_exclude_each_other_are_conflicts() {
        for (others, other) in [
            ("[[forward]]\nname = 'b'\nlisten = '127.0.0.1:80'\nto = 'h:1'\n", "forward `a`"),
            ("[[forward]]\nname = 'b'\nlisten = 'other:80'\nto = 'h:1'\n", "forward `a`"),
            ("[[forward]]\nname = 'b'\nlisten = '[::]:80'\nto = 'h:1'\n", "forward `a`"),
            ("[process]\nadmin = '127.0.0.1:80'\nadmin_token_file = '/x'\n", "the admin interface"),
        ] {
            let text = format!("[[forward]]\nname = 'a'\nlisten = 'web:80'\nto = 'h:1'\n{others}");
            let conflicts = plan_of(&text).resolve_listeners(local());
            assert_eq!(conflicts.len(), 1, "{others}");
            assert_eq!(conflicts[0].other, other);
        }
        let text = "[[forward]]\nlisten = ['web:80-81', '127.0.0.1:81-82']\nto = 'h:1-2'\n";
        assert_eq!(plan_of(text).resolve_listeners(local()).len(), 1, "other targets");
    }
}
