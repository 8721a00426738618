//! The room that limits leave a running process, for its metrics.

use super::check::Check;
use super::host::Host;
use super::{conntrack, files, memory, ports};
use engine::Engine;
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// Whoever asks more often is told the same again: reading takes some twenty files.
const HOLDS: Duration = Duration::from_secs(5);

/// Further sessions, by the limit that allows no more than that.
pub(crate) type Rooms = Vec<(&'static str, u64)>;

/// Keeps what was read.
#[derive(Debug, Default)]
pub(crate) struct Headroom {
    kept: Option<(Instant, Rooms)>,
}

impl Headroom {
    /// The room by each limit. `possible` is what the open-file limit of the process allows.
    pub(crate) fn rooms(&mut self, engine: &Engine, possible: u32) -> Rooms {
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
    let ports = ports::sessions_per_target(host).map(|most| most.saturating_sub(busiest));
    let rooms = [
        (Check::OpenFiles, Some(possible.saturating_sub(open))),
        (Check::SystemFiles, files::system_room(host)),
        (Check::LocalPorts, ports),
        (Check::Memory, memory::memory_room(host)),
        (Check::TcpMemory, memory::tcp_room(host)),
        (Check::Conntrack, conntrack::conntrack_room(host)),
    ];
    rooms.into_iter().filter_map(|(check, room)| Some((check.as_str(), room?))).collect()
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
