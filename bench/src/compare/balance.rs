//! Distribution of bulk streams over workers.
//!
//! A worker serves the sockets in its own epoll instance, which the kernel lists
//! (`/proc/PID/fdinfo`, proc(5)). CPU time per thread is no substitute: two busy threads look
//! alike, however many streams each has.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::time::Duration;

use super::stage::{Bench, GIB, MARGIN, Sample, Stage, number};
use crate::failure::Result;
use crate::stats::{float, wide};

/// An epoll instance: the process that has it, and its descriptor.
type Instance = (u32, u32);

/// What each instance watches, by descriptor.
type Watched = BTreeMap<Instance, BTreeSet<u32>>;

/// Bulk streams through a forwarder with several workers.
pub(super) fn balance(
    bench: &Bench<'_>,
    stage: &Stage<'_>,
    streams: usize,
    workers: usize,
) -> Result<Sample> {
    let running = stage.forwarder()?;
    let watched = || watched(&running.tree.pids());
    // The connections with which its readiness was tried shall be gone.
    std::thread::sleep(MARGIN);
    let before = watched();
    let words = bench.words("bulk", Duration::ZERO, &[("streams", streams.to_string())]);
    let bulk = stage.start(&words)?;
    // A forwarder may need some time to find its balance.
    std::thread::sleep(bench.warmup + bench.seconds.mul_f64(0.75));
    let during = watched();
    let rate = number(&bulk.result()?["rate"]) / GIB;
    let mut sample = stage.cost();
    sample.insert("rate", rate);
    if let Some(shares) = shares(&before, &during, workers) {
        let of_streams = |share: Option<&f64>| share.map_or(0.0, |it| it * float(wide(streams)));
        sample.insert("most", of_streams(shares.first()));
        sample.insert("least", of_streams(shares.last()));
    }
    Ok(sample)
}

/// Share of each worker in the sockets registered since `before`, largest first. `None` if there
/// are fewer epoll instances than workers: they then share one, and any worker serves any stream.
fn shares(before: &Watched, during: &Watched, workers: usize) -> Option<Vec<f64>> {
    let mut seen = HashSet::new();
    // A duplicated descriptor, dup(2), is no instance of its own: both watch the same.
    let is_first = |((pid, _), watched): &(&Instance, &BTreeSet<u32>)| {
        watched.is_empty() || seen.insert((*pid, (*watched).clone()))
    };
    let grown = |(instance, watched): (&Instance, &BTreeSet<u32>)| {
        watched.len().saturating_sub(before.get(instance).map_or(0, BTreeSet::len))
    };
    let mut grown: Vec<_> = during.iter().filter(is_first).map(grown).collect();
    grown.sort_unstable_by(|a, b| b.cmp(a));
    grown.truncate(workers);
    let sum: usize = grown.iter().sum();
    let share = |count: usize| float(wide(count)) / float(wide(sum));
    (grown.len() == workers && sum > 0).then(|| grown.into_iter().map(share).collect())
}

/// The descriptors that each epoll instance of some processes watches.
fn watched(pids: &[u32]) -> Watched {
    let mut all = Watched::new();
    for pid in pids {
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
            let is_epoll = fs::read_link(entry.path())
                .is_ok_and(|link| link.as_os_str() == "anon_inode:[eventpoll]");
            let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
            let Some(number) = number.filter(|_| is_epoll) else { continue };
            // One that is closed meanwhile watches nothing.
            let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}"));
            let watched = info.unwrap_or_default().lines().filter_map(target).collect();
            all.insert((*pid, number), watched);
        }
    }
    all
}

/// The watched descriptor of a line of fdinfo.
fn target(line: &str) -> Option<u32> {
    line.strip_prefix("tfd:")?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fd::AsFd;
    use std::net::UdpSocket;
    use sys::Epoll;

    #[test]
    fn the_kernel_tells_what_an_instance_watches() {
        let sockets: Vec<_> = (0..3).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        let epoll = Epoll::new().unwrap();
        for socket in &sockets {
            epoll.add_connection(socket.as_fd(), 0).unwrap();
        }
        let pid = std::process::id();
        let counts = watched(&[pid]);
        // Other tests of this process may have instances of their own.
        assert!(counts.values().any(|watched| watched.len() == 3), "{counts:?}");
    }

    #[test]
    fn shares_are_of_what_has_been_added() {
        let watched = |counts: [(u32, std::ops::Range<u32>); 3]| -> Watched {
            counts.into_iter().map(|(number, range)| ((1, number), range.collect())).collect()
        };
        let before = watched([(3, 0..2), (4, 30..32), (5, 50..57)]);
        let during = watched([(3, 0..8), (4, 30..42), (5, 50..57)]);
        assert_eq!(shares(&before, &during, 2), Some(vec![10.0 / 16.0, 6.0 / 16.0]));
        assert_eq!(shares(&before, &before, 2), None);
        // One instance with three descriptors.
        let shared = watched([(3, 0..8), (4, 0..8), (5, 0..8)]);
        assert_eq!(shares(&Watched::new(), &shared, 2), None);
    }
}
