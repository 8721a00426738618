//! The kernel's queues of a listener, which limit bursts of new clients and not the number of
//! sessions.

use crate::check::Check;
use crate::demand::Demand;
use crate::finding::{Finding, Verdict};
use host::Host;

/// Sufficient length of the accept queue: the kernel's default since 5.4.
const AMPLE_LISTEN_QUEUE: u64 = 4096;
/// Sufficient length of the SYN queue.
const AMPLE_SYN_QUEUE: u64 = 1024;

/// Judges the queue of clients that wait for accept(2).
pub(super) fn listen_queue(demand: &Demand<'_>, host: &Host) -> Finding {
    let Some(most) = host.somaxconn else { return Finding::unknown(Check::ListenQueue) };
    let asked = u64::from(sys::listen::BACKLOG.unsigned_abs());
    let found = format!(
        "{} clients can wait in the queue of each listener: net.core.somaxconn is {most}, and \
         listen(2) asks for {asked}",
        most.min(asked)
    );
    let ample = AMPLE_LISTEN_QUEUE.min(demand.sessions);
    let verdict = if most < ample { Verdict::Warn } else { Verdict::Ok };
    let raised = AMPLE_LISTEN_QUEUE.max(most.saturating_mul(2)).min(asked);
    let change = (raised > most).then(|| format!("sysctl -w net.core.somaxconn={raised}"));
    Finding::new(Check::ListenQueue, verdict, found).change(change)
}

/// Judges the queue of incomplete handshakes.
pub(super) fn syn_queue(demand: &Demand<'_>, host: &Host) -> Finding {
    let Some(most) = host.max_syn_backlog else { return Finding::unknown(Check::SynQueue) };
    let has_cookies = host.syncookies.is_some_and(|mode| mode > 0);
    let beyond = if has_cookies {
        "SYN cookies serve more"
    } else {
        "more are dropped: net.ipv4.tcp_syncookies is 0"
    };
    let found = format!("{most} handshakes can be in flight at each listener; {beyond}");
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
    fn a_short_listen_queue_is_a_warning_for_many_sessions() {
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
        assert!(change(65_535).is_empty(), "listen(2) asks for no more");
    }

    #[test]
    fn a_short_syn_queue_is_a_warning_without_cookies() {
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
