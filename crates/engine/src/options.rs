//! Properties of an engine that its caller chooses. Data only.

use crate::resolve::Resolve;
use std::sync::Arc;
use sys::kernel::{Kernel, Linux};

/// Properties of an engine that are fixed at its start.
pub struct Options<K: Kernel = Linux> {
    /// Number of worker threads; at least one.
    pub workers: usize,
    /// Initial limit on the sessions of all forwards together.
    pub max_sessions: u32,
    /// Limit on pipes of all workers together. A lane without a pipe copies.
    pub pipes: usize,
    /// Which events of sessions are reported.
    pub detail: Detail,
    /// Decides all random choices among targets.
    pub seed: u64,
    /// Resolver of target names.
    pub resolver: Arc<dyn Resolve<K>>,
}

/// Which events of sessions are reported.
#[derive(Clone, Copy, Debug)]
pub struct Detail {
    /// A record of each ended session.
    pub records: bool,
    /// A report of each accepted and each connected session.
    pub steps: bool,
}
