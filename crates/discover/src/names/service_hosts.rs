//! The addresses of the hosts of services: from the answer itself, from the last one, or asked for.

use super::failure::LookUpError;
use super::service::{Service, Services};
use crate::sets::{MOST_MEMBERS, Record};
use futures_util::stream::{self, StreamExt as _};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::time::timeout_at;

/// Hosts of one service that are looked up at the same time.
const AT_ONCE: usize = 32;
/// Time limit for the look-ups of the hosts of one service.
const LIMIT: Duration = Duration::from_secs(5);

/// Records of an answer. Without the bound, a few hosts with many addresses and many ports would make
/// millions.
const MOST_RECORDS: usize = 4 * MOST_MEMBERS;

/// The addresses of the hosts of a service, by host.
pub(crate) type HostAddresses = BTreeMap<String, HostAddress>;

/// The last good answer for a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostAddress {
    /// With port 0.
    addresses: Vec<SocketAddr>,
    expires: Instant,
}

/// The services of a name with their addresses.
#[derive(Debug)]
pub(crate) struct ResolvedServices {
    /// In the order of their priorities; at least one.
    pub(crate) records: Vec<Record>,
    pub(crate) hosts: HostAddresses,
    pub(crate) ttl: Duration,
    /// The look-up of a host failed: its last addresses stand in its records, if there are any.
    pub(crate) failure: Option<LookUpError>,
    /// A host whose look-up failed has no last addresses, so records may be missing.
    pub(crate) is_complete: bool,
}

/// Finds the addresses of the hosts. `known` are those of the last answer, and `look_up` asks for the
/// addresses of a host, with port 0, and their TTL.
///
/// # Errors
///
/// The first failure, if no host has an address.
pub(crate) async fn resolve<F>(
    services: Services,
    known: &HostAddresses,
    look_up: impl Fn(String) -> F,
) -> Result<ResolvedServices, LookUpError>
where
    F: Future<Output = Result<(Vec<SocketAddr>, Duration), LookUpError>>,
{
    let Services { list: mut services, mut ttl, addresses } = services;
    services.sort();
    services.truncate(MOST_MEMBERS + 1);
    let now = Instant::now();
    let mut hosts = delivered(addresses, now, &mut ttl);
    let mut missing = add_fresh(&mut hosts, &services, known, now, &mut ttl);
    let mut failure = None;
    for (host, result) in look_up_all(&missing, look_up).await {
        missing.remove(&host);
        match result {
            Ok((addresses, left)) => {
                ttl = ttl.min(left);
                hosts.insert(host, HostAddress { addresses, expires: now + left });
            }
            Err(error) => {
                failure.get_or_insert_with(|| (host.clone(), error));
                missing.insert(host);
            }
        }
    }
    if let (None, Some(host)) = (&failure, missing.first()) {
        failure = Some((host.clone(), LookUpError::Timeout));
    }
    let mut is_complete = true;
    for host in missing {
        match known.get(&host) {
            Some(last) => _ = hosts.insert(host, last.clone()),
            None => is_complete = false,
        }
    }
    let records = records(services, &hosts);
    if records.is_empty() {
        return Err(failure.map_or(LookUpError::NoAddress, |(_, error)| error));
    }
    let failure = failure.map(|(host, error)| LookUpError::Failed(format!("{host}: {error}")));
    Ok(ResolvedServices { records, hosts, ttl, failure, is_complete })
}

/// The addresses that came with the services. Lowers `ttl` to theirs.
fn delivered(
    addresses: BTreeMap<String, (Vec<IpAddr>, Duration)>,
    now: Instant,
    ttl: &mut Duration,
) -> HostAddresses {
    let delivered = addresses.into_iter().map(|(host, (addresses, left))| {
        *ttl = left.min(*ttl);
        let addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect();
        (host, HostAddress { addresses, expires: now + left })
    });
    delivered.collect()
}

/// Adds those hosts of the services whose last answer still holds. Lowers `ttl` to theirs, and returns
/// the hosts that need a look-up.
fn add_fresh(
    hosts: &mut HostAddresses,
    services: &[Service],
    known: &HostAddresses,
    now: Instant,
    ttl: &mut Duration,
) -> BTreeSet<String> {
    let mut missing = BTreeSet::new();
    for Service { host, .. } in services {
        if hosts.contains_key(host) {
            continue;
        }
        match known.get(host).filter(|known| now < known.expires) {
            Some(fresh) => {
                *ttl = (fresh.expires - now).min(*ttl);
                hosts.insert(host.clone(), fresh.clone());
            }
            None => _ = missing.insert(host.clone()),
        }
    }
    missing
}

/// The result of one host.
type HostResult = (String, Result<(Vec<SocketAddr>, Duration), LookUpError>);

/// The results of these hosts that come within the time limit.
async fn look_up_all<F>(hosts: &BTreeSet<String>, look_up: impl Fn(String) -> F) -> Vec<HostResult>
where
    F: Future<Output = Result<(Vec<SocketAddr>, Duration), LookUpError>>,
{
    let look_ups: Vec<_> = hosts
        .iter()
        .map(|host| {
            let look_up = look_up(host.clone());
            let host = host.clone();
            async move { (host, look_up.await) }
        })
        .collect();
    let mut look_ups = stream::iter(look_ups).buffer_unordered(AT_ONCE);
    let until = tokio::time::Instant::now() + LIMIT;
    let mut results = Vec::with_capacity(hosts.len());
    while let Ok(Some(result)) = timeout_at(until, look_ups.next()).await {
        results.push(result);
    }
    results
}

/// One record per address, in the order of the priorities.
fn records(services: Vec<Service>, hosts: &HostAddresses) -> Vec<Record> {
    let mut records = Vec::with_capacity(services.len());
    for Service { priority, weight, port, host } in services {
        let addresses = hosts.get(&host).map(|host| &host.addresses[..]).unwrap_or_default();
        let room = MOST_RECORDS - records.len();
        records.extend(addresses.iter().take(room).map(|address| {
            let mut address = *address;
            address.set_port(port);
            Record { address, priority, weight }
        }));
    }
    records
}
