//! Timers of threads: each runs while its thread uses the CPU, and signals that thread. One timer for
//! the process (ITIMER_PROF) would be simpler, but it is the kernel's choice whom its signal reaches,
//! and a thread that sleeps may be woken for what another one did.

use super::Result;
use rustix::io::Errno;
use std::time::Duration;

/// Where the kernel lists the threads, by their numbers.
const THREADS: &str = "/proc/self/task";
/// Of a thread, not of a process; what its scheduler counts (timer_create(2), clock_getcpuclockid(3)).
const THREAD_CPU_CLOCK: libc::clockid_t = 6;

/// A timer that runs as long as this lives.
#[derive(Debug)]
pub(super) struct ThreadTimer(libc::timer_t);

// SAFETY: it is a number of the process, although its type is a pointer: every thread may use it.
unsafe impl Send for ThreadTimer {}

impl ThreadTimer {
    /// One for each thread that there is, with its signal each time `period` of CPU time is used.
    pub(super) fn start_all(signal: libc::c_int, period: Duration) -> Result<Vec<Self>> {
        let entries = std::fs::read_dir(THREADS)
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        let number = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.ok()?.file_name().to_str()?.parse().ok()
        };
        let start = |thread| match Self::start(thread, signal, period) {
            // It has ended since it was listed.
            Err(Errno::INVAL) => None,
            started => Some(started),
        };
        entries.filter_map(number).filter_map(start).collect()
    }

    fn start(thread: libc::pid_t, signal: libc::c_int, period: Duration) -> Result<Self> {
        // SAFETY: all zero is a valid sigevent.
        let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = signal;
        event.sigev_notify_thread_id = thread;
        let clock = (!thread << 3) | THREAD_CPU_CLOCK;
        let mut timer: libc::timer_t = std::ptr::null_mut();
        // SAFETY: the event is initialized, and the timer's number is written to `timer`.
        checked(unsafe { libc::timer_create(clock, &raw mut event, &raw mut timer) })?;
        let timer = Self(timer);
        // Both fit: seconds and less than a second in nanoseconds.
        let time = libc::timespec {
            tv_sec: libc::time_t::try_from(period.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: period.subsec_nanos().into(),
        };
        let setting = libc::itimerspec { it_interval: time, it_value: time };
        // SAFETY: the timer was created, the setting is initialized, and no old one is asked for.
        checked(unsafe {
            libc::timer_settime(timer.0, 0, &raw const setting, std::ptr::null_mut())
        })?;
        Ok(timer)
    }
}

impl Drop for ThreadTimer {
    fn drop(&mut self) {
        // SAFETY: it was created, and is deleted once.
        unsafe { libc::timer_delete(self.0) };
    }
}

/// Converts the result of a libc call: 0, or a failure described by errno.
pub(super) fn checked(result: libc::c_int) -> Result<()> {
    if result == 0 {
        return Ok(());
    }
    Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL))
}
