//! Host resources available to this process.

use crate::Result;
use rustix::fs::{Access, access};
use rustix::process::{Resource, Rlimit, getegid, geteuid, getgroups, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use std::path::Path;
use std::time::Duration;

/// Limit of open descriptors (`RLIMIT_NOFILE`, getrlimit(2)). `u64::MAX` is no limit, as in the kernel
/// (`RLIM_INFINITY`).
pub fn open_files_limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Highest value to which an unprivileged process can raise [`open_files_limit`].
pub fn hard_open_files_limit() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX)
}

/// Size of a memory page in bytes, the unit of some kernel limits.
pub fn page_size() -> u64 {
    rustix::param::page_size() as u64
}

/// Raises the limit of open descriptors to the hard limit, and returns it. The low default exists
/// for select(2), which this process does not use.
pub fn raise_open_files_limit() -> u64 {
    let hard = getrlimit(Resource::Nofile).maximum;
    // On failure the current limit stays, and is returned.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: hard, maximum: hard });
    open_files_limit()
}

/// Number of open descriptors; `None` without `/proc`.
pub fn open_files() -> Option<u64> {
    const DESCRIPTORS: &str = "/proc/self/fd";
    // Since Linux 6.2 the size of the directory is the number of descriptors; before, it is 0.
    // Listing thousands of them takes milliseconds.
    let known = std::fs::metadata(DESCRIPTORS).ok()?.len();
    if known > 0 {
        return Some(known);
    }
    let count = std::fs::read_dir(DESCRIPTORS).ok()?.count();
    // The listing itself uses one descriptor.
    Some(count.saturating_sub(1) as u64)
}

/// Checks that `count` more descriptors can be opened, by opening and closing them. `EMFILE` or
/// `ENFILE` if not.
pub fn spare_descriptors(count: usize) -> Result<()> {
    let first = rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC)?;
    let copy = |_| rustix::io::fcntl_dupfd_cloexec(&first, 0);
    (1..count).map(copy).collect::<Result<Vec<_>>>().map(drop)
}

/// Name of this host (uname(2)).
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Effective user id.
pub fn user_id() -> u32 {
    geteuid().as_raw()
}

/// Whether a group is the effective group or a supplementary one of this process.
pub fn is_in_group(group: u32) -> bool {
    let supplementary = getgroups().unwrap_or_default();
    getegid().as_raw() == group || supplementary.iter().any(|it| it.as_raw() == group)
}

/// Whether this process may create files in a directory.
pub fn may_write_in(directory: &Path) -> bool {
    access(directory, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

/// First port of the ephemeral range, from which the kernel assigns local ports
/// (`net.ipv4.ip_local_port_range`, ip(7)).
pub fn first_ephemeral_port() -> u16 {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
    let first = range.ok().and_then(|range| range.split_whitespace().next()?.parse().ok());
    // If the range is unknown, every port counts as ephemeral.
    first.unwrap_or(1)
}

/// Reads a clock that starts at zero with the host or the process, so its time is never negative.
pub(crate) fn read_clock(clock: ClockId) -> Duration {
    let now = clock_gettime(clock);
    debug_assert!(now.tv_sec >= 0 && now.tv_nsec >= 0, "{clock:?} is at {now:?}");
    Duration::from_secs(now.tv_sec.cast_unsigned())
        + Duration::from_nanos(now.tv_nsec.cast_unsigned())
}

/// Microseconds of `CLOCK_MONOTONIC`, which is shared by all processes of the host and never goes
/// back.
pub fn monotonic_micros() -> u64 {
    let now = read_clock(ClockId::Monotonic);
    now.as_secs() * 1_000_000 + u64::from(now.subsec_micros())
}

/// Returns freed memory that the C library (glibc) keeps to the kernel.
pub fn release_free_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim(3) may be called at any time from any thread, and touches only memory
    // that the allocator owns.
    unsafe {
        libc::malloc_trim(0);
    }
}
