//! The connection-tracking table of a firewall or of address translation.

use crate::check::Check;
use crate::demand::Demand;
use crate::finding::{Finding, Verdict, goal};
use host::{ENTRIES_PER_SESSION, Host, conntrack_room};

/// Judges the table's size: once it is full, the kernel drops packets of new connections.
pub(super) fn conntrack(demand: &Demand<'_>, host: &Host) -> Finding {
    let Some(most) = host.conntrack_max else {
        let found = "connection tracking is off, or its table cannot be read";
        return Finding::new(Check::Conntrack, Verdict::Ok, found);
    };
    let used = host.conntrack_count.unwrap_or(0);
    let room = conntrack_room(most, used);
    let found = format!("net.netfilter.nf_conntrack_max is {most}, and {used} are in use");
    let needed = used.saturating_add(goal(room, demand.sessions) * ENTRIES_PER_SESSION);
    Finding::limit(Check::Conntrack, room, demand.sessions, found)
        .change([format!("sysctl -w net.netfilter.nf_conntrack_max={needed}")])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{check_table, one_forward};

    #[test]
    fn each_session_takes_two_entries() {
        let host = |most, count| Host {
            conntrack_max: Some(most),
            conntrack_count: Some(count),
            ..Host::default()
        };
        let cases = [
            (host(262_144, 144), Verdict::Ok, Some(131_000)),
            (host(2048, 1048), Verdict::Warn, Some(500)),
            (host(2048, 2048), Verdict::Fail, Some(0)),
            (Host::default(), Verdict::Ok, None),
        ];
        check_table(&one_forward(1000), &cases, conntrack);
        let plan = one_forward(1000);
        let change = conntrack(&Demand::of(&plan), &host(2048, 1048)).change;
        assert_eq!(change, ["sysctl -w net.netfilter.nf_conntrack_max=3048"]);
    }
}
