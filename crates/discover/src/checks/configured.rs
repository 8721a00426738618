//! The probe of a configured check.

use super::probe::{Probe, ProbeAddress, ProbeKind};
use engine::CheckedAddress;
use flow::{Outbound, ProxyAddresses, SendProxy};
use plan::{HealthCheck, Method};
use std::net::SocketAddr;
use std::sync::Arc;

impl Probe {
    /// The check of a target at this address, over connections like those of sessions, to which they
    /// `send_proxy`. `named` finds the addresses of a target with a name; its argument is the port to use instead
    /// of the target's.
    pub fn configured(
        check: &HealthCheck,
        address: CheckedAddress<'_>,
        (send_proxy, outbound): (SendProxy, Outbound),
        named: impl FnOnce(Option<u16>) -> ProbeAddress,
    ) -> Self {
        let port = check.port.and_then(|port| u16::try_from(port).ok());
        let (to, name, host) = match address {
            CheckedAddress::Ip(address) => {
                let address = at_port(address, port);
                (ProbeAddress::Tcp([address].into()), None, address.to_string())
            }
            CheckedAddress::Name(name, own) => {
                let host = format!("{name}:{}", port.unwrap_or(own));
                (named(port), Some(name.to_owned()), host)
            }
            CheckedAddress::Unix(path) => {
                (ProbeAddress::Unix(path.to_owned()), None, "localhost".to_owned())
            }
        };
        let kind = kind(check, name, host);
        let is_unix = matches!(to, ProbeAddress::Unix(_));
        // Another port is another service. And the program of a target never sees a connection by TCP that
        // sends nothing.
        let has_header = check.port.is_none() && (kind != ProbeKind::Connect || is_unix);
        let header = if has_header { send_proxy.header(&ProxyAddresses::Own) } else { Vec::new() };
        Self { to, header, outbound, kind: Arc::new(kind), timeout: check.timeout }
    }
}

/// The address with this port, or else with its own.
pub fn at_port(mut address: SocketAddr, port: Option<u16>) -> SocketAddr {
    address.set_port(port.unwrap_or(address.port()));
    address
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
