//! Configured addresses that the host must have.

use crate::check::Check;
use crate::demand::{Demand, ListenerDemand};
use crate::finding::{Finding, FindingDetail, Verdict};
use crate::listen_names::UnusableName;
use host::Host;
use plan::{ListenAddress, Target};
use std::collections::HashMap;
use std::net::IpAddr;

/// Judges IPv6 support, needed if the configuration contains IPv6 addresses.
pub(super) fn ipv6(demand: &Demand<'_>, host: &Host) -> Finding {
    if host.has_ipv6 {
        return Finding::new(Check::Ipv6, Verdict::Ok, "this host has IPv6");
    }
    let listening = demand.listeners().filter(|it| match it.address {
        ListenAddress::Ip(address) => address.is_ipv6(),
        ListenAddress::Zoned(_) => true,
        _ => false,
    });
    let listening = listening.map(|it| {
        FindingDetail::new(verdict(&it), &it.forward, format!("listens on {}", it.address))
    });
    let targets = demand.targets.iter().filter(|it| match it.target {
        Target::Ip(address) => address.is_ipv6(),
        Target::Zoned(_) => true,
        _ => false,
    });
    let targets =
        targets.map(|it| FindingDetail::new(Verdict::Fail, it.target, "cannot be connected to"));
    let details: Vec<_> = listening.chain(targets).collect();
    let found = if details.is_empty() {
        "this host has no IPv6; listeners on all addresses accept IPv4 only"
    } else {
        "this host has no IPv6, and the configuration contains IPv6 addresses"
    };
    let change =
        (!details.is_empty()).then(|| "sysctl -w net.ipv6.conf.all.disable_ipv6=0".to_owned());
    Finding::new(Check::Ipv6, Verdict::Ok, found).details(details).change(change)
}

/// The process starts without an optional listener.
fn verdict(listening: &ListenerDemand<'_>) -> Verdict {
    if listening.optional { Verdict::Warn } else { Verdict::Fail }
}

/// Judges the configured listen addresses. `foreign` has those that could not be bound, with errors.
/// `names` has the forwards whose names cannot be listened on.
pub(super) fn listen_addresses(
    demand: &Demand<'_>,
    foreign: &HashMap<IpAddr, String>,
    names: &[UnusableName],
) -> Finding {
    let of_names =
        names.iter().map(|(forward, why)| FindingDetail::new(Verdict::Fail, forward, why));
    let missing: Vec<_> = demand
        .listeners()
        .filter_map(|it| match it.address {
            ListenAddress::Ip(_) if it.freebind => None,
            ListenAddress::Ip(address) => {
                let error = foreign.get(&address.ip())?;
                Some(FindingDetail::new(verdict(&it), &it.forward, error))
            }
            ListenAddress::Zoned(address) => {
                sys::socket::interface_index(&address.zone).err()?;
                let error = format!("{address}: there is no interface `{}`", address.zone);
                Some(FindingDetail::new(verdict(&it), &it.forward, error))
            }
            _ => None,
        })
        .collect();
    let later: Vec<_> = demand.listeners().filter_map(|it| later(&it, foreign)).collect();
    let (found, change) = if !missing.is_empty() {
        let needed =
            demand.listeners().filter(|it| !it.freebind).filter_map(|it| match it.address {
                ListenAddress::Ip(address) => Some(address.ip()),
                _ => None,
            });
        let first = needed.filter(|ip| foreign.contains_key(ip)).min();
        let first = first.map(|ip| ip.to_string()).unwrap_or_default();
        let change = format!(
            "ip address add {first} dev INTERFACE, or another address: see `ip address`; or `freebind = true`"
        );
        ("no interface of this host has a configured address", Some(change))
    } else if !names.is_empty() {
        ("a name in `listen` cannot be listened on", None)
    } else if !later.is_empty() {
        ("this host has every configured address, except for some with `freebind`", None)
    } else {
        ("this host has every configured address", None)
    };
    let details = missing.into_iter().chain(of_names).chain(later);
    Finding::new(Check::ListenAddresses, Verdict::Ok, found).details(details).change(change)
}

/// A listen address that the host does not have, and that `freebind` allows all the same.
fn later(
    listener: &ListenerDemand<'_>,
    foreign: &HashMap<IpAddr, String>,
) -> Option<FindingDetail> {
    let ListenAddress::Ip(address) = listener.address else { return None };
    foreign.get(&address.ip()).filter(|_| listener.freebind)?;
    let found = format!(
        "{}: no interface of this host has it; clients are served once one has it",
        address.ip()
    );
    Some(FindingDetail::new(Verdict::Ok, &listener.forward, found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::plan_of;

    #[test]
    fn missing_ipv6_fails_plans_with_ipv6_addresses_only() {
        let forward = |listen: &str, to: &str| {
            plan_of(&format!("[[forward]]\nlisten = '{listen}'\nto = '{to}'\n"))
        };
        for (plan, expected) in [
            (forward(":1", "a:1"), Verdict::Ok),
            (forward("127.0.0.1:1", "192.0.2.1:1"), Verdict::Ok),
            (forward("[::1]:1", "a:1"), Verdict::Fail),
            (forward(":1", "[2001:db8::1]:1"), Verdict::Fail),
            (plan_of("1|a|1\n"), Verdict::Ok),
        ] {
            let demand = Demand::of(&plan);
            let host = |has_ipv6| Host { has_ipv6, ..Host::default() };
            assert_eq!(ipv6(&demand, &host(false)).verdict, expected);
            assert_eq!(ipv6(&demand, &host(true)).verdict, Verdict::Ok);
        }
    }

    #[test]
    fn a_foreign_address_is_reported_with_its_forward() {
        let plan = plan_of("[[forward]]\nname = 'web'\nlisten = '192.0.2.1:80'\nto = 'a:1'\n");
        let demand = Demand::of(&plan);
        assert_eq!(listen_addresses(&demand, &HashMap::new(), &[]).verdict, Verdict::Ok);
        let foreign = HashMap::from([("192.0.2.1".parse().unwrap(), "no such address".to_owned())]);
        let finding = listen_addresses(&demand, &foreign, &[]);
        assert_eq!((finding.verdict, &*finding.details[0].of), (Verdict::Fail, "web"));
        assert!(finding.change[0].contains("192.0.2.1"), "{finding:?}");
        let text = "[[forward]]\nlisten = '192.0.2.1:80'\nto = 'a:1'\nfreebind = true\n";
        let plan = plan_of(text);
        let finding = listen_addresses(&Demand::of(&plan), &foreign, &[]);
        assert_eq!(finding.verdict, Verdict::Ok);
        assert!(finding.found.ends_with("except for some with `freebind`"), "{finding:?}");
        assert!(finding.details[0].found.starts_with("192.0.2.1: no interface"), "{finding:?}");
        let both = plan_of(&format!("{text}[[forward]]\nlisten = '192.0.2.2:80'\nto = 'a:1'\n"));
        let foreign = ["192.0.2.1", "192.0.2.2"].map(|ip| (ip.parse().unwrap(), ip.to_owned()));
        let finding = listen_addresses(&Demand::of(&both), &HashMap::from(foreign), &[]);
        assert!(finding.change[0].starts_with("ip address add 192.0.2.2 "), "{finding:?}");
        let names = [("web".to_owned(), "web:80: the name does not exist".to_owned())];
        let finding = listen_addresses(&Demand::of(&plan), &HashMap::new(), &names);
        assert_eq!((finding.verdict, &*finding.details[0].of), (Verdict::Fail, "web"));
    }
}
