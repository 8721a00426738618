//! Who allocated what: a sample of all allocations, with their stacks, and which of them still live.

use super::stack::{Registers, Stack};
use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One allocation is looked at per so many bytes, on average; each that is as large as this is.
pub const HEAP_PERIOD: usize = 32 * 1024;

/// Different stacks that are kept, about 10 MiB of them. Allocations of further ones are not counted.
const MOST_STACKS: usize = 16 * 1024;

/// Counts sampled allocations that live, by a hash of their address: where there is a zero, an
/// address that is freed need not be looked for.
static LIVING: [AtomicU32; 1 << 16] = [const { AtomicU32::new(0) }; 1 << 16];

static SAMPLES: Mutex<Samples> = Mutex::new(Samples::EMPTY);

type Map<Key, Value> = HashMap<Key, Value, BuildHasherDefault<DefaultHasher>>;

struct Samples {
    /// By address.
    living: Map<usize, Sample>,
    stacks: Map<Stack, HeapUse>,
    lost: u64,
}

/// An allocation that stands for as many as are not looked at.
struct Sample {
    stack: Stack,
    objects: u64,
    bytes: u64,
}

/// What was allocated at one place: estimates, made of the sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeapUse {
    /// Allocations since the start, and their bytes.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those that have not been freed.
    pub live_objects: u64,
    /// Their bytes.
    pub live_bytes: u64,
}

/// What was found since the process started.
#[derive(Debug, Default)]
pub struct HeapSamples {
    /// Each stack, and what was allocated there.
    pub stacks: Vec<(Stack, HeapUse)>,
    /// Samples for whose stack there was no room.
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
    // Addresses are multiples of 16.
    (address >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (usize::BITS - 16)
}

/// What each thread has of its own, so that most allocations take no lock.
struct Local {
    /// The thread is in here: what it allocates meanwhile is not looked at.
    inside: Cell<bool>,
    /// Bytes until the next look.
    left: Cell<usize>,
    random: Cell<u64>,
}

thread_local! {
    static LOCAL: Local = const {
        Local { inside: Cell::new(false), left: Cell::new(0), random: Cell::new(0) }
    };
}

impl Local {
    /// How many allocations, and how many bytes, one of this size stands for; `None` if it is not
    /// to be looked at.
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
        // A thread's first allocation is always there, and stands for nobody else.
        let objects = (HEAP_PERIOD + size / 2) / size.max(1);
        (!first).then_some((objects as u64, HEAP_PERIOD as u64))
    }

    /// A random number of bytes with [`HEAP_PERIOD`] as its mean: a fixed one could keep step with a
    /// loop (xorshift64).
    fn distance(&self) -> usize {
        // Each thread begins elsewhere.
        let mut random = self.random.get().max(std::ptr::from_ref(self).addr() as u64);
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        self.random.set(random);
        let below = 2 * HEAP_PERIOD as u64;
        usize::try_from(random % below).unwrap_or(HEAP_PERIOD)
    }

    /// Runs `work`, unless it is already running in this thread.
    fn enter<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        if self.inside.replace(true) {
            return None;
        }
        let result = work();
        self.inside.set(false);
        Some(result)
    }
}

/// Something was allocated; or not, if the pointer is null.
#[inline(never)]
pub(super) fn allocated(pointer: *mut u8, size: usize) {
    // Here and not in the closure, which may be a function of its own: the stack begins with who calls
    // this one.
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

/// Something is about to be freed.
pub(super) fn freed(pointer: *mut u8) {
    if LIVING[place(pointer.addr())].load(Ordering::Relaxed) == 0 {
        return;
    }
    LOCAL.with(|local| local.enter(|| samples().remove(pointer.addr())));
}

/// What was allocated until now. Empty unless the program's allocator is a
/// [`super::SamplingAllocator`].
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
    // Nothing in here panics.
    SAMPLES.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(of: impl Fn(&HeapUse) -> u64) -> u64 {
        heap_samples().stacks.iter().map(|(_, used)| of(used)).sum()
    }

    // One test: it counts what is counted in all of the process.
    #[test]
    fn estimates_are_near_what_was_allocated_and_what_is_freed_is_gone() {
        let (size, count) = (100, 400_000);
        // Addresses are only compared.
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
        // A large one is counted as it is.
        allocated(std::ptr::without_provenance_mut(16), 10 * HEAP_PERIOD);
        assert_eq!(total(|used| used.live_bytes), 10 * HEAP_PERIOD as u64);
        freed(std::ptr::without_provenance_mut(16));
        assert!(LIVING.iter().all(|count| count.load(Ordering::Relaxed) == 0));
    }
}
