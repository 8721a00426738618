//! Heap sampling: the stacks of a sample of all allocations, and which of them are still live.

use super::stack::{Registers, Stack};
use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Mean number of allocated bytes between two samples. Allocations of at least this size are always
/// sampled.
pub const HEAP_PERIOD: usize = 32 * 1024;

/// Distinct stacks kept, about 10 MiB. Allocations at further stacks are counted as lost.
const MOST_STACKS: usize = 16 * 1024;

/// Number of live samples by address hash. A zero spares freed addresses the look-up in the table.
static LIVING: [AtomicU32; 1 << 16] = [const { AtomicU32::new(0) }; 1 << 16];

static SAMPLES: Mutex<Samples> = Mutex::new(Samples::EMPTY);

type Map<Key, Value> = HashMap<Key, Value, BuildHasherDefault<DefaultHasher>>;

struct Samples {
    /// Live samples by address.
    living: Map<usize, Sample>,
    stacks: Map<Stack, HeapUse>,
    lost: u64,
}

/// A sampled allocation, weighted by the allocations it represents.
struct Sample {
    stack: Stack,
    objects: u64,
    bytes: u64,
}

/// Estimated allocations at one stack, extrapolated from the sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeapUse {
    /// Allocations since the process started.
    pub objects: u64,
    /// Bytes allocated since the process started.
    pub bytes: u64,
    /// Allocations not freed yet.
    pub live_objects: u64,
    /// Bytes not freed yet.
    pub live_bytes: u64,
}

/// Result of a heap profile, since the process started.
#[derive(Debug, Default)]
pub struct HeapSamples {
    /// Distinct stacks with their allocations.
    pub stacks: Vec<(Stack, HeapUse)>,
    /// Samples dropped because there was no room for their stacks.
    pub lost: u64,
}

impl Samples {
    const EMPTY: Self = Self {
        living: Map::with_hasher(BuildHasherDefault::new()),
        stacks: Map::with_hasher(BuildHasherDefault::new()),
        lost: 0,
    };

    fn add(&mut self, address: usize, sample: Sample) {
        if self.stacks.len() >= MOST_STACKS && !self.stacks.contains_key(&sample.stack) {
            self.lost += 1;
            return;
        }
        let used = self.stacks.entry(sample.stack).or_default();
        used.objects += sample.objects;
        used.bytes += sample.bytes;
        used.live_objects += sample.objects;
        used.live_bytes += sample.bytes;
        LIVING[place(address)].fetch_add(1, Ordering::Relaxed);
        self.living.insert(address, sample);
    }

    fn remove(&mut self, address: usize) {
        let Some(sample) = self.living.remove(&address) else { return };
        LIVING[place(address)].fetch_sub(1, Ordering::Relaxed);
        if let Some(used) = self.stacks.get_mut(&sample.stack) {
            used.live_objects -= sample.objects;
            used.live_bytes -= sample.bytes;
        }
    }
}

fn place(address: usize) -> usize {
    // Allocations are aligned to 16 bytes.
    (address >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (usize::BITS - 16)
}

/// Per-thread state, so that most allocations take no lock.
struct Local {
    /// Set while the thread records a sample: its own allocations are not recorded.
    inside: Cell<bool>,
    /// Bytes until the next sample.
    left: Cell<usize>,
    random: Cell<u64>,
}

thread_local! {
    static LOCAL: Local = const {
        Local { inside: Cell::new(false), left: Cell::new(0), random: Cell::new(0) }
    };
}

impl Local {
    /// The number of allocations and bytes that a sampled allocation of this size represents;
    /// `None` if it is not sampled.
    fn weight(&self, size: usize) -> Option<(u64, u64)> {
        if size >= HEAP_PERIOD {
            return Some((1, size as u64));
        }
        if let Some(left) = self.left.get().checked_sub(size) {
            self.left.set(left);
            return None;
        }
        let first = self.random.get() == 0;
        self.left.set(self.distance());
        // A thread's first allocation always ends a period of zero length, so it would bias the
        // estimate.
        let objects = (HEAP_PERIOD + size / 2) / size.max(1);
        (!first).then_some((objects as u64, HEAP_PERIOD as u64))
    }

    /// A random number of bytes with mean [`HEAP_PERIOD`] (xorshift64): a fixed period could run in
    /// step with a loop.
    fn distance(&self) -> usize {
        // Seeded by the address of the thread's state, so that threads differ.
        let mut random = self.random.get().max(std::ptr::from_ref(self).addr() as u64);
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        self.random.set(random);
        #[expect(clippy::cast_possible_truncation, reason = "any bits of a random number will do")]
        let random = random as usize;
        random % (2 * HEAP_PERIOD)
    }

    /// Runs `work`, unless this thread is already inside it.
    fn enter<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        if self.inside.replace(true) {
            return None;
        }
        let result = work();
        self.inside.set(false);
        Some(result)
    }
}

/// Records an allocation, if it is sampled. A null pointer means that the allocation failed.
#[inline(never)]
pub(super) fn allocated(pointer: *mut u8, size: usize) {
    // Read outside the closure, which may be compiled to a separate function: the stack has to
    // start at the caller of this function.
    let here = Registers::now();
    LOCAL.with(|local| {
        if pointer.is_null() || local.inside.get() {
            return;
        }
        let Some((objects, bytes)) = local.weight(size) else { return };
        let stack = here.walk();
        local.enter(|| samples().add(pointer.addr(), Sample { stack, objects, bytes }));
    });
}

/// Records that an allocation is about to be freed.
pub(super) fn freed(pointer: *mut u8) {
    if LIVING[place(pointer.addr())].load(Ordering::Relaxed) == 0 {
        return;
    }
    LOCAL.with(|local| local.enter(|| samples().remove(pointer.addr())));
}

/// Allocations sampled so far. Empty unless the global allocator is a [`super::SamplingAllocator`].
pub fn heap_samples() -> HeapSamples {
    let found = LOCAL.with(|local| {
        local.enter(|| {
            let samples = samples();
            let stacks = samples.stacks.iter().map(|(stack, used)| (*stack, *used)).collect();
            HeapSamples { stacks, lost: samples.lost }
        })
    });
    found.unwrap_or_default()
}

fn samples() -> MutexGuard<'static, Samples> {
    // No code panics while it holds the lock.
    SAMPLES.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(of: impl Fn(&HeapUse) -> u64) -> u64 {
        heap_samples().stacks.iter().map(|(_, used)| of(used)).sum()
    }

    // One test, because the counters are global.
    #[test]
    fn estimates_are_close_and_freed_memory_is_not_live() {
        let (size, count) = (100, 400_000);
        // The addresses are compared, never accessed.
        let pointers = || (1..=count).map(|n| std::ptr::without_provenance_mut(n << 4));
        pointers().for_each(|pointer| allocated(pointer, size));
        let real = (size * count) as u64;
        let estimated = total(|used| used.live_bytes);
        assert!(estimated.abs_diff(real) < real / 10, "{estimated} of {real}");
        let objects = total(|used| used.live_objects);
        assert!(objects.abs_diff(count as u64) < count as u64 / 10, "{objects}");
        pointers().for_each(freed);
        assert_eq!(total(|used| used.live_bytes + used.live_objects), 0);
        assert_eq!(total(|used| used.bytes), estimated);
        // An allocation larger than the period is counted exactly.
        allocated(std::ptr::without_provenance_mut(16), 10 * HEAP_PERIOD);
        assert_eq!(total(|used| used.live_bytes), 10 * HEAP_PERIOD as u64);
        freed(std::ptr::without_provenance_mut(16));
        assert!(LIVING.iter().all(|count| count.load(Ordering::Relaxed) == 0));
    }
}
