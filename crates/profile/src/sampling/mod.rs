//! Samplers for CPU time and heap allocations. Only a build with the feature `profile` uses them
//! (docs/profiling.md).

/// Result of a system call.
type Result<T> = std::result::Result<T, rustix::io::Errno>;

mod stack;
pub use stack::{MOST_FRAMES, Stack};

mod thread_timer;

mod cpu;
pub use cpu::{CPU_RATE, CpuSampler, CpuSamples, cpu_is_sampled, let_samples_through};

mod heap;
pub use heap::{HEAP_PERIOD, HeapSamples, HeapUse, heap_samples};

mod allocator;
pub use allocator::SamplingAllocator;
