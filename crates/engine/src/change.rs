//! A changed configuration arrives at a worker: listeners come, go and lead elsewhere, and living
//! sessions get the new rules of their forwards.

use crate::accept::Listening;
use crate::forward::{Forward, Route};
use crate::worker::Worker;
use std::collections::HashMap;
use std::sync::Arc;

/// What changes, for all workers alike.
#[derive(Default)]
pub(crate) struct Changes {
    /// Listeners by number: new ones, and known ones that lead elsewhere from now on.
    pub(crate) listen: Vec<(u32, Arc<Listening>)>,
    /// Listeners that are given up.
    pub(crate) unlisten: Vec<u32>,
    /// New versions of forwards that may have sessions.
    pub(crate) forwards: Vec<Arc<Forward>>,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.listen.is_empty() && self.unlisten.is_empty() && self.forwards.is_empty()
    }
}

impl Worker {
    pub(crate) fn change(&mut self, changes: &Changes) {
        for (number, listening) in &changes.listen {
            self.listen(*number, Arc::clone(listening));
        }
        for number in &changes.unlisten {
            self.unlisten(*number);
        }
        if !changes.forwards.is_empty() {
            self.renew(&changes.forwards);
        }
    }

    /// Gives the sessions of these forwards the new version. What a session began with stays: its
    /// target, its paths, the options of its sockets.
    fn renew(&mut self, forwards: &[Arc<Forward>]) {
        // All versions of a forward share its gate.
        let gate = |forward: &Forward| Arc::as_ptr(&forward.gate);
        let versions: HashMap<_, _> =
            forwards.iter().map(|forward| (gate(forward), forward)).collect();
        let mut routes: HashMap<*const Route, Arc<Route>> = HashMap::new();
        for key in self.sessions.keys() {
            let Some(session) = self.sessions.get_mut(key) else { continue };
            let Some(forward) = versions.get(&gate(&session.route.forward)) else { continue };
            let route = routes
                .entry(Arc::as_ptr(&session.route))
                .or_insert_with(|| Arc::new(session.route.of(forward)));
            session.route = Arc::clone(route);
            if forward.draining || self.draining {
                session.flow.drain();
            } else {
                session.flow.resume();
            }
            // Its deadline may be earlier now.
            self.set_timer(key);
        }
    }
}
