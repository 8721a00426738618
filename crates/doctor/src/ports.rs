//! Local ports: each session to a TCP target takes one, and a port can be used once per target
//! address.

use crate::check::Check;
use crate::demand::{Demand, TargetDemand};
use crate::finding::{Finding, FindingDetail, Verdict};
use host::Host;
use plan::{ListenAddress, Target};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// Time for which the port of a connection that we closed first stays in TIME_WAIT, unless
/// `net.ipv4.tcp_tw_reuse` allows reuse.
const TIME_WAIT_SECONDS: u64 = 60;
/// What multiplies the ports of any range.
const SOURCES: &str = "several addresses of this host in `local_address`: each has all the ports";
/// All unprivileged ports.
const WIDEST: RangeInclusive<u16> = 1024..=65535;

/// Judges the number of ports for connections to targets.
pub(super) fn local_ports(demand: &Demand<'_>, host: &Host) -> Finding {
    let own: BTreeSet<u16> = demand.listeners().filter_map(|it| it.address.port()).collect();
    let (Some(range), Some(usable)) = (&host.local_ports, host.usable_ports(&own)) else {
        return Finding::unknown(Check::LocalPorts);
    };
    let (first, last) = (range.start(), range.end());
    let found = format!(
        "{usable} sessions to each address of a target, with the ports {first} to {last}; {}",
        reuse_text(host, usable)
    );
    let is_tcp = |wanted: &&TargetDemand<'_>| wanted.target.is_tcp();
    let tcp = demand.targets.iter().filter(is_tcp).count() as u64;
    // With a Unix target there is no limit: it takes no port.
    let bounded = tcp > 0 && demand.targets.len() as u64 == tcp;
    let finding = if tcp > 0 && usable == 0 {
        Finding::limit(Check::LocalPorts, 0, demand.sessions, found)
    } else {
        let mut finding = Finding::new(Check::LocalPorts, Verdict::Ok, found);
        let ports = |wanted: &TargetDemand<'_>| usable.saturating_mul(sources(wanted));
        let all = demand.targets.iter().map(ports).fold(0, u64::saturating_add);
        finding.sessions = bounded.then_some(all);
        finding
    };
    let is_short = |it: &&TargetDemand<'_>| it.sessions > usable.saturating_mul(sources(it));
    let mut short: Vec<_> = demand.targets.iter().filter(is_tcp).filter(is_short).collect();
    short.sort_by_key(|wanted| std::cmp::Reverse(wanted.sessions));
    let details = short.iter().map(|wanted| {
        let found = format!("its forwards allow {} sessions", wanted.sessions);
        FindingDetail::new(Verdict::Warn, wanted.target, found)
    });
    finding.details(details).change(widen(range))
}

/// The source addresses that connections to a target may have: each has all the ports.
fn sources(wanted: &TargetDemand<'_>) -> u64 {
    let families = match wanted.target {
        Target::Ip(address) => vec![address.is_ipv6()],
        _ => vec![false, true],
    };
    let count = |is_ipv6: bool| wanted.outbound.sources_from(is_ipv6, 0).count() as u64;
    families.into_iter().map(count).filter(|count| *count > 0).min().unwrap_or(1)
}

/// The sentence about reuse of ports of ended sessions.
fn reuse_text(host: &Host, usable: u64) -> String {
    match host.tw_reuse {
        Some(1) => "ports of ended sessions are reused after a second".to_owned(),
        // The default, 2, allows reuse on the loopback only.
        Some(_) => format!(
            "a port is not reused for {TIME_WAIT_SECONDS} s after an end that the client began: \
             {} such sessions a second",
            usable / TIME_WAIT_SECONDS
        ),
        None => "net.ipv4.tcp_tw_reuse is not known".to_owned(),
    }
}

fn widen(range: &RangeInclusive<u16>) -> Vec<String> {
    if range == &WIDEST {
        return vec![
            SOURCES.to_owned(),
            "several targets, or several addresses of one name".to_owned(),
        ];
    }
    let (first, last) = (WIDEST.start(), WIDEST.end());
    vec![format!("sysctl -w net.ipv4.ip_local_port_range=\"{first} {last}\""), SOURCES.to_owned()]
}

/// Judges listeners on ephemeral ports, which the kernel may assign to a connection while the
/// listener is not bound, as during a restart.
pub(super) fn listener_ports(demand: &Demand<'_>, host: &Host) -> Finding {
    let Some(range) = &host.local_ports else { return Finding::unknown(Check::ListenerPorts) };
    let is_in_danger = |port: &u16| range.contains(port) && !host.is_reserved(*port);
    let ports = demand.listeners().filter_map(|it| ListenAddress::port(it.address));
    let ports: BTreeSet<u16> = ports.filter(is_in_danger).collect();
    let (first, last) = (range.start(), range.end());
    if ports.is_empty() {
        let found = format!("no listener is on an unreserved ephemeral port, {first} to {last}");
        return Finding::new(Check::ListenerPorts, Verdict::Ok, found);
    }
    let found = format!(
        "the kernel may assign the port of a listener to a connection before it is bound, as an \
         ephemeral port, {first} to {last}: {}",
        ranges_text(&ports)
    );
    let reserved = host.reserved_ports.iter().cloned().flatten().chain(ports).collect();
    let reserve = format!("sysctl -w net.ipv4.ip_local_reserved_ports={}", ranges_text(&reserved));
    Finding::new(Check::ListenerPorts, Verdict::Warn, found).change([reserve])
}

/// Formats ports as the kernel does: `8080,9000-9010`.
fn ranges_text(ports: &BTreeSet<u16>) -> String {
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for port in ports {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*port) => *last = *port,
            _ => ranges.push((*port, *port)),
        }
    }
    let text = |(first, last): (u16, u16)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    ranges.into_iter().map(text).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{check_table, one_forward, plan_of};

    fn host(first: u16, last: u16) -> Host {
        Host { local_ports: Some(first..=last), tw_reuse: Some(2), ..Host::default() }
    }

    #[test]
    fn sessions_follow_from_usable_ports_per_target() {
        let cases = [
            (host(32_768, 60_999), Verdict::Ok, Some(28_232)),
            (host(32_768, 33_767), Verdict::Ok, Some(1000)),
            (host(32_768, 33_766), Verdict::Warn, Some(999)),
            // The listener's own port is not available.
            (host(18_080, 18_080), Verdict::Fail, Some(0)),
            (Host::default(), Verdict::Ok, None),
        ];
        check_table(&one_forward(1000), &cases, local_ports);
        let reserved = Host { reserved_ports: vec![1..=4, 12..=20], ..host(10, 15) };
        check_table(&one_forward(2), &[(reserved, Verdict::Ok, Some(2))], local_ports);
    }

    #[test]
    fn targets_with_too_few_ports_are_listed_by_demand() {
        let plan = plan_of(
            "[[forward]]\nlisten = ':1'\nto = 'a:1'\nmax_sessions = 30\n\
             [[forward]]\nlisten = ':2'\nto = 'b:1'\nmax_sessions = 10\n\
             [[forward]]\nlisten = ':3'\nto = 'c:1'\nmax_sessions = 50\n",
        );
        let finding = local_ports(&Demand::of(&plan), &host(40_001, 40_010));
        let named: Vec<_> = finding.details.iter().map(|it| it.of.as_str()).collect();
        assert_eq!((named, finding.sessions), (vec!["c:1", "a:1"], Some(30)));
        assert_eq!(finding.verdict, Verdict::Warn);
        let wider = "sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"";
        assert_eq!(finding.change, [wider, SOURCES]);
    }

    #[test]
    fn each_source_address_has_all_the_ports() {
        let plan = plan_of(
            "[[forward]]\nlisten = ':1'\nto = '10.0.0.1:1'\nmax_sessions = 30\n\
             local_address = ['10.0.0.7-10.0.0.9', '::1']\n",
        );
        let finding = local_ports(&Demand::of(&plan), &host(40_001, 40_010));
        assert_eq!((finding.verdict, finding.sessions), (Verdict::Ok, Some(30)));
    }

    #[test]
    fn a_unix_socket_takes_no_port() {
        let plan = plan_of("[[forward]]\nlisten = ':1'\nto = 'unix:/socket'\n");
        let finding = local_ports(&Demand::of(&plan), &host(40_000, 40_000));
        assert_eq!((finding.verdict, finding.sessions), (Verdict::Ok, None));
    }

    #[test]
    fn listeners_on_ephemeral_ports_should_be_reserved() {
        let cases = [
            (host(18_080, 18_090), Verdict::Warn, None),
            (host(18_081, 18_090), Verdict::Ok, None),
            (Host { reserved_ports: vec![18_000..=18_080], ..host(1, 65_535) }, Verdict::Ok, None),
        ];
        check_table(&one_forward(1), &cases, listener_ports);
        let plan = plan_of(
            "[[forward]]\nlisten = [':40000', ':40001', ':40002', ':50000', ':9']\nto = 'a:1'\n",
        );
        let host = Host { reserved_ports: vec![8..=8, 40_003..=40_004], ..host(32_768, 60_999) };
        let change = listener_ports(&Demand::of(&plan), &host).change;
        let reserved = "sysctl -w net.ipv4.ip_local_reserved_ports=8,40000-40004,50000";
        assert_eq!(change, [reserved]);
    }
}
