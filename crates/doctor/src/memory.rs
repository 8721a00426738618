//! Memory of the host or container, and its part for TCP buffers.

use crate::check::Check;
use crate::demand::Demand;
use crate::finding::{Finding, Verdict, goal};
use flow::Buffers;
use host::{Host, IDLE_SESSION, busy_session, memory_left, tcp_room};
use plan::Forward;
use std::sync::Arc;

const MIB: u64 = 1024 * 1024;

/// Judges the memory for idle sessions.
pub(super) fn memory(demand: &Demand<'_>, host: &Host) -> Finding {
    let Some((left, whose)) = memory_left(host) else { return Finding::unknown(Check::Memory) };
    let room = left / IDLE_SESSION;
    let found = format!(
        "{whose} {} MiB; an idle session takes {} KiB, most of them in the kernel",
        left / MIB,
        IDLE_SESSION / 1024
    );
    let needed = goal(room, demand.sessions).saturating_mul(IDLE_SESSION) / MIB + 1;
    let change =
        format!("{needed} MiB of free memory; MemoryMax= of a systemd unit limits it as well");
    Finding::limit(Check::Memory, room, demand.sessions, found).change([change])
}

/// Judges the memory for sessions that all have bytes in flight.
pub(super) fn tcp_memory(demand: &Demand<'_>, host: &Host) -> Finding {
    let (Some(room), Some(pages), Some(session)) =
        (tcp_room(host), host.tcp_mem, busy_session(host))
    else {
        return unlimited_here(host);
    };
    let [low, pressure, high] = pages;
    let found = format!(
        "net.ipv4.tcp_mem is {low} {pressure} {high} pages of {} bytes, {} used; a session with \
         bytes in flight in both directions takes at least {} KiB",
        host.page_size,
        host.tcp_pages_used,
        session / 1024
    );
    let found = found + &full_buffers(demand, host).unwrap_or_default();
    let finding = Finding::limit(Check::TcpMemory, room, demand.sessions, found);
    let aim = goal(room, demand.sessions).saturating_mul(session) / host.page_size.max(1);
    // The thresholds keep their proportions. u128 holds every product of two u64.
    let needed = aim.saturating_add(host.tcp_pages_used + 1);
    let scaled = |pages: u64| u128::from(pages) * u128::from(needed) / u128::from(high.max(1));
    let (low, pressure) = (scaled(low), scaled(pressure));
    finding.change([format!("sysctl -w net.ipv4.tcp_mem=\"{low} {pressure} {needed}\"")])
}

/// Linux shows `tcp_mem` in its first network namespace only, and the buffers' sizes in each.
fn unlimited_here(host: &Host) -> Finding {
    if host.tcp_mem.is_some() || busy_session(host).is_none() {
        return Finding::unknown(Check::TcpMemory);
    }
    let found = "net.ipv4.tcp_mem limits the sockets of all network namespaces together, and is not shown in \
                 this one: see it on the host, outside of containers";
    Finding::new(Check::TcpMemory, Verdict::Ok, found)
}

/// The memory that the sessions take if all of their peers stop reading: both buffers of two sockets each.
fn full_buffers(demand: &Demand<'_>, host: &Host) -> Option<String> {
    let [receive, send] = host.most_buffers?;
    let of = |forward: &Arc<Forward>| {
        let Buffers { send: set_send, receive: set_receive, .. } = forward.settings.buffers();
        // The kernel doubles a size that is set (socket(7)).
        let size = |set: Option<u32>, most| set.map_or(most, |set| 2 * u64::from(set));
        2 * (size(set_receive, receive) + size(set_send, send))
    };
    let session = demand.plan.forwards.iter().map(of).max()?;
    let (all, sessions) = (session.saturating_mul(demand.sessions), demand.sessions);
    let (all_mib, kib) = (all / MIB, session / 1024);
    let most = host.tcp_mem?[2].saturating_mul(host.page_size);
    let compared = if all > most {
        format!(
            "more than the {} MiB of tcp_mem: send_buffer, receive_buffer and max_sessions bound them, and \
             stall_timeout ends them",
            most / MIB
        )
    } else {
        format!("within the {} MiB of tcp_mem", most / MIB)
    };
    let sessions = plan::counted(usize::try_from(sessions).unwrap_or(usize::MAX), "session");
    Some(format!(
        "; {sessions} whose peers stop reading take up to {all_mib} MiB, {kib} KiB each, {compared}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{check_table, one_forward};

    #[test]
    fn the_lower_of_host_and_control_group_counts() {
        let host = |available_memory, group_memory| Host {
            available_memory,
            group_memory,
            ..Host::default()
        };
        let cases = [
            (host(Some(1024 * MIB), None), Verdict::Ok, Some(131_072)),
            (host(Some(1024 * MIB), Some(4 * MIB)), Verdict::Warn, Some(512)),
            (host(Some(4 * MIB), Some(64 * MIB)), Verdict::Warn, Some(512)),
            (host(Some(0), None), Verdict::Fail, Some(0)),
            (host(None, None), Verdict::Ok, None),
        ];
        check_table(&one_forward(1000), &cases, memory);
        let plan = one_forward(1000);
        let found = |host| memory(&Demand::of(&plan), &host).found;
        assert!(found(host(Some(5 * MIB), Some(4 * MIB))).starts_with("the control group"));
        assert!(found(host(Some(4 * MIB), Some(5 * MIB))).starts_with("the host"));
    }

    #[test]
    fn full_buffers_are_compared_with_tcp_mem() {
        let host = Host {
            tcp_mem: Some([1, 2, 2_000_000]),
            most_buffers: Some([6 * MIB, 4 * MIB]),
            page_size: 4096,
            ..Host::default()
        };
        let found = |plan: &plan::Plan| full_buffers(&Demand::of(plan), &host).unwrap();
        let text = found(&one_forward(1000));
        assert!(
            text.contains("up to 20000 MiB, 20480 KiB each, more than the 7812 MiB of"),
            "{text}"
        );
        let mut plan = one_forward(1000);
        let forward = Arc::make_mut(&mut plan.forwards[0]);
        (forward.settings.send_buffer, forward.settings.receive_buffer) =
            (Some(65_536), Some(65_536));
        let text = found(&plan);
        assert!(text.contains("up to 500 MiB, 512 KiB each, within the 7812 MiB of"), "{text}");
    }

    #[test]
    fn sessions_follow_from_minimum_buffers_and_the_maximum_of_tcp_mem() {
        let host = |pages, tcp_pages_used| Host {
            tcp_mem: Some(pages),
            tcp_pages_used,
            least_buffers: Some([4096, 4096]),
            page_size: 4096,
            ..Host::default()
        };
        let cases = [
            (host([2000, 3000, 4000], 0), Verdict::Ok, Some(1000)),
            (host([2000, 3000, 4000], 400), Verdict::Warn, Some(900)),
            (host([2000, 3000, 4000], 4000), Verdict::Fail, Some(0)),
            (Host::default(), Verdict::Ok, None),
        ];
        check_table(&one_forward(1000), &cases, tcp_memory);
        let plan = one_forward(1000);
        let in_namespace = Host { least_buffers: Some([4096, 4096]), ..Host::default() };
        let finding = tcp_memory(&Demand::of(&plan), &in_namespace);
        assert_eq!((finding.verdict, finding.sessions), (Verdict::Ok, None));
        assert!(finding.found.contains("all network namespaces together"), "{finding:?}");
        let change = tcp_memory(&Demand::of(&plan), &host([2000, 3000, 4000], 2000)).change;
        assert_eq!(change, ["sysctl -w net.ipv4.tcp_mem=\"3000 4500 6001\""]);
    }
}
