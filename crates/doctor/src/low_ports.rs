//! Privileged ports.

use crate::check::Check;
use crate::demand::{Demand, ListenerDemand};
use crate::finding::{Finding, FindingDetail, Verdict};
use host::Host;

/// The kernel's default, used where the setting cannot be read.
const DEFAULT_START: u16 = 1024;

/// Judges listeners on privileged ports. `binds` is whether the lowest configured port can be bound;
/// `None` without a TCP port.
pub(super) fn low_ports(demand: &Demand<'_>, host: &Host, binds: Option<bool>) -> Finding {
    let start = host.unprivileged_port_start.unwrap_or(DEFAULT_START);
    let is_low = |it: &ListenerDemand<'_>| it.address.port().is_some_and(|port| port < start);
    let low: Vec<_> = demand.listeners().filter(is_low).collect();
    let Some(lowest) = low.iter().filter_map(|it| it.address.port()).min() else {
        let found = format!("no listener is on a privileged port (below {start})");
        return Finding::new(Check::LowPorts, Verdict::Ok, found);
    };
    let (count, user) = (low.len(), host.user());
    let listeners = if count == 1 { "1 listener is" } else { &format!("{count} listeners are") };
    if binds == Some(true) {
        let found = format!("{listeners} on ports below {start}, and {user} may bind them");
        return Finding::new(Check::LowPorts, Verdict::Ok, found);
    }
    let found = format!("{listeners} on ports below {start}, and {user} may not bind them");
    // A process without any listener does not start.
    let nothing_else = low.len() == demand.listeners().count();
    let details = low.iter().map(|it| {
        let verdict = if it.optional && !nothing_else { Verdict::Warn } else { Verdict::Fail };
        FindingDetail::new(verdict, &it.forward, format!("listens on {}", it.address))
    });
    let program = std::env::current_exe();
    let program =
        program.map_or_else(|_| "traffic-forwarder".into(), |it| it.display().to_string());
    Finding::new(Check::LowPorts, Verdict::Ok, found).details(details).change([
        format!("setcap cap_net_bind_service=+ep {program}"),
        "AmbientCapabilities=CAP_NET_BIND_SERVICE under [Service] of a systemd unit".to_owned(),
        format!("sysctl -w net.ipv4.ip_unprivileged_port_start={lowest}"),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::plan_of;

    fn host(start: u16) -> Host {
        Host { unprivileged_port_start: Some(start), ..Host::default() }
    }

    #[test]
    fn low_ports_that_cannot_be_bound_fail() {
        let plan =
            plan_of("[[forward]]\nname = 'web'\nlisten = [':443', ':80', ':8080']\nto = 'a:1'\n");
        let demand = Demand::of(&plan);
        for (start, binds, expected) in [
            (1024, Some(false), Verdict::Fail),
            (1024, Some(true), Verdict::Ok),
            (80, None, Verdict::Ok),
            (443, Some(false), Verdict::Fail),
        ] {
            assert_eq!(low_ports(&demand, &host(start), binds).verdict, expected, "{start}");
        }
        let finding = low_ports(&demand, &host(1024), Some(false));
        assert_eq!(finding.details.len(), 2);
        assert_eq!(finding.change[2], "sysctl -w net.ipv4.ip_unprivileged_port_start=80");
        assert_eq!(low_ports(&demand, &Host::default(), Some(false)).verdict, Verdict::Fail);
    }

    #[test]
    fn an_optional_forward_is_a_warning_unless_it_is_the_only_one() {
        let judge = |text: &str| low_ports(&Demand::of(&plan_of(text)), &host(1024), Some(false));
        assert_eq!(judge("80|a|1\n8080|a|1\n").verdict, Verdict::Warn);
        assert_eq!(judge("80|a|1\n").verdict, Verdict::Fail);
    }
}
