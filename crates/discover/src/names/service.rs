//! Services (SRV records, RFC 2782) in an answer.

use super::alias::canonical;
use domain::base::{Message, Name, ParsedName, ToName as _};
use domain::rdata::{A, Aaaa, Srv};
use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

/// One service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Service {
    pub(crate) priority: u16,
    pub(crate) weight: u16,
    pub(crate) port: u16,
    /// The host that provides it, in lower case and without the final dot.
    pub(crate) host: String,
}

/// The services of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Services {
    /// Without repetitions.
    pub(crate) list: Vec<Service>,
    pub(crate) ttl: Duration,
    /// Addresses of hosts in the same message, and the time for which they hold.
    pub(crate) addresses: BTreeMap<String, (Vec<IpAddr>, Duration)>,
}

/// The services of `name` in a message. A record with the root as its host says that there is none.
/// `None` if a record cannot be read.
pub(super) fn read(message: &Message<&[u8]>, name: &Name<Vec<u8>>) -> Option<Services> {
    let answer = message.answer().ok()?;
    let (owner, mut ttl) = canonical(answer, name)?;
    let (mut list, mut known) = (Vec::new(), HashSet::new());
    for record in answer.limit_to_in::<Srv<_>>() {
        let record = record.ok()?;
        if *record.owner() != owner {
            continue;
        }
        ttl = ttl.min(record.ttl().as_secs());
        let srv = record.data();
        let service = Service {
            priority: srv.priority(),
            weight: srv.weight(),
            port: srv.port(),
            host: host(srv.target()),
        };
        let is_offered = !service.host.is_empty() && service.port > 0;
        if is_offered && known.insert(service.clone()) {
            list.push(service);
        }
    }
    let addresses = additional(message, &list)?;
    Some(Services { list, ttl: Duration::from_secs(ttl.into()), addresses })
}

/// The addresses of these services' hosts in the additional section.
fn additional(
    message: &Message<&[u8]>,
    services: &[Service],
) -> Option<BTreeMap<String, (Vec<IpAddr>, Duration)>> {
    let hosts: HashSet<&str> = services.iter().map(|service| service.host.as_str()).collect();
    let mut addresses: BTreeMap<String, (Vec<IpAddr>, Duration)> = BTreeMap::new();
    let mut add = |host: String, seconds: u32, address: IpAddr| {
        if hosts.contains(host.as_str()) {
            let ttl = Duration::from_secs(seconds.into());
            let (found, shortest) = addresses.entry(host).or_insert((Vec::new(), ttl));
            *shortest = ttl.min(*shortest);
            if !found.contains(&address) {
                found.push(address);
            }
        }
    };
    let section = message.additional().ok()?;
    for record in section.limit_to_in::<A>() {
        let record = record.ok()?;
        add(host(record.owner()), record.ttl().as_secs(), record.data().addr().into());
    }
    for record in section.limit_to_in::<Aaaa>() {
        let record = record.ok()?;
        add(host(record.owner()), record.ttl().as_secs(), record.data().addr().into());
    }
    Some(addresses)
}

/// A name as text, in lower case and without the final dot; empty for the root.
fn host(name: &ParsedName<&[u8]>) -> String {
    let text = name.to_vec().to_string().to_ascii_lowercase();
    text.trim_end_matches('.').to_owned()
}
