//! Stage *permit*: the places occupied by a session in the process, its forward and its target.

mod claims;
mod gate;
mod waiters;
pub(crate) use claims::{Claim, Claims};
pub(crate) use gate::Gate;
pub(crate) use waiters::{Waiters, WorkerSet};

use crate::rule::Route;
use crate::target::Target;
use flow::{Admission, AtLimit, Occupancy};
use std::sync::Arc;

/// All places of one session, with its route and target. Requested before the session exists, owned by
/// the session, completed at selection, and returned exactly once: by [`Permit::release`], which
/// consumes it.
#[must_use = "a permit that is dropped keeps its places for ever"]
pub(crate) struct Permit {
    /// `None` after the release.
    route: Option<Arc<Route>>,
    /// `None` before the selection.
    target: Option<Arc<Target>>,
}

/// The place in a target to which a session still tries to connect, while its permit has a place in the
/// next one. Returned exactly once: by [`Place::release`], or with the permit that takes it back.
#[must_use = "a place that is dropped is kept for ever"]
pub(crate) struct Place(Option<Arc<Target>>);

/// Error of [`Permit::enter_target`]: the target's limit is reached.
#[derive(Debug)]
pub(crate) struct Full;

/// The limits that a request meets besides those of process and forward, and the action at a limit.
#[derive(Clone, Copy)]
pub(crate) struct PermitRequest<F> {
    pub(crate) at_limit: AtLimit,
    /// The worker to wake, if the client waits.
    pub(crate) worker: usize,
    /// Whether a target has a place beside this number of claims; `None` if the targets have no limit.
    pub(crate) has_place: Option<F>,
}

impl Permit {
    /// Takes a place in the `process` and one in the forward, or none. Where clients may wait, also claims a
    /// place in a target, and notes the worker where there is no room: it is woken when there is. `wake`
    /// receives the workers to wake for a place that is returned here.
    pub(crate) fn request(
        route: &Arc<Route>,
        request: PermitRequest<impl Fn(u32) -> bool>,
        process: &Gate,
        wake: impl Fn(WorkerSet),
    ) -> Result<(Self, Option<Claim>), Admission> {
        let PermitRequest { at_limit, worker, has_place } = request;
        let forward = &route.forward;
        let enter = |gate: &Gate| match at_limit {
            AtLimit::Refuse => gate.enter(),
            AtLimit::Wait => gate.enter_or_wait(worker),
        };
        let process_has_room = enter(process);
        let forward_has_room = process_has_room && enter(&forward.gate);
        // The claim comes last and is never returned here: a returned claim would wake this worker's own
        // waiting sessions and listeners, which would request again: an endless loop.
        let claim = match has_place.filter(|_| forward_has_room && at_limit == AtLimit::Wait) {
            Some(has_place) => route.claims().enter_or_wait(worker, has_place).map(Some),
            None => Some(None),
        };
        let targets_have_room = claim.is_some();
        let occupancy = Occupancy { targets_have_room, forward_has_room, process_has_room };
        match flow::admit(occupancy, at_limit) {
            Admission::Admit => {
                Ok((Self { route: Some(Arc::clone(route)), target: None }, claim.flatten()))
            }
            refused => {
                if forward_has_room {
                    wake(forward.gate.leave());
                }
                if process_has_room {
                    wake(process.leave());
                }
                Err(refused)
            }
        }
    }

    /// Takes the places of a session restored after an upgrade, which has none in a target before it selects
    /// one again. May exceed the limits.
    pub(crate) fn restored(route: Arc<Route>, target: Option<Arc<Target>>, process: &Gate) -> Self {
        process.enter_unchecked();
        route.forward.gate.enter_unchecked();
        if let Some(target) = &target {
            target.gate.enter_unchecked();
        }
        Self { route: Some(route), target }
    }

    /// Goes on by another route of the same listener. The permit must have no target yet.
    pub(crate) fn follow(&mut self, route: Arc<Route>) {
        debug_assert!(self.target.is_none(), "the route comes before the selection");
        debug_assert!(Arc::ptr_eq(&route.forward, &self.route().forward), "its places stay taken");
        self.route = Some(route);
    }

    /// Takes a place in the selected target. The place in a previous target must have been returned by
    /// [`Self::leave_target`].
    pub(crate) fn enter_target(&mut self, target: Arc<Target>) -> Result<(), Full> {
        debug_assert!(self.target.is_none(), "a session has one target at a time");
        if !target.gate.enter() {
            return Err(Full);
        }
        self.target = Some(target);
        Ok(())
    }

    /// Returns the place in the target, if one was taken. `wake` receives the workers that wait for it.
    pub(crate) fn leave_target(&mut self, wake: impl FnOnce(WorkerSet)) {
        if let Some(target) = self.target.take() {
            wake(target.gate.leave());
        }
    }

    /// Separates the place in the target, so that the permit can enter another one.
    pub(crate) fn set_target_aside(&mut self) -> Option<Place> {
        self.target.take().map(|target| Place(Some(target)))
    }

    /// Takes a place back. The permit must have none.
    pub(crate) fn take_back(&mut self, mut place: Place) {
        debug_assert!(self.target.is_none(), "a session has one target at a time");
        self.target = place.0.take();
    }

    /// The route whose limits apply to the places.
    pub(crate) fn route(&self) -> &Arc<Route> {
        self.route.as_ref().expect("only the release takes the route, and consumes the permit")
    }

    /// The selected target; `None` before the selection.
    pub(crate) fn target(&self) -> Option<&Arc<Target>> {
        self.target.as_ref()
    }

    /// Returns all places. `wake` receives the workers that wait for one.
    pub(crate) fn release(mut self, process: &Gate, wake: impl Fn(WorkerSet)) {
        self.leave_target(&wake);
        if let Some(route) = self.route.take() {
            wake(route.forward.gate.leave());
            wake(process.leave());
        }
    }
}

impl Permit {
    /// Forgets a permit of a replaced process image, whose gates are gone.
    pub(crate) fn abandon(mut self) {
        self.target = None;
        self.route = None;
    }
}

impl Place {
    /// Returns the place. `wake` receives the workers that wait for it.
    pub(crate) fn release(mut self, wake: impl FnOnce(WorkerSet)) {
        if let Some(target) = self.0.take() {
            wake(target.gate.leave());
        }
    }

    /// Forgets a place of a replaced process image, whose gates are gone.
    pub(crate) fn abandon(mut self) {
        self.0 = None;
    }

    /// The target.
    pub(crate) fn target(&self) -> Option<&Arc<Target>> {
        self.0.as_ref()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let is_released = self.0.is_none() || std::thread::panicking();
        debug_assert!(is_released, "attempts to connect were dropped with their place");
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let is_released = self.route.is_none() || std::thread::panicking();
        debug_assert!(is_released, "a session was dropped with its places");
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
