//! CPU sampling: a timer per thread measures its CPU time, and the handler of the timer's signal
//! records the thread's stack.

use super::Result;
use super::stack::{Registers, Stack};
use super::thread_timer::{ThreadTimer, checked};
use rustix::io::Errno;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Samples per second of CPU time, for each thread.
pub const CPU_RATE: u32 = 100;

/// CPU time between two samples of a thread.
const PERIOD: Duration = Duration::from_nanos(1_000_000_000 / CPU_RATE as u64);
/// Distinct stacks kept. Bounds the memory to about 2 MiB, however long the profile runs.
const MOST_STACKS: usize = 4096;
/// Attempts of a handler to lock the table, which is never held longer than 1 µs.
const LOOKS: usize = 200;

/// Table that the signal handlers write to; present while a [`CpuSampler`] exists.
static TABLE: Mutex<Option<Table>> = Mutex::new(None);
static SAMPLING: AtomicBool = AtomicBool::new(false);
static LOST: AtomicU64 = AtomicU64::new(0);

/// Hash table with open addressing: a stack is stored at its hash, or in the next free slot.
struct Table(Box<[(Stack, u64)]>);

impl Table {
    fn new() -> Self {
        Self(vec![(Stack::EMPTY, 0); MOST_STACKS].into_boxed_slice())
    }

    /// Adds one sample; returns false if the table is full. Does not allocate.
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

/// FNV-1a over the words of a stack.
fn hash(stack: &Stack) -> usize {
    let mix = |hash: usize, frame: &usize| (hash ^ frame).wrapping_mul(0x0100_0000_01b3);
    let hash = stack.frames().iter().fold(0xcbf2_9ce4_8422_2325, mix);
    hash ^ (hash >> 32)
}

/// Result of a CPU profile.
#[derive(Debug, Default)]
pub struct CpuSamples {
    /// Distinct stacks with their sample counts: [`CPU_RATE`] samples are one second of CPU time.
    pub stacks: Vec<(Stack, u64)>,
    /// Samples dropped because the table was full or locked.
    pub lost: u64,
}

/// Samples all threads that exist when it is created, until it is dropped. Its signals interrupt
/// system calls (`EINTR`) that signal(7) does not restart, such as epoll_wait(2).
///
/// Must not exist during execve(2): a pending signal would kill the next process image.
#[derive(Debug)]
pub struct CpuSampler {
    timers: Vec<ThreadTimer>,
}

impl CpuSampler {
    /// Starts the timers. `EBUSY` if a sampler exists already.
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

    /// Stops sampling and returns the result.
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
        // Ignoring the signal discards pending ones, which would otherwise outlive execve(2). With
        // valid arguments neither call fails.
        let _ = handle(libc::SIGPROF, libc::SIG_IGN);
        let _ = handle(libc::SIGPROF, libc::SIG_DFL);
        let taken = table().take();
        // Dropped after unlocking: while the table is locked, handlers lose their samples.
        drop(taken);
        SAMPLING.store(false, Ordering::Release);
    }
}

/// Whether a [`CpuSampler`] exists.
pub fn cpu_is_sampled() -> bool {
    SAMPLING.load(Ordering::Acquire)
}

/// Unblocks the sampling signal in this thread and in threads that it starts later. Needed where
/// all signals are blocked (`sys::exec::BlockedSignals`).
pub fn let_samples_through() {
    let mut signals = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset(3) initializes the set before the other calls use it. With a valid set
    // and signal, none of them fails.
    unsafe {
        libc::sigemptyset(signals.as_mut_ptr());
        libc::sigaddset(signals.as_mut_ptr(), libc::SIGPROF);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, signals.as_ptr(), std::ptr::null_mut());
    }
}

fn table() -> MutexGuard<'static, Option<Table>> {
    // No code panics while it holds the lock.
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Signal handler: runs in the middle of arbitrary code, so it does not allocate or block, and it
/// preserves errno.
extern "C" fn on_signal(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: errno is thread-local, and the pointer to it is always valid.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: with SA_SIGINFO the kernel passes a valid context for the duration of the handler.
    let context = unsafe { &*context.cast::<libc::ucontext_t>() };
    if !note(&Registers::interrupted(context).walk()) {
        LOST.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

/// Adds one sample; returns false if it is lost. Locking never blocks here: this thread may have
/// been interrupted while holding the lock itself.
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
    // SAFETY: the action is initialized. Its handler has the signature that SA_SIGINFO requires, or
    // is SIG_IGN or SIG_DFL, for which the flag has no effect.
    checked(unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    // One test, because only one sampler can exist in a process.
    #[test]
    fn busy_code_is_sampled_and_only_one_sampler_exists() {
        let sampler = CpuSampler::start().unwrap();
        assert_eq!(CpuSampler::start().unwrap_err(), Errno::BUSY);
        assert!(cpu_is_sampled());
        let until = Instant::now() + Duration::from_secs(20);
        let mut noted = 0;
        // Until ten samples have arrived; other processes may use the CPU meanwhile.
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
    fn a_full_table_counts_lost_samples() {
        let mut table = Table(vec![(Stack::EMPTY, 0); 2].into_boxed_slice());
        let stack = |address| Registers { instruction: Some(address), frame: 0, stack: 0 }.walk();
        assert!(table.count(&stack(1)) && table.count(&stack(2)) && table.count(&stack(1)));
        assert!(!table.count(&stack(3)));
        let mut counts: Vec<_> = table.0.iter().map(|(_, count)| *count).collect();
        counts.sort_unstable();
        assert_eq!(counts, [1, 2]);
    }
}
