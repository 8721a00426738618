//! What this process may use of its host.

use crate::Result;
use rustix::fs::{Access, access};
use rustix::process::{Resource, Rlimit, geteuid, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use std::path::Path;
use std::time::Duration;

/// How many descriptors this process may have open (`RLIMIT_NOFILE`, getrlimit(2)).
pub fn open_files_limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// What an unprivileged process may raise [`open_files_limit`] to.
pub fn hard_open_files_limit() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX)
}

/// The size of a page of memory, in bytes: the unit of some limits of the kernel.
pub fn page_size() -> u64 {
    rustix::param::page_size() as u64
}

/// Raises the limit to what the administrator allows at most, and returns it. A process that
/// uses epoll has no reason to keep the low default, which exists for select(2).
pub fn raise_open_files_limit() -> u64 {
    let hard = getrlimit(Resource::Nofile).maximum;
    // If it is refused, the present limit holds, and is what is returned.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: hard, maximum: hard });
    open_files_limit()
}

/// How many descriptors this process has open now; `None` without `/proc`.
pub fn open_files() -> Option<u64> {
    const DESCRIPTORS: &str = "/proc/self/fd";
    // Since Linux 6.2 the directory's size is their number, and 0 before. Listing thousands of them
    // takes milliseconds.
    let known = std::fs::metadata(DESCRIPTORS).ok()?.len();
    if known > 0 {
        return Some(known);
    }
    let count = std::fs::read_dir(DESCRIPTORS).ok()?.count();
    // The listing itself is one of them.
    Some(count.saturating_sub(1) as u64)
}

/// Checks that `count` descriptors can be opened, by opening and closing them. `EMFILE` or `ENFILE` if
/// not.
pub fn spare_descriptors(count: usize) -> Result<()> {
    let first = rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC)?;
    let copy = |_| rustix::io::fcntl_dupfd_cloexec(&first, 0);
    (1..count).map(copy).collect::<Result<Vec<_>>>().map(drop)
}

/// The user that this process acts as.
pub fn user_id() -> u32 {
    geteuid().as_raw()
}

/// Whether this process may make files in a directory.
pub fn may_write_in(directory: &Path) -> bool {
    access(directory, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

/// The first of the local ports that the kernel gives to connections
/// (`net.ipv4.ip_local_port_range`, ip(7)).
pub fn first_ephemeral_port() -> u16 {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
    let first = range.ok().and_then(|range| range.split_whitespace().next()?.parse().ok());
    // Unknown: any port may be one.
    first.unwrap_or(1)
}

/// Reads a clock that starts at zero with the host or the process, so the time is never negative.
pub(crate) fn read_clock(clock: ClockId) -> Duration {
    let now = clock_gettime(clock);
    debug_assert!(now.tv_sec >= 0 && now.tv_nsec >= 0, "{clock:?} is at {now:?}");
    Duration::from_secs(now.tv_sec.cast_unsigned())
        + Duration::from_nanos(now.tv_nsec.cast_unsigned())
}

/// Microseconds on `CLOCK_MONOTONIC`, which the whole host shares and which never goes back.
pub fn monotonic_micros() -> u64 {
    let now = read_clock(ClockId::Monotonic);
    now.as_secs() * 1_000_000 + u64::from(now.subsec_micros())
}

/// Gives memory that was freed back to the system, where the C library keeps it (glibc).
pub fn release_free_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim(3) may be called at any time from any thread, and touches only memory
    // that the allocator owns.
    unsafe {
        libc::malloc_trim(0);
    }
}
