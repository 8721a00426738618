//! Heap profiles: allocations, and memory in use.

use crate::loaded::Loaded;

#[test]
fn pprof_shows_allocations_and_memory_in_use() {
    let loaded = Loaded::start();
    loaded.wait_for_more_sessions();
    let file = loaded.profile(&["--heap"], "heap.pb.gz");
    let top = |kind| loaded.pprof(&["-top", "-cum", "-nodecount=1000", kind], &file);
    let allocated = top("-sample_index=alloc_space");
    assert!(allocated.contains("Type: alloc_space"), "{allocated}");
    assert!(allocated.contains("control::serve::serve"), "{allocated}");
    // The stack begins at the allocating function, above the sampler's.
    assert!(!allocated.contains("sampling::heap::allocated"), "{allocated}");
    // A worker's session table lives as long as the worker.
    let used = top("-sample_index=inuse_space");
    assert!(used.contains("Type: inuse_space") && used.contains("engine::"), "{used}");
    let svg = loaded.flame_graph(&["--heap"]);
    assert!(svg.contains("inuse_space: ") && svg.contains("<title>engine::"), "{svg}");
    loaded.finish();
}
