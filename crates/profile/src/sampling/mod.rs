//! What a profile is made of: where threads spend their CPU time, and who allocated what. Only a
//! build with the feature `profile` takes samples (docs/profiling.md).

/// The result of a system call.
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
