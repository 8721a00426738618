//! Stage *permit*: the places occupied by a session in the process, its forward and its target, and among those
//! of its client.

mod claims;
mod gate;
mod waiters;
pub(crate) use claims::{Claim, Claims};
pub(crate) use gate::Gate;
pub(crate) use waiters::{Waiters, WorkerSet};

use crate::clients::{ClientPlace, Clients};
use crate::forward::Forward;
use crate::rule::Route;
use crate::target::Target;
use flow::{Admission, AtLimit, ClientLimits, Occupancy, Pool, Share};
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
    /// `None` if the client is not counted, or not known yet.
    client: Option<ClientPlace>,
}

/// The place in a target to which a session still tries to connect, while its permit has a place in the
/// next one. Returned exactly once: by [`Place::release`], or with the permit that takes it back.
#[must_use = "a place that is dropped is kept for ever"]
pub(crate) struct Place(Option<Arc<Target>>);

/// Error of [`Permit::enter_target`]: the target's limit is reached.
#[derive(Debug)]
pub(crate) struct Full;

/// The places that a forward may still take in the process.
fn room_of(forward: &Forward, share: Option<Share>, process: Pool) -> u32 {
    share.map_or(process.free(), |share| process.room(share, forward.gate.taken()))
}

/// Whether there is room for a client that may wait; if not, notes the worker where there is none. Takes no place: a
/// place that is taken and returned wakes workers, and this one as well if it waits with another listener, whose
/// forward has its share of the process. It would request again, for ever.
fn has_room_or_wait(
    route: &Route,
    share: Option<Share>,
    worker: usize,
    has_place: Option<&impl Fn(u32) -> bool>,
    process: &Gate,
) -> bool {
    let forward = &route.forward;
    let claims = route.claims();
    process.look_or_wait(worker, |pool| room_of(forward, share, pool) > 0)
        && forward.gate.look_or_wait(worker, |pool| pool.free() > 0)
        && has_place.is_none_or(|has_place| claims.look_or_wait(worker, has_place))
}

/// Takes a place in the process, and then one in the forward. Returns whether each was taken.
fn enter_gates(
    forward: &Forward,
    (at_limit, worker): (AtLimit, usize),
    share: Option<Share>,
    client: Option<CheckedClient>,
    process: &Gate,
) -> (bool, bool) {
    let enter = |gate: &Gate, may_enter: &mut dyn FnMut(Pool) -> bool| match at_limit {
        AtLimit::Refuse => gate.enter_if(may_enter),
        AtLimit::Wait => gate.enter_or_wait(worker, may_enter),
    };
    // Decided with the attempts: the last places must not go to two workers at once.
    let mut room = 0;
    let process_has_room = enter(process, &mut |pool| {
        room = room_of(forward, share, pool);
        room > 0
    });
    let mut has_share = |pool: Pool| {
        let pool = pool.within(room);
        client.is_none_or(|it| pool.free() > 0 && it.limits.share_of(it.places, pool).is_ok())
    };
    (process_has_room, process_has_room && enter(&forward.gate, &mut has_share))
}

/// The limits that a request meets besides those of process and forward, and the action at a limit.
#[derive(Clone, Copy)]
pub(crate) struct PermitRequest<F> {
    pub(crate) at_limit: AtLimit,
    /// The worker to wake, if the client waits.
    pub(crate) worker: usize,
    /// Whether a target has a place beside this number of claims; `None` if the targets have no limit.
    pub(crate) has_place: Option<F>,
    /// The forward's share of the process, if it has one.
    pub(crate) share: Option<Share>,
    /// The client, if it is counted and known.
    pub(crate) client: Option<CheckedClient>,
}

/// A client whose limits allow one more session, with the places that it holds until then.
#[derive(Clone, Copy)]
pub(crate) struct CheckedClient {
    pub(crate) limits: ClientLimits,
    pub(crate) places: u32,
}

impl Permit {
    /// Takes a place in the `process` and one in the forward, or none. Where clients may wait, also claims a
    /// place in a target, and notes the worker where there is no room: it is woken when there is. `wake`
    /// receives the workers to wake for a place that is returned here.
    pub(crate) fn request(
        route: &Arc<Route>,
        request: PermitRequest<impl Fn(u32) -> bool>,
        process: &Gate,
        mut wake: impl FnMut(WorkerSet),
    ) -> Result<(Self, Option<Claim>), Admission> {
        let PermitRequest { at_limit, worker, has_place, share, client } = request;
        let forward = &route.forward;
        let has_place = has_place.filter(|_| at_limit == AtLimit::Wait);
        if at_limit == AtLimit::Wait
            && !has_room_or_wait(route, share, worker, has_place.as_ref(), process)
        {
            return Err(Admission::Wait);
        }
        let (process_has_room, forward_has_room) =
            enter_gates(forward, (at_limit, worker), share, client, process);
        // The claim comes last and is never returned here: a returned claim would wake this worker's own
        // waiting sessions and listeners, which would request again: an endless loop.
        let claim = match has_place.filter(|_| forward_has_room) {
            Some(has_place) => route.claims().enter_or_wait(worker, has_place).map(Some),
            None => Some(None),
        };
        let targets_have_room = claim.is_some();
        let occupancy = Occupancy { targets_have_room, forward_has_room, process_has_room };
        match flow::admit(occupancy, at_limit) {
            Admission::Admit => Ok((
                Self { route: Some(Arc::clone(route)), target: None, client: None },
                claim.flatten(),
            )),
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
        Self { route: Some(route), target, client: None }
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

    /// The place of its client; `None` if it is not counted, or not known yet.
    pub(crate) fn client(&self) -> Option<&ClientPlace> {
        self.client.as_ref()
    }

    /// Adds the place of its client. The permit must have none.
    pub(crate) fn set_client(&mut self, client: Option<ClientPlace>) {
        debug_assert!(self.client.is_none(), "a session has one client");
        self.client = client;
    }

    /// Separates the place of its client, which the caller returns.
    pub(crate) fn take_client(&mut self) -> Option<ClientPlace> {
        self.client.take()
    }

    /// The selected target; `None` before the selection.
    pub(crate) fn target(&self) -> Option<&Arc<Target>> {
        self.target.as_ref()
    }

    /// Returns all places. `wake` receives the workers that wait for one.
    pub(crate) fn release(mut self, process: &Gate, clients: &Clients, wake: impl Fn(WorkerSet)) {
        self.leave_target(&wake);
        if let Some(route) = self.route.take() {
            // Before the others: a client that comes for them finds its own count right.
            if let Some(client) = self.client.take() {
                clients.leave(&route.forward.clients, client);
            }
            wake(route.forward.gate.leave());
            wake(process.leave());
        }
    }
}

impl Permit {
    /// Forgets a permit of a replaced process image, whose gates are gone.
    pub(crate) fn abandon(mut self) {
        self.target = None;
        self.client = None;
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
