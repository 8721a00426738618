//! A process with its descendants: their resource usage from `/proc`, and their termination.
//!
//! Some forwarders fork twice for each session, so the kernel gives the working process a new
//! parent: this one ([`adopt_orphans`]). Orphans with the name of the root belong to its tree,
//! ended ones included, because they are not reaped before [`Tree::kill`].

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{
    Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, waitpid,
};

use crate::failure;

/// Clock ticks per second in `/proc/PID/stat`: part of the kernel's ABI.
const USER_HZ: u64 = 100;

/// Makes us the parent of whatever our descendants leave behind.
pub(crate) fn adopt_orphans() -> failure::Result<()> {
    Ok(set_child_subreaper(Some(getpid()))?)
}

/// A process that we started, and whatever it starts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tree {
    root: u32,
}

/// What `/proc/PID/stat` says that we need.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    name: String,
    parent: u32,
    /// Its own CPU time, in ticks.
    own: u64,
    /// That of the children it has waited for, in ticks.
    waited_for: u64,
}

impl Tree {
    /// The tree of a child of ours.
    pub(super) fn of(root: u32) -> Self {
        Self { root }
    }

    /// CPU time used so far, user and system.
    pub(super) fn cpu_time(self) -> Duration {
        let of_one = |(pid, stat): &(u32, Stat)| {
            let own = run_time(*pid).unwrap_or_else(|| of_ticks(stat.own));
            own + of_ticks(stat.waited_for)
        };
        self.processes().iter().map(of_one).sum()
    }

    /// The peak of the resident memory, in bytes; of several processes the sum of their peaks, in
    /// which pages that they share count several times.
    pub(super) fn peak_bytes(self) -> u64 {
        self.sum_of_status("VmHWM")
    }

    /// The resident memory, in bytes; pages that several processes share count several times.
    pub(super) fn resident_bytes(self) -> u64 {
        self.sum_of_status("VmRSS")
    }

    /// The resident memory that no file backs, in bytes.
    pub(super) fn anonymous_bytes(self) -> u64 {
        self.sum_of_status("RssAnon")
    }

    /// Number of open descriptors.
    pub(super) fn descriptors(self) -> u64 {
        let count = |pid: &u32| fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        self.processes().iter().map(|(pid, _)| crate::stats::wide(count(pid))).sum()
    }

    /// The numbers of its processes.
    pub(super) fn pids(self) -> Vec<u32> {
        self.processes().iter().map(|(pid, _)| *pid).collect()
    }

    /// Kills all of them. The root's parent, which is us, has to wait for it.
    pub(super) fn kill(self) {
        // The root may start another child between the look and the kill, but not after it.
        const ROUNDS: usize = 3;
        for _ in 0..ROUNDS {
            for (pid, _) in self.processes() {
                self.kill_one(pid);
            }
        }
    }

    fn kill_one(self, number: u32) {
        let Some(pid) = i32::try_from(number).ok().and_then(Pid::from_raw) else { return };
        // One that has ended meanwhile needs no signal.
        let _ = kill_process(pid, Signal::KILL);
        if number != self.root {
            // Fails for those that are not our children, which others wait for.
            let _ = waitpid(Some(pid), WaitOptions::empty());
        }
    }

    fn sum_of_status(self, name: &str) -> u64 {
        let value =
            |pid: u32| status_kib(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, name);
        self.processes().iter().filter_map(|(pid, _)| value(*pid)).sum::<u64>() * 1024
    }

    /// The root and its descendants.
    fn processes(self) -> Vec<(u32, Stat)> {
        let mut all: HashMap<u32, Stat> = HashMap::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
            let Some(pid) = pid else { continue };
            let stat = fs::read_to_string(entry.path().join("stat"));
            if let Some(stat) = stat.ok().as_deref().and_then(parse_stat) {
                all.insert(pid, stat);
            }
        }
        let Some(root) = all.remove_entry(&self.root) else { return Vec::new() };
        let us = std::process::id();
        let orphans = all.iter().filter(|(_, it)| it.parent == us && it.name == root.1.name);
        let orphans: Vec<u32> = orphans.map(|(pid, _)| *pid).collect();
        let mut tree = vec![root];
        tree.extend(orphans.iter().filter_map(|pid| all.remove_entry(pid)));
        let mut looked_at = 0;
        while looked_at < tree.len() {
            let parent = tree[looked_at].0;
            let children = all.iter().filter(|(_, stat)| stat.parent == parent);
            let children: Vec<u32> = children.map(|(pid, _)| *pid).collect();
            tree.extend(children.iter().filter_map(|pid| all.remove_entry(pid)));
            looked_at += 1;
        }
        tree
    }
}

fn of_ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1000 / USER_HZ)
}

/// CPU time of a process's threads in nanoseconds. `/proc/PID/stat` counts in steps of 10 ms and
/// rounds down, which loses short-lived processes entirely. `None` if the kernel does not provide
/// it.
fn run_time(pid: u32) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten();
    let of_thread = |path: PathBuf| {
        let text = fs::read_to_string(path.join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    };
    threads.map(|thread| of_thread(thread.path())).sum()
}

fn parse_stat(text: &str) -> Option<Stat> {
    // The name in parentheses may itself have spaces and parentheses in it.
    let (head, fields) = text.rsplit_once(") ")?;
    let name = head.split_once(" (")?.1.to_owned();
    let fields: Vec<_> = fields.split_whitespace().collect();
    let times = fields.get(11..15)?.iter().map(|ticks| ticks.parse::<u64>());
    let times = times.collect::<Result<Vec<_>, _>>().ok()?;
    let (own, waited_for) = (times[0] + times[1], times[2] + times[3]);
    Some(Stat { name, parent: fields.get(1)?.parse().ok()?, own, waited_for })
}

fn status_kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn the_kernels_files_are_read() {
        let stat = "7 (a (b) c) S 3 7 7 0 -1 4194304 1 2 3 4 10 20 30 40 20 0 1 0 5";
        assert_eq!(
            parse_stat(stat),
            Some(Stat { name: "a (b) c".into(), parent: 3, own: 30, waited_for: 70 })
        );
        assert_eq!(status_kib("VmHWM:\t  12 kB\nRssAnon:\t 34 kB\n", "RssAnon"), Some(34));
        assert_eq!(status_kib("VmHWMX: 1 kB", "VmHWM"), None);
    }

    #[test]
    fn a_tree_has_its_children_and_ends_as_a_whole() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 1000 & echo up; wait"]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = [0; 3];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut line).unwrap();
        let tree = Tree::of(child.id());
        let pids = tree.pids();
        assert_eq!(pids.len(), 2);
        assert!(tree.anonymous_bytes() > 0 && tree.resident_bytes() > tree.anonymous_bytes());
        assert!(tree.peak_bytes() >= tree.resident_bytes());
        assert!(tree.descriptors() >= 6);
        tree.kill();
        child.wait().unwrap();
        assert!(tree.processes().is_empty());
        let gone = || parse_stat(&fs::read_to_string(format!("/proc/{}/stat", pids[1])).ok()?);
        // Its new parent may not have waited for it yet.
        assert!(gone().is_none_or(|stat| stat.parent != child.id()));
    }
}
