//! The check of a target, as configured: where it goes, and what it does there.

use discover::{Addresses, Probe, ProbeAddress, ProbeKind};
use engine::{CheckedAddress, CheckedTarget};
use plan::{HealthCheck, Method};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::oneshot;

/// The check of a target.
pub(crate) fn probe(target: &Arc<CheckedTarget>, check: &HealthCheck) -> Probe {
    let port = check.port.and_then(|port| u16::try_from(port).ok());
    let at = |mut address: SocketAddr| {
        address.set_port(port.unwrap_or(address.port()));
        address
    };
    let (to, name, host) = match target.address() {
        CheckedAddress::Ip(address) => {
            let address = at(address);
            (ProbeAddress::Tcp([address].into()), None, address.to_string())
        }
        CheckedAddress::Name(name, own) => {
            let named = Named { target: Arc::clone(target), port };
            let host = format!("{name}:{}", port.unwrap_or(own));
            (ProbeAddress::Name(Arc::new(named)), Some(name.to_owned()), host)
        }
        CheckedAddress::Unix(path) => {
            (ProbeAddress::Unix(path.to_owned()), None, "localhost".to_owned())
        }
    };
    let kind = kind(check, name, host);
    Probe { to, kind: Arc::new(kind), timeout: check.timeout }
}

/// What the check does. `name` is the target's name for TLS, and `host` that of HTTP requests.
fn kind(check: &HealthCheck, name: Option<String>, host: String) -> ProbeKind {
    if let Some(path) = &check.http {
        let method = match check.method {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Options => "OPTIONS",
        };
        return ProbeKind::Http {
            method: method.to_owned(),
            path: path.clone(),
            host: check.host.clone().unwrap_or(host),
            status: (check.status.first, check.status.last),
        };
    }
    if let Some(expect) = &check.expect {
        let send = check.send.as_deref().unwrap_or_default();
        return ProbeKind::Exchange { send: send.into(), expect: expect.as_str().into() };
    }
    if check.tls {
        ProbeKind::Tls { server_name: check.host.clone().or(name) }
    } else {
        ProbeKind::Connect
    }
}

/// A target with a name, which is resolved for each check: the answer usually comes from the cache.
struct Named {
    target: Arc<CheckedTarget>,
    /// Port to check instead of the target's.
    port: Option<u16>,
}

impl Addresses for Named {
    fn find(&self) -> Pin<Box<dyn Future<Output = Vec<SocketAddr>> + Send>> {
        let (sender, answer) = oneshot::channel();
        self.target.resolve(Box::new(move |found| _ = sender.send(found)));
        let (target, port) = (Arc::clone(&self.target), self.port);
        Box::pin(async move {
            let Ok(Ok(found)) = answer.await else { return Vec::new() };
            let mut addresses = target.in_order(&found);
            for address in &mut addresses {
                address.set_port(port.unwrap_or(address.port()));
            }
            addresses
        })
    }
}
