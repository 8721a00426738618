//! Resource usage of this process.

use crate::host::read_clock;
use rustix::time::ClockId;
use std::time::Duration;

/// CPU time and memory of all threads together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time in user mode and in the kernel.
    pub cpu: Duration,
    /// Resident memory in bytes; zero without `/proc`.
    pub resident: u64,
    /// Virtual address space in bytes; zero without `/proc`.
    pub address_space: u64,
    /// Number of threads; zero without `/proc`.
    pub threads: u64,
}

/// Measures the current usage.
pub fn usage() -> Usage {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let cpu = read_clock(ClockId::ProcessCPUTime);
    Usage { cpu, ..memory_and_threads(&status) }
}

/// Parses proc_pid_status(5), where sizes are in units of 1024 bytes.
fn memory_and_threads(status: &str) -> Usage {
    let mut usage = Usage::default();
    for line in status.lines() {
        let mut words = line.split_whitespace();
        let (key, number) = (words.next(), words.next().and_then(|word| word.parse::<u64>().ok()));
        match (key, number) {
            (Some("VmSize:"), Some(size)) => usage.address_space = size * 1024,
            (Some("VmRSS:"), Some(size)) => usage.resident = size * 1024,
            (Some("Threads:"), Some(threads)) => usage.threads = threads,
            _ => {}
        }
    }
    usage
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory_and_threads() {
        let usage = usage();
        assert!(usage.cpu > Duration::ZERO && usage.threads >= 1, "{usage:?}");
        assert!(usage.resident > 0 && usage.address_space >= usage.resident, "{usage:?}");
    }

    #[test]
    fn sizes_are_bytes() {
        let status = "Name:\tVmRSS: 7\nVmSize:\t    3000 kB\nVmRSS:\t  2 kB\nThreads:\t5\n";
        let usage = memory_and_threads(status);
        assert_eq!((usage.address_space, usage.resident, usage.threads), (3_072_000, 2048, 5));
    }
}
