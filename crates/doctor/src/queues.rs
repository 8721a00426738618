//! The kernel's queues of a listener. They bound how many clients may come at once, not how many
//! sessions there may be.

use crate::check::Check;
use crate::demand::Demand;
use crate::finding::{Finding, Verdict};
use host::Host;

/// More than this need not wait at once: it is the kernel's own default since 5.4.
const AMPLE_LISTEN_QUEUE: u64 = 4096;
/// The same of clients whose handshake is not complete.
const AMPLE_SYN_QUEUE: u64 = 1024;

/// Clients that wait to be accepted.
pub(super) fn listen_queue(demand: &Demand<'_>, host: &Host) -> Finding {
    let Some(most) = host.somaxconn else { return Finding::unknown(Check::ListenQueue) };
    let asked = u64::from(sys::listen::BACKLOG.unsigned_abs());
    let found = format!(
        "{} clients may wait at each listener to be accepted: net.core.somaxconn is {most}, and \
         {asked} are asked for",
        most.min(asked)
    );
    let ample = AMPLE_LISTEN_QUEUE.min(demand.sessions);
    let verdict = if most < ample { Verdict::Warn } else { Verdict::Ok };
    let raised = AMPLE_LISTEN_QUEUE.max(most.saturating_mul(2)).min(asked);
    let change = (raised > most).then(|| format!("sysctl -w net.core.somaxconn={raised}"));
    Finding::new(Check::ListenQueue, verdict, found).change(change)
}

/// Clients whose handshake is not complete.
pub(super) fn syn_queue(demand: &Demand<'_>, host: &Host) -> Finding {
    let Some(most) = host.max_syn_backlog else { return Finding::unknown(Check::SynQueue) };
    let has_cookies = host.syncookies.is_some_and(|mode| mode > 0);
    let beyond = if has_cookies {
        "SYN cookies serve more"
    } else {
        "more are dropped: net.ipv4.tcp_syncookies is 0"
    };
    let found = format!("{most} handshakes may be under way at each listener; {beyond}");
    let is_small = most < AMPLE_SYN_QUEUE.min(demand.sessions) && !has_cookies;
    let verdict = if is_small { Verdict::Warn } else { Verdict::Ok };
    let raised = AMPLE_SYN_QUEUE.max(most.saturating_mul(2));
    let cookies = (!has_cookies).then(|| "sysctl -w net.ipv4.tcp_syncookies=1".to_owned());
    let change = [format!("sysctl -w net.ipv4.tcp_max_syn_backlog={raised}")];
    Finding::new(Check::SynQueue, verdict, found).change(cookies.into_iter().chain(change))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{check_table, one_forward};

    #[test]
    fn a_short_listen_queue_is_warned_of_if_so_many_may_come() {
        let host = |somaxconn| Host { somaxconn: Some(somaxconn), ..Host::default() };
        let many = [
            (host(128), Verdict::Warn, None),
            (host(999), Verdict::Warn, None),
            (host(4096), Verdict::Ok, None),
            (Host::default(), Verdict::Ok, None),
        ];
        check_table(&one_forward(1000), &many, listen_queue);
        check_table(&one_forward(100), &[(host(128), Verdict::Ok, None)], listen_queue);
        let plan = one_forward(1000);
        let change = |most| listen_queue(&Demand::of(&plan), &host(most)).change;
        assert_eq!(change(128), ["sysctl -w net.core.somaxconn=4096"]);
        assert!(change(65_535).is_empty(), "more is not asked for");
    }

    #[test]
    fn a_short_syn_queue_is_warned_of_without_cookies() {
        let host = |backlog, cookies| Host {
            max_syn_backlog: Some(backlog),
            syncookies: Some(cookies),
            ..Host::default()
        };
        let cases = [
            (host(128, 1), Verdict::Ok, None),
            (host(128, 0), Verdict::Warn, None),
            (host(2048, 0), Verdict::Ok, None),
            (Host::default(), Verdict::Ok, None),
        ];
        check_table(&one_forward(1000), &cases, syn_queue);
    }
}
