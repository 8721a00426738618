//! Headroom under each limit of the host, in sessions: for the metrics of a running process, and
//! for `doctor`.

use crate::capacity::FILES_PER_SESSION;
use crate::readings::Host;
use engine::Engine;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};

/// Lifetime of a cached result: reading opens about twenty files.
const HOLDS: Duration = Duration::from_secs(5);

/// Memory of an idle session in bytes, rounded up: two sockets with their files and epoll entries
/// (measured: 6 KiB of kernel memory), and our table entry.
pub const IDLE_SESSION: u64 = 8 * 1024;
/// Connection-tracking entries of a session: the client's and the target's.
pub const ENTRIES_PER_SESSION: u64 = 2;

/// Names of the limits, which are those of the checks of `doctor` that examine them.
pub const LIMITS: [&str; 6] =
    ["open_files", "system_files", "local_ports", "memory", "tcp_memory", "conntrack"];

/// Additional sessions that each limit allows, by the name of the limit.
pub type Rooms = Vec<(&'static str, u64)>;

/// Computes the headroom, and caches the result for `HOLDS`.
#[derive(Debug, Default)]
pub struct Headroom {
    kept: Option<(Instant, Rooms)>,
}

impl Headroom {
    /// Headroom under each limit. `possible` is the number of sessions that the open-file limit
    /// allows.
    pub fn rooms(&mut self, engine: &Engine, possible: u32) -> Rooms {
        if let Some((at, rooms)) = &self.kept
            && at.elapsed() < HOLDS
        {
            return rooms.clone();
        }
        let host = Host::read(Path::new("/"));
        let busiest = busiest_target(engine);
        let rooms = rooms(&host, u64::from(possible), u64::from(engine.sessions()), busiest);
        self.kept = Some((Instant::now(), rooms.clone()));
        rooms
    }
}

fn rooms(host: &Host, possible: u64, open: u64, busiest: u64) -> Rooms {
    let ports = host.usable_ports(&BTreeSet::new()).map(|most| most.saturating_sub(busiest));
    let tracked = host.conntrack_max.map(|most| (most, host.conntrack_count.unwrap_or(0)));
    let rooms = [
        Some(possible.saturating_sub(open)),
        system_room(host),
        ports,
        memory_room(host),
        tcp_room(host),
        tracked.map(|(most, used)| conntrack_room(most, used)),
    ];
    LIMITS.into_iter().zip(rooms).filter_map(|(limit, room)| Some((limit, room?))).collect()
}

/// Additional sessions under the system-wide limit of open files.
fn system_room(host: &Host) -> Option<u64> {
    Some(host.file_max?.saturating_sub(host.system_files?) / FILES_PER_SESSION)
}

/// Additional idle sessions that fit into memory.
fn memory_room(host: &Host) -> Option<u64> {
    memory_left(host).map(|(left, _)| left / IDLE_SESSION)
}

/// Available memory in bytes, and the beginning of a sentence that names the tighter limit: the
/// control group's or the host's.
pub fn memory_left(host: &Host) -> Option<(u64, &'static str)> {
    let of_group = host.group_memory.map(|left| (left, "the control group leaves"));
    let of_host = host.available_memory.map(|left| (left, "the host has left"));
    of_group.into_iter().chain(of_host).min_by_key(|(left, _)| *left)
}

/// Additional sessions with bytes in flight that fit into `tcp_mem`.
pub fn tcp_room(host: &Host) -> Option<u64> {
    let left = host.tcp_mem?[2].saturating_sub(host.tcp_pages_used);
    Some(left.saturating_mul(host.page_size) / busy_session(host)?)
}

/// Minimum memory of a session with bytes in flight, in bytes: the kernel grants each socket the
/// minimum of `tcp_rmem` and `tcp_wmem` even under memory pressure (tcp(7)).
pub fn busy_session(host: &Host) -> Option<u64> {
    let [receive, send] = host.least_buffers?;
    Some((2 * (receive + send)).max(1))
}

/// Additional sessions that fit into a conntrack table of `most` entries, of which `used` are in use.
pub fn conntrack_room(most: u64, used: u64) -> u64 {
    most.saturating_sub(used) / ENTRIES_PER_SESSION
}

/// Number of sessions to the busiest TCP target. Sessions of a forward with several targets count
/// for each of them, since the engine counts sessions by forward.
fn busiest_target(engine: &Engine) -> u64 {
    let mut by_target: HashMap<&plan::Target, u64> = HashMap::new();
    for forward in engine.forwards() {
        let sessions = u64::from(forward.sessions());
        if sessions == 0 {
            continue;
        }
        // Each source address has the ports, and gets as many sessions as the others.
        let sources = forward.plan.settings.local_address.each().len().max(1);
        let sessions = sessions.div_ceil(sources as u64);
        let mut last = None;
        let entries = forward.plan.routes.iter().flat_map(|route| route.targets.iter());
        for target in entries.map(|entry| &entry.address) {
            // Cheap deduplication: most forwards with several listeners have one target.
            if target.is_tcp() && last != Some(target) {
                *by_target.entry(target).or_default() += sessions;
                last = Some(target);
            }
        }
    }
    by_target.into_values().max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_has_a_headroom_on_a_host_with_all_readings() {
        let host = Host {
            file_max: Some(9),
            system_files: Some(1),
            local_ports: Some(1..=9),
            available_memory: Some(1 << 20),
            tcp_mem: Some([1, 2, 3]),
            least_buffers: Some([1, 1]),
            conntrack_max: Some(9),
            ..Host::default()
        };
        let rooms: Vec<_> = rooms(&host, 9, 0, 0).into_iter().map(|(limit, _)| limit).collect();
        assert_eq!(rooms, LIMITS);
    }

    #[test]
    fn headroom_omits_limits_without_a_reading() {
        let host = Host {
            local_ports: Some(40_001..=40_100),
            conntrack_max: Some(1000),
            conntrack_count: Some(400),
            ..Host::default()
        };
        let expected = [("open_files", 93), ("local_ports", 95), ("conntrack", 300)];
        assert_eq!(rooms(&host, 100, 7, 5), expected);
        let full = rooms(&host, 5, 7, 500);
        assert_eq!(full[..2], [("open_files", 0), ("local_ports", 0)]);
    }
}
