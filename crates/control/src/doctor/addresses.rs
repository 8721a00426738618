//! Addresses that the configuration names: this host must have them.

use super::check::Check;
use super::demand::Demand;
use super::finding::{Detail, Finding, Verdict};
use plan::{ListenAddress, Target};
use std::collections::HashMap;
use std::net::IpAddr;

/// Whether IPv6 is there, if the configuration names IPv6 addresses.
pub(super) fn ipv6(demand: &Demand<'_>, has_ipv6: bool) -> Finding {
    if has_ipv6 {
        return Finding::new(Check::Ipv6, Verdict::Ok, "this host has IPv6");
    }
    let listening = demand.listeners().filter(|it| match it.address {
        ListenAddress::Ip(address) => address.is_ipv6(),
        _ => false,
    });
    let listening = listening.map(|it| Detail {
        verdict: if it.optional { Verdict::Warn } else { Verdict::Fail },
        of: it.forward.to_owned(),
        found: format!("listens on {}", it.address),
    });
    let targets = demand.targets.iter().filter(|it| match it.target {
        Target::Ip(address) => address.is_ipv6(),
        _ => false,
    });
    let targets = targets.map(|it| Detail {
        verdict: Verdict::Fail,
        of: it.target.to_string(),
        found: "cannot be connected to".to_owned(),
    });
    let details: Vec<_> = listening.chain(targets).collect();
    let found = if details.is_empty() {
        "this host has no IPv6; listeners on every address are on those of IPv4"
    } else {
        "this host has no IPv6, and the configuration names IPv6 addresses"
    };
    let change =
        (!details.is_empty()).then(|| "sysctl -w net.ipv6.conf.all.disable_ipv6=0".to_owned());
    Finding::new(Check::Ipv6, Verdict::Ok, found).details(details).change(change)
}

/// `foreign` are the addresses that could not be bound, and why.
pub(super) fn listen_addresses(demand: &Demand<'_>, foreign: &HashMap<IpAddr, String>) -> Finding {
    let details: Vec<_> = demand
        .listeners()
        .filter_map(|it| match it.address {
            ListenAddress::Ip(address) => {
                Some((it.optional, it.forward, foreign.get(&address.ip())?))
            }
            _ => None,
        })
        .map(|(optional, forward, error)| Detail {
            verdict: if optional { Verdict::Warn } else { Verdict::Fail },
            of: forward.to_owned(),
            found: error.clone(),
        })
        .collect();
    let (found, change) = if details.is_empty() {
        ("every configured address can be listened on", None)
    } else {
        let first = foreign.keys().min().map(ToString::to_string).unwrap_or_default();
        let change =
            format!("ip address add {first} dev INTERFACE, or another address: see `ip address`");
        ("no interface of this host has a configured address", Some(change))
    };
    Finding::new(Check::ListenAddresses, Verdict::Ok, found).details(details).change(change)
}

#[cfg(test)]
mod tests {
    use super::super::tests::plan_of;
    use super::*;

    #[test]
    fn ipv6_matters_to_who_names_it() {
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
            assert_eq!(ipv6(&demand, false).verdict, expected);
            assert_eq!(ipv6(&demand, true).verdict, Verdict::Ok);
        }
    }

    #[test]
    fn an_address_of_another_host_is_told_with_its_forward() {
        let plan = plan_of("[[forward]]\nname = 'web'\nlisten = '192.0.2.1:80'\nto = 'a:1'\n");
        let demand = Demand::of(&plan);
        assert_eq!(listen_addresses(&demand, &HashMap::new()).verdict, Verdict::Ok);
        let foreign = HashMap::from([("192.0.2.1".parse().unwrap(), "no such address".to_owned())]);
        let finding = listen_addresses(&demand, &foreign);
        assert_eq!((finding.verdict, &*finding.details[0].of), (Verdict::Fail, "web"));
        assert!(finding.change[0].contains("192.0.2.1"), "{finding:?}");
    }
}
