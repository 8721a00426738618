//! The CPUs: how busy they are, and with what.

use std::fs;
use std::time::{Duration, Instant};

/// Clock ticks per second in `/proc`: part of the kernel's ABI.
const USER_HZ: u32 = 100;
/// Time over which the load by others is measured before a run.
const BEFORE: Duration = Duration::from_secs(3);

/// Ticks of the machine, and of all processes of this PID namespace with those that have ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    at: Instant,
    machine: u64,
    ours: u64,
}

impl Usage {
    pub(super) fn now() -> Self {
        Self { at: Instant::now(), machine: machine_ticks().unwrap_or(0), ours: our_ticks() }
    }

    /// CPUs that were busy since `before`: with this run, and with all else.
    pub(super) fn since(self, before: Self) -> (f64, f64) {
        let seconds = (self.at - before.at).as_secs_f64();
        let cpus = |ticks: u64| crate::stats::float(ticks) / f64::from(USER_HZ) / seconds;
        let (all, ours) = (self.machine - before.machine, self.ours.saturating_sub(before.ours));
        (cpus(ours), cpus(all.saturating_sub(ours)))
    }
}

/// CPUs that others keep busy before the run.
pub(super) fn by_others() -> f64 {
    let before = Usage::now();
    std::thread::sleep(BEFORE);
    Usage::now().since(before).1
}

/// All but idle and I/O wait (proc_stat(5)). Time of guests is part of user time.
fn machine_ticks() -> Option<u64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let fields = text.lines().next()?.split_whitespace().skip(1);
    let ticks: Vec<u64> = fields.filter_map(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq; stolen time went to other machines.
    Some(ticks.get(..3)?.iter().sum::<u64>() + ticks.get(5..7)?.iter().sum::<u64>())
}

/// Each process with its waited-for children: a process that has ended is counted once, with its parent.
fn our_ticks() -> u64 {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ticks = entries.filter_map(|entry| {
        entry.file_name().to_str()?.parse::<u32>().ok()?;
        ticks_of(&fs::read_to_string(entry.path().join("stat")).ok()?)
    });
    ticks.sum()
}

/// `utime`, `stime`, `cutime` and `cstime`, counted from the field after the name (proc_pid_stat(5)).
fn ticks_of(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields: Vec<_> = fields.split(' ').collect();
    fields.get(11..15)?.iter().map(|ticks| ticks.parse::<u64>()).sum::<Result<u64, _>>().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        let stat = "7 (a (b) c) S 3 7 7 0 -1 4194304 1 2 3 4 10 20 30 40 20 0 1 0 5";
        assert_eq!(ticks_of(stat), Some(100));
        assert!(machine_ticks().is_some_and(|ticks| ticks > 0));
        assert!(our_ticks() <= machine_ticks().unwrap() * 2);
    }
}
