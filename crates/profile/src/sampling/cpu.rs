//! Where threads spend their CPU time: each has a timer that runs while it does, and a handler for the
//! timer's signal notes where the thread was.

use super::Result;
use super::stack::{Registers, Stack};
use super::thread_timer::{ThreadTimer, checked};
use rustix::io::Errno;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Samples per second of CPU time.
pub const CPU_RATE: u32 = 100;

/// CPU time of a thread between two samples.
const PERIOD: Duration = Duration::from_nanos(1_000_000_000 / CPU_RATE as u64);
/// Different stacks that are kept. It bounds the memory, about 2 MiB, however long it takes.
const MOST_STACKS: usize = 4096;
/// How often a handler looks again whether the table is free: each holds it for well below 1 µs.
const LOOKS: usize = 200;

/// What the handlers write into; there while somebody samples.
static TABLE: Mutex<Option<Table>> = Mutex::new(None);
static SAMPLING: AtomicBool = AtomicBool::new(false);
static LOST: AtomicU64 = AtomicU64::new(0);

/// Open addressing: a stack is found at its hash, or in one of the places after it.
struct Table(Box<[(Stack, u64)]>);

impl Table {
    fn new() -> Self {
        Self(vec![(Stack::EMPTY, 0); MOST_STACKS].into_boxed_slice())
    }

    /// Whether there was room. It allocates nothing.
    fn count(&mut self, stack: &Stack) -> bool {
        let start = hash(stack) % self.0.len();
        let (before, after) = self.0.split_at_mut(start);
        let place = after.iter_mut().chain(before).find(|(it, count)| *count == 0 || it == stack);
        let Some((it, count)) = place else { return false };
        *it = *stack;
        *count += 1;
        true
    }
}

/// FNV-1a, by words.
fn hash(stack: &Stack) -> usize {
    let mix = |hash: usize, frame: &usize| (hash ^ frame).wrapping_mul(0x0100_0000_01b3);
    let hash = stack.frames().iter().fold(0xcbf2_9ce4_8422_2325, mix);
    hash ^ (hash >> 32)
}

/// What was found.
#[derive(Debug, Default)]
pub struct CpuSamples {
    /// Each stack, and how often a thread was there: [`CPU_RATE`] times per second of CPU time.
    pub stacks: Vec<(Stack, u64)>,
    /// Samples that could not be noted.
    pub lost: u64,
}

/// Samples, as long as it lives, the threads that were there when it was made. Calls that wait are
/// interrupted by it (`EINTR`) where signal(7) says that they are not restarted, as epoll_wait(2) is
/// not.
///
/// None may live during execve(2): a signal that waits then would end the next image.
#[derive(Debug)]
pub struct CpuSampler {
    timers: Vec<ThreadTimer>,
}

impl CpuSampler {
    /// `EBUSY` if there is one already.
    pub fn start() -> Result<Self> {
        if SAMPLING.swap(true, Ordering::AcqRel) {
            return Err(Errno::BUSY);
        }
        let mut sampler = Self { timers: Vec::new() };
        let fresh = Table::new();
        *table() = Some(fresh);
        LOST.store(0, Ordering::Relaxed);
        handle(libc::SIGPROF, on_signal as *const () as libc::sighandler_t)?;
        sampler.timers = ThreadTimer::start_all(libc::SIGPROF, PERIOD)?;
        Ok(sampler)
    }

    /// Ends it, and says what was found.
    pub fn finish(mut self) -> CpuSamples {
        self.timers.clear();
        let found = table().take();
        let stacks = found.into_iter().flat_map(|Table(entries)| entries);
        let stacks = stacks.filter(|(_, count)| *count > 0).collect();
        CpuSamples { stacks, lost: LOST.load(Ordering::Relaxed) }
    }
}

impl Drop for CpuSampler {
    fn drop(&mut self) {
        self.timers.clear();
        // To ignore it discards signals that still wait; those could outlive execve(2). With valid
        // arguments, neither fails.
        let _ = handle(libc::SIGPROF, libc::SIG_IGN);
        let _ = handle(libc::SIGPROF, libc::SIG_DFL);
        let taken = table().take();
        // Not while the table is locked: a handler would give up.
        drop(taken);
        SAMPLING.store(false, Ordering::Release);
    }
}

/// Whether a [`CpuSampler`] lives.
pub fn cpu_is_sampled() -> bool {
    SAMPLING.load(Ordering::Acquire)
}

/// Lets the signal of samples reach this thread, and those that it starts from now on, where all
/// signals are held (`sys::exec::BlockedSignals`).
pub fn let_samples_through() {
    let mut signals = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset(3) initializes the set, the others are given it then. With a valid set and
    // signal, none fails.
    unsafe {
        libc::sigemptyset(signals.as_mut_ptr());
        libc::sigaddset(signals.as_mut_ptr(), libc::SIGPROF);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, signals.as_ptr(), std::ptr::null_mut());
    }
}

fn table() -> MutexGuard<'static, Option<Table>> {
    // Nothing in here panics.
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs in whatever code the signal interrupts: no allocation, no waiting, and errno stays.
extern "C" fn on_signal(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: every thread has its own errno, and the pointer to it is always valid.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: a handler set with SA_SIGINFO is given a context, for as long as it runs.
    let context = unsafe { &*context.cast::<libc::ucontext_t>() };
    if !note(&Registers::interrupted(context).walk()) {
        LOST.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

/// Whether it could be noted. To try a lock takes one atomic instruction and no call. Should this
/// very thread have been interrupted while it holds it, the sample is lost.
fn note(stack: &Stack) -> bool {
    for _ in 0..LOOKS {
        if let Ok(mut table) = TABLE.try_lock() {
            return table.as_mut().is_none_or(|table| table.count(stack));
        }
        std::hint::spin_loop();
    }
    false
}

fn handle(signal: libc::c_int, handler: libc::sighandler_t) -> Result<()> {
    // SAFETY: all zero is a valid sigaction: no flags, an empty mask, the default handler.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
    // SAFETY: the action is initialized; its handler has the signature that SA_SIGINFO wants, or is
    // one of the two constants, with which the flag means nothing.
    checked(unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    // One test: there is one sampler for all of the process.
    #[test]
    fn busy_code_is_sampled_by_one_at_a_time() {
        let sampler = CpuSampler::start().unwrap();
        assert_eq!(CpuSampler::start().unwrap_err(), Errno::BUSY);
        assert!(cpu_is_sampled());
        let until = Instant::now() + Duration::from_secs(20);
        let mut noted = 0;
        // Until the timer has come ten times; others may have the CPU meanwhile.
        while noted < 10 && Instant::now() < until {
            let table = table();
            let entries = table.iter().flat_map(|table| &table.0);
            noted = entries.map(|(_, count)| count).sum();
            drop(table);
            (0..20_000).for_each(|n| _ = std::hint::black_box(n));
        }
        let found = sampler.finish();
        let kept: u64 = found.stacks.iter().map(|(_, count)| count).sum();
        assert!(kept >= 10, "{kept} samples, {} lost", found.lost);
        assert!(found.stacks.iter().all(|(stack, _)| !stack.frames().is_empty()));
        assert!(!cpu_is_sampled());
        drop(CpuSampler::start().unwrap());
        assert!(!cpu_is_sampled());
    }

    #[test]
    fn a_full_table_says_so() {
        let mut table = Table(vec![(Stack::EMPTY, 0); 2].into_boxed_slice());
        let stack = |address| Registers { instruction: Some(address), frame: 0, stack: 0 }.walk();
        assert!(table.count(&stack(1)) && table.count(&stack(2)) && table.count(&stack(1)));
        assert!(!table.count(&stack(3)));
        let mut counts: Vec<_> = table.0.iter().map(|(_, count)| *count).collect();
        counts.sort_unstable();
        assert_eq!(counts, [1, 2]);
    }
}
