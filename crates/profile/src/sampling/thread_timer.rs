//! Per-thread timers that measure CPU time and signal their own thread. A single process timer
//! (ITIMER_PROF) would be simpler, but the kernel may deliver its signal to a different thread than
//! the busy one, and wake a sleeping thread.

use super::Result;
use rustix::io::Errno;
use std::time::Duration;

/// Directory with one entry per thread, named by its id.
const THREADS: &str = "/proc/self/task";
/// Clock id of the CPU time of one thread, as the scheduler counts it (timer_create(2),
/// clock_getcpuclockid(3)).
const THREAD_CPU_CLOCK: libc::clockid_t = 6;

/// A POSIX timer, deleted on drop.
#[derive(Debug)]
pub(super) struct ThreadTimer(libc::timer_t);

// SAFETY: a timer id is an integer, although its C type is a pointer; any thread may use it.
unsafe impl Send for ThreadTimer {}

impl ThreadTimer {
    /// One timer per existing thread, which signals it after each `period` of CPU time.
    pub(super) fn start_all(signal: libc::c_int, period: Duration) -> Result<Vec<Self>> {
        let entries = std::fs::read_dir(THREADS)
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        let number = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.ok()?.file_name().to_str()?.parse().ok()
        };
        let start = |thread| match Self::start(thread, signal, period) {
            // The thread ended: timer_create(2) rejects its clock, timer_settime(2) its timer.
            Err(Errno::INVAL | Errno::SRCH) => None,
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
        // SAFETY: the event is initialized, and the timer's id is written to `timer`.
        checked(unsafe { libc::timer_create(clock, &raw mut event, &raw mut timer) })?;
        let timer = Self(timer);
        // Both values fit: the seconds, and the rest in nanoseconds.
        let time = libc::timespec {
            tv_sec: libc::time_t::try_from(period.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: period.subsec_nanos().into(),
        };
        let setting = libc::itimerspec { it_interval: time, it_value: time };
        // SAFETY: the timer exists, the setting is initialized, and no old setting is requested.
        checked(unsafe {
            libc::timer_settime(timer.0, 0, &raw const setting, std::ptr::null_mut())
        })?;
        Ok(timer)
    }
}

impl Drop for ThreadTimer {
    fn drop(&mut self) {
        // SAFETY: the timer exists, and is deleted only here.
        unsafe { libc::timer_delete(self.0) };
    }
}

/// Converts the result of a libc call: an error is read from errno.
pub(super) fn checked(result: libc::c_int) -> Result<()> {
    if result == 0 {
        return Ok(());
    }
    Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn threads_that_end_meanwhile_are_passed_over() {
        let has_ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !has_ended.load(Ordering::Relaxed) {
                    let brief = [(); 8].map(|()| std::thread::spawn(std::thread::yield_now));
                    for thread in brief {
                        thread.join().unwrap();
                    }
                }
            });
            // SIGCONT does nothing to a running process.
            let start = |_| ThreadTimer::start_all(libc::SIGCONT, Duration::from_secs(3600));
            let failed = (0..2_000).map(start).find_map(Result::err);
            has_ended.store(true, Ordering::Relaxed);
            assert_eq!(failed, None);
        });
    }
}
