//! The room that each limit of the host leaves, in sessions: for the metrics of a running process,
//! and for `doctor`.

use crate::capacity::FILES_PER_SESSION;
use crate::readings::Host;
use engine::Engine;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a result is reused: reading opens some twenty files.
const HOLDS: Duration = Duration::from_secs(5);

/// What an idle session takes, in bytes, rounded up: two sockets with their files and their places
/// in epoll (measured: 6 KiB of kernel memory), and our own record.
pub const IDLE_SESSION: u64 = 8 * 1024;
/// Tracked connections of a session: the client's and the target's.
pub const ENTRIES_PER_SESSION: u64 = 2;

/// The limits of a host, each with the name of the check of `doctor` that examines it.
pub const LIMITS: [&str; 6] =
    ["open_files", "system_files", "local_ports", "memory", "tcp_memory", "conntrack"];

/// Further sessions, by the limit that allows no more than that.
pub type Rooms = Vec<(&'static str, u64)>;

/// Caches the last result.
#[derive(Debug, Default)]
pub struct Headroom {
    kept: Option<(Instant, Rooms)>,
}

impl Headroom {
    /// The room by each limit. `possible` is what the open-file limit of the process allows.
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

/// Sessions that may come on top of those of this process, by the files of the whole system.
fn system_room(host: &Host) -> Option<u64> {
    Some(host.file_max?.saturating_sub(host.system_files?) / FILES_PER_SESSION)
}

/// Further idle sessions that fit.
fn memory_room(host: &Host) -> Option<u64> {
    memory_left(host).map(|(left, _)| left / IDLE_SESSION)
}

/// The bytes that may be used, and who leaves no more than that.
pub fn memory_left(host: &Host) -> Option<(u64, &'static str)> {
    let of_group = host.group_memory.map(|left| (left, "the control group leaves"));
    let of_host = host.available_memory.map(|left| (left, "the host has left"));
    of_group.into_iter().chain(of_host).min_by_key(|(left, _)| *left)
}

/// Further sessions with bytes under way.
pub fn tcp_room(host: &Host) -> Option<u64> {
    let left = host.tcp_mem?[2].saturating_sub(host.tcp_pages_used);
    Some(left.saturating_mul(host.page_size) / busy_session(host)?)
}

/// What a session with bytes under way takes at least, in bytes: the kernel grants each socket its least buffers, however short memory is (tcp(7)).
pub fn busy_session(host: &Host) -> Option<u64> {
    let [receive, send] = host.least_buffers?;
    Some((2 * (receive + send)).max(1))
}

/// Further sessions that fit in a table of `most` tracked connections, of which `used` are in use.
pub fn conntrack_room(most: u64, used: u64) -> u64 {
    most.saturating_sub(used) / ENTRIES_PER_SESSION
}

/// The sessions to the TCP target that has most. Those of a forward with several targets count for
/// each of them: nobody counts sessions by target.
fn busiest_target(engine: &Engine) -> u64 {
    let mut by_target: HashMap<&plan::Target, u64> = HashMap::new();
    for forward in engine.forwards() {
        let sessions = u64::from(forward.sessions());
        if sessions == 0 {
            continue;
        }
        let mut last = None;
        for target in forward.plan.routes.iter().map(|route| &route.target) {
            // Most forwards with several listeners have one target.
            if target.port().is_some() && last != Some(target) {
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
    fn every_limit_has_a_room_where_the_host_shows_its_figures() {
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
    fn rooms_are_what_is_left_and_the_unknown_is_left_out() {
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
