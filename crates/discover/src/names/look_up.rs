//! The look-up of one name: the hosts file, the name servers, the C library.

use super::entry::{Answer, SERVICE, ServiceAnswer};
use super::failure::LookUpError;
use super::files::{Files, Settings};
use super::message::{Family, Question, Records, Reply};
use super::numeric;
use super::order::sorted;
use super::servers::Servers;
use super::service::Services;
use super::service_hosts::{HostAddresses, ResolvedServices, resolve};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;
use tokio::time::timeout;

/// Time for which an answer of the hosts file holds: a change of it is noticed that soon.
const HOSTS_TTL: Duration = Duration::from_secs(1);
/// Time for which an answer of the C library holds, which tells no TTL.
const MODULES_TTL: Duration = Duration::from_secs(5);
/// Time that one family gets after the other has been answered with addresses.
const SECOND_FAMILY: Duration = Duration::from_secs(1);

/// Where names are looked up.
pub(crate) struct Source {
    files: Files,
    servers: Servers,
}

/// Result for one family.
type FamilyReply = Result<Reply, LookUpError>;

impl Source {
    /// The sources that the files in `directory` name.
    pub(crate) fn new(directory: &Path) -> Self {
        Self { files: Files::read(directory), servers: Servers::default() }
    }

    /// Looks up a host, or a service with the prefix [`SERVICE`]; `known` are the addresses of its hosts in
    /// the last answer. Takes as long as resolv.conf allows, and a service [`service_hosts`] more.
    pub(crate) async fn look_up(
        &self,
        name: &str,
        known: &HostAddresses,
    ) -> Result<Answer, LookUpError> {
        match name.strip_prefix(SERVICE) {
            Some(service) => self.service(service, known).await,
            None => self.host(name).await,
        }
    }

    async fn service(&self, name: &str, known: &HostAddresses) -> Result<Answer, LookUpError> {
        let services = self.services(name).await?;
        let look_up = async |host: String| {
            // Names in records are complete.
            let answer = self.host(&format!("{host}.")).await?;
            Ok((answer.addresses, answer.ttl))
        };
        let resolved = resolve(services, known, look_up).await?;
        let ResolvedServices { records, hosts, ttl, failure, is_complete } = resolved;
        let addresses = records.iter().map(|record| record.address).collect();
        let service = Some(ServiceAnswer { records, hosts: hosts.into(), failure, is_complete });
        Ok(Answer { addresses, ttl, missing: None, service })
    }

    /// Asks for the services of the name, and of its completions by the search list, until one has some.
    async fn services(&self, name: &str) -> Result<Services, LookUpError> {
        let settings = self.files.settings();
        let mut error = LookUpError::NotFound;
        for candidate in settings.servers.candidates(name) {
            let question = Question::new(&candidate, Records::Services);
            let Some(question) = question else {
                if candidate == name {
                    return Err(LookUpError::NoName);
                }
                continue;
            };
            match self.servers.ask(&settings.servers, &question).await? {
                Reply::Services(services) => return Ok(services),
                Reply::NotFound => {}
                _ => error = LookUpError::NoService,
            }
        }
        Err(error)
    }

    async fn host(&self, name: &str) -> Result<Answer, LookUpError> {
        let settings = self.files.settings();
        if let Some(address) = numeric::address(name) {
            return Ok(answer(vec![(address, 0).into()], HOSTS_TTL, None, &settings));
        }
        if settings.sources.files {
            let addresses = settings.hosts.find(name).to_vec();
            if !addresses.is_empty() {
                return Ok(answer(addresses, HOSTS_TTL, None, &settings));
            }
        }
        if settings.sources.modules_decide(name) {
            return by_modules(name).await;
        }
        if !settings.sources.dns {
            return Err(LookUpError::NotFound);
        }
        let result = self.by_dns(name, &settings).await;
        let is_unknown = matches!(result, Err(LookUpError::NotFound | LookUpError::NoAddress));
        if is_unknown && settings.sources.has_modules() {
            return by_modules(name).await.or(result);
        }
        result
    }

    /// Asks for the name, and for its completions by the search list, until one has addresses. A failure
    /// ends the search: a name behind it may be another host.
    async fn by_dns(&self, name: &str, settings: &Settings) -> Result<Answer, LookUpError> {
        let mut error = LookUpError::NotFound;
        for candidate in settings.servers.candidates(name) {
            match self.of_both_families(&candidate, settings).await {
                Err(LookUpError::NoAddress) => error = LookUpError::NoAddress,
                Err(LookUpError::NotFound) => {}
                // A completion that is too long is not this name.
                Err(LookUpError::NoName) if candidate != name => {}
                result => return result,
            }
        }
        Err(error)
    }

    async fn of_both_families(
        &self,
        name: &str,
        settings: &Settings,
    ) -> Result<Answer, LookUpError> {
        let question =
            |family| Question::new(name, Records::Addresses(family)).ok_or(LookUpError::NoName);
        let (v4, v6) = (question(Family::V4)?, question(Family::V6)?);
        let mut v4 = std::pin::pin!(self.servers.ask(&settings.servers, &v4));
        let mut v6 = std::pin::pin!(self.servers.ask(&settings.servers, &v6));
        let (v4, v6) = tokio::select! {
            v4 = &mut v4 => {
                let v6 = second(&v4, v6).await;
                (v4, v6)
            }
            v6 = &mut v6 => (second(&v6, v4).await, v6),
        };
        combined(v4, v6, settings)
    }
}

/// Waits for the other family, not for long if the first one has addresses.
async fn second(first: &FamilyReply, other: impl Future<Output = FamilyReply>) -> FamilyReply {
    if !matches!(first, Ok(Reply::Addresses(..))) {
        return other.await;
    }
    timeout(SECOND_FAMILY, other).await.unwrap_or(Err(LookUpError::Timeout))
}

/// The answer of both families. Addresses of one are enough; a failure of one is an error if the other
/// has none.
fn combined(v4: FamilyReply, v6: FamilyReply, settings: &Settings) -> Result<Answer, LookUpError> {
    let mut addresses = Vec::new();
    let (mut shortest, mut missing, mut error) = (Duration::MAX, None, LookUpError::NotFound);
    let mut failure = None;
    for (family, reply) in [(Family::V6, v6), (Family::V4, v4)] {
        match reply {
            Ok(Reply::Addresses(found, ttl)) => {
                addresses.extend(found.into_iter().map(|ip| SocketAddr::new(ip, 0)));
                shortest = shortest.min(ttl);
            }
            Ok(Reply::NotFound) => {}
            Ok(_) => error = LookUpError::NoAddress,
            Err(why) => {
                missing = Some(family);
                failure = Some(why);
            }
        }
    }
    if addresses.is_empty() {
        return Err(failure.unwrap_or(error));
    }
    Ok(answer(addresses, shortest, missing, settings))
}

fn answer(
    addresses: Vec<SocketAddr>,
    ttl: Duration,
    missing: Option<Family>,
    settings: &Settings,
) -> Answer {
    let addresses = match &addresses[..] {
        [_] => addresses,
        _ => sorted(routes(addresses), &settings.precedences),
    };
    Answer { addresses, ttl, missing, service: None }
}

/// The local address of a connection to each address, as the kernel would choose it. Sends nothing.
fn routes(addresses: Vec<SocketAddr>) -> Vec<(SocketAddr, Option<IpAddr>)> {
    let v4 = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0));
    let v6 = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0));
    let source = |mut to: SocketAddr| {
        let socket = if to.is_ipv4() { &v4 } else { &v6 };
        let socket = socket.as_ref().ok()?;
        // Any port but 0.
        to.set_port(53);
        socket.connect(to).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    addresses.into_iter().map(|address| (address, source(address))).collect()
}

/// Asks the C library, in a thread. The number of threads is bounded, and only names that neither the
/// hosts file nor DNS decides get here.
async fn by_modules(name: &str) -> Result<Answer, LookUpError> {
    let host = name.to_owned();
    let result = tokio::task::spawn_blocking(move || host::addresses_of(&host, 0)).await;
    let addresses = match result {
        Ok(Ok(addresses)) if addresses.is_empty() => return Err(LookUpError::NoAddress),
        Ok(Ok(addresses)) => addresses,
        Ok(Err(error)) => return Err(LookUpError::Failed(error.to_string())),
        Err(error) => return Err(LookUpError::Failed(error.to_string())),
    };
    Ok(Answer { addresses, ttl: MODULES_TTL, missing: None, service: None })
}

#[cfg(test)]
mod tests;
