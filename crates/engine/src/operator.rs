//! A forward that an operator drains, and resumes.

use crate::bind::Attempt;
use crate::change::Changes;
use crate::leaving::Leaving;
use crate::listen_error::ListenError;
use crate::listener::Listener;
use crate::publish::{attach, publish, remove};
use crate::running::Forwards;
use crate::shared::Shared;
use plan::ListenAddress;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

impl Forwards {
    /// A forward takes no new sessions. False if an operator drains it already.
    pub(crate) fn drain(&mut self, name: &str, shared: &Arc<Shared>) -> Option<bool> {
        let running = self.running.iter_mut().find(|running| running.plan.name == name)?;
        if running.forward.is_draining() {
            return Some(false);
        }
        running.forward.set_draining(true);
        running.unbound = None;
        remove(std::mem::take(&mut running.listeners), Changes::default(), shared);
        Some(true)
    }

    /// A drained or skipped forward takes sessions again. False if it does anyway.
    pub(crate) fn resume(
        &mut self,
        name: &str,
        shared: &Arc<Shared>,
    ) -> Option<Result<bool, ListenError>> {
        let at = self.running.iter().position(|running| running.plan.name == name)?;
        if !self.running[at].forward.is_draining() && self.running[at].unbound.is_none() {
            return Some(Ok(false));
        }
        let plan = Arc::clone(&self.running[at].plan);
        let new = match self.bind_missing(at, &plan, shared) {
            Ok(new) => new,
            Err(error) => {
                let unbound = &mut self.running[at].unbound;
                *unbound = unbound.is_some().then(|| error.clone());
                return Some(Err(error));
            }
        };
        let running = &mut self.running[at];
        running.unbound = None;
        running.forward.set_draining(false);
        let old = std::mem::take(&mut running.listeners);
        let old = old.into_iter().map(|listener| (listener.address.clone(), listener));
        let mut listeners: HashMap<_, _> = old.chain(new).collect();
        let mut listen = Vec::new();
        for (planned, route) in plan.routes.iter().zip(&running.routes) {
            let Some(mut listener) = listeners.remove(&planned.listen) else { continue };
            listen.extend(attach(&mut listener, route));
            running.listeners.push(listener);
        }
        publish(Changes { listen, ..Changes::default() }, shared);
        Some(Ok(true))
    }

    /// Listens where the forward at this position does not yet.
    fn bind_missing(
        &mut self,
        at: usize,
        plan: &plan::Forward,
        shared: &Shared,
    ) -> Result<Vec<(ListenAddress, Listener)>, ListenError> {
        let bound: HashSet<_> =
            self.running[at].listeners.iter().map(|listener| listener.address.clone()).collect();
        let missing = plan.routes.iter().map(|route| &route.listen);
        let missing: Vec<_> = missing.filter(|address| !bound.contains(*address)).collect();
        // Listeners that exclude the address stay.
        let mut leaving = Leaving::default();
        let mut new = self.bind(&missing, plan, Attempt::Bind, shared, &mut leaving)?;
        for (_, listener) in &mut new {
            listener.start(&shared.loop_guard)?;
        }
        Ok(new)
    }
}
