//! Resolves names with the C library, so that /etc/hosts, nsswitch.conf and the host's resolver
//! hold, in threads that may block.

use engine::{Query, Resolve};
use std::collections::HashMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// How long an answer is used for further sessions. Long enough that a busy forward asks once
/// and not for each session; short enough that a changed name is followed at once.
const ANSWER_HOLDS: Duration = Duration::from_secs(1);

type Name = (Arc<str>, u16);

enum Entry {
    /// A lookup is under way; these wait for it.
    Asked(Vec<Query>),
    /// An answer that still holds.
    Known(Arc<[SocketAddr]>, Instant),
}

/// The resolver: one lookup per name at a time, whoever asks.
#[derive(Clone)]
pub(crate) struct Resolver {
    blocking: Handle,
    names: Arc<Mutex<HashMap<Name, Entry>>>,
}

impl Resolver {
    /// A resolver that uses the runtime's threads for blocking work.
    pub(crate) fn new(blocking: Handle) -> Self {
        Self { blocking, names: Arc::default() }
    }

    fn names(&self) -> MutexGuard<'_, HashMap<Name, Entry>> {
        // Nothing panics while it holds the lock, so a poisoned one is whole all the same.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look_up(&self, name: Name) {
        let addresses = addresses_of(&name);
        if let Err(error) = &addresses {
            tracing::warn!(name = &*name.0, %error, "a target's name could not be resolved");
        }
        let addresses = addresses.unwrap_or_default();
        let mut names = self.names();
        let waiting = if addresses.is_empty() {
            names.remove(&name)
        } else {
            names.insert(name, Entry::Known(Arc::clone(&addresses), Instant::now()))
        };
        drop(names);
        if let Some(Entry::Asked(queries)) = waiting {
            for query in queries {
                query.answer(Arc::clone(&addresses));
            }
        }
    }
}

fn addresses_of((host, port): &Name) -> std::io::Result<Arc<[SocketAddr]>> {
    let mut addresses: Vec<SocketAddr> = Vec::new();
    // In the order of RFC 6724, as the C library gives them; each once.
    for address in (&**host, *port).to_socket_addrs()? {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses.into())
}

impl Resolve for Resolver {
    fn resolve(&self, query: Query) {
        let name = (Arc::clone(&query.host), query.port);
        let mut names = self.names();
        match names.get_mut(&name) {
            Some(Entry::Asked(queries)) => queries.push(query),
            Some(Entry::Known(addresses, since)) if since.elapsed() < ANSWER_HOLDS => {
                let addresses = Arc::clone(addresses);
                drop(names);
                query.answer(addresses);
            }
            _ => {
                names.insert(name.clone(), Entry::Asked(vec![query]));
                drop(names);
                let resolver = self.clone();
                self.blocking.spawn_blocking(move || resolver.look_up(name));
            }
        }
    }
}
