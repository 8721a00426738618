//! The allocator that a profile of the heap takes: the system's, and a look at some of what it gives.

use super::heap::{allocated, freed};
use std::alloc::{GlobalAlloc, Layout, System};

/// The system's allocator. A sample of what it gives out is remembered with who asked for it.
#[derive(Debug)]
pub struct SamplingAllocator;

// SAFETY: every request is passed on as it came, and so is every answer. What is done besides never
// touches the memory, and what it allocates itself is not looked at again.
unsafe impl GlobalAlloc for SamplingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that the system's allocator asks for; here and below.
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
        // Before: a moment later, another thread may be given the same address.
        freed(pointer);
        // SAFETY: see `alloc`.
        unsafe { System.dealloc(pointer, layout) };
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Likewise. Should it fail, a sample is lost.
        freed(pointer);
        // SAFETY: see `alloc`.
        let pointer = unsafe { System.realloc(pointer, layout, size) };
        allocated(pointer, size);
        pointer
    }
}
