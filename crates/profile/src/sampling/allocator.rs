//! The global allocator of profiling builds: the system's allocator, with a sample of allocations
//! recorded.

use super::heap::{allocated, freed};
use std::alloc::{GlobalAlloc, Layout, System};

/// Forwards to the system's allocator and records the stacks of sampled allocations.
#[derive(Debug)]
pub struct SamplingAllocator;

// SAFETY: each call is forwarded unchanged, and its result returned unchanged. Recording a sample
// never accesses the allocated memory, and its own allocations are not recorded.
unsafe impl GlobalAlloc for SamplingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller upholds the contract of `GlobalAlloc`, which is that of `System`;
        // likewise below.
        let pointer = unsafe { System.alloc(layout) };
        allocated(pointer, layout.size());
        pointer
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: see `alloc`.
        let pointer = unsafe { System.alloc_zeroed(layout) };
        allocated(pointer, layout.size());
        pointer
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // Before the call: afterwards another thread may receive the same address.
        freed(pointer);
        // SAFETY: see `alloc`.
        unsafe { System.dealloc(pointer, layout) };
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Likewise. If reallocation fails, one sample is lost.
        freed(pointer);
        // SAFETY: see `alloc`.
        let pointer = unsafe { System.realloc(pointer, layout, size) };
        allocated(pointer, size);
        pointer
    }
}
