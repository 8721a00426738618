//! The places that a session occupies: in its forward and in the process.

mod gate;
pub(crate) use gate::{Gate, Waiting};

use crate::forward::Route;
use flow::{Admission, AtLimit, Occupancy};
use std::sync::Arc;

/// Every place that one session occupies, and the route under whose limits it does. Taken before the
/// session exists, carried by it, and returned exactly once: by [`Permit::release`], which consumes it.
#[must_use = "a permit that is dropped keeps its places for ever"]
pub(crate) struct Permit {
    /// `None` after the release.
    route: Option<Arc<Route>>,
}

impl Permit {
    /// Takes a place in the `process` and one in the forward, or none. Where clients may wait, `worker`
    /// is among those that are woken when there is room again. `wake` gets the workers that waited
    /// for a place returned here.
    pub(crate) fn request(
        route: &Arc<Route>,
        worker: usize,
        process: &Gate,
        wake: impl FnOnce(Waiting),
    ) -> Result<Self, Admission> {
        let at_limit = route.forward.rules().at_limit;
        let enter = |gate: &Gate| match at_limit {
            AtLimit::Refuse => gate.enter(),
            AtLimit::Wait => gate.enter_or_wait(worker),
        };
        let process_has_room = enter(process);
        let forward_has_room = process_has_room && enter(&route.forward.gate);
        if process_has_room && !forward_has_room {
            wake(process.leave());
        }
        match flow::admit(Occupancy { forward_has_room, process_has_room }, at_limit) {
            Admission::Admit => Ok(Self { route: Some(Arc::clone(route)) }),
            refused => Err(refused),
        }
    }

    /// The places of a session that was restored after an upgrade. May exceed the limits.
    pub(crate) fn restored(route: &Arc<Route>, process: &Gate) -> Self {
        route.forward.gate.enter_unchecked();
        process.enter_unchecked();
        Self { route: Some(Arc::clone(route)) }
    }

    /// The route under whose limits the places were taken.
    pub(crate) fn route(&self) -> &Arc<Route> {
        self.route.as_ref().expect("only the release takes the route, and consumes the permit")
    }

    /// Returns all places. `wake` gets the workers that wait for one.
    pub(crate) fn release(mut self, process: &Gate, wake: impl Fn(Waiting)) {
        if let Some(route) = self.route.take() {
            wake(route.forward.gate.leave());
            wake(process.leave());
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let is_released = self.route.is_none() || std::thread::panicking();
        debug_assert!(is_released, "a session was dropped with its places");
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::Options;
    use crate::forward::Forward;
    use crate::resolve::{Query, Resolve};
    use crate::shared::{Detail, Shared};

    struct NoNames;

    impl Resolve for NoNames {
        fn resolve(&self, query: Query) {
            query.answer(Arc::new([]));
        }
    }

    /// What two workers share, with room for two sessions; and a forward with room for one.
    fn limits(at_limit: &str) -> (Shared, Arc<Route>) {
        let options = Options {
            workers: 2,
            max_sessions: 2,
            pipes: 0,
            detail: Detail { records: false, steps: false },
            resolver: Arc::new(NoNames),
        };
        let text = format!(
            "[[forward]]\nlisten = '127.0.0.1:1'\nto = '127.0.0.1:2'\nmax_sessions = 1\n\
             at_limit = '{at_limit}'"
        );
        let input = plan::Input { config: Some("test.toml".into()), ..plan::Input::default() };
        let plan = plan::read_text(&input, &text).plan.expect("a plan");
        let forward = Arc::new(Forward::new(&plan.forwards[0], 2));
        let route = Arc::new(Route::new(&forward, &plan.forwards[0].routes[0]));
        (Shared::new(&options).expect("wakers can be made"), route)
    }

    fn taken(shared: &Shared, route: &Route) -> [u32; 2] {
        [shared.gate.taken(), route.forward.gate.taken()]
    }

    #[test]
    fn a_permit_takes_all_places_or_none_and_returns_them() {
        let (shared, route) = limits("refuse");
        let permit = shared.request(&route, 0).unwrap_or_else(|_| panic!("no room"));
        assert_eq!(taken(&shared, &route), [1, 1]);
        assert_eq!(shared.request(&route, 0).err(), Some(Admission::Refuse));
        assert_eq!(taken(&shared, &route), [1, 1], "the place in the process was returned");
        let restored = shared.restored(&route);
        assert_eq!(taken(&shared, &route), [2, 2], "beyond the limit");
        shared.release(restored);
        shared.release(permit);
        assert_eq!(taken(&shared, &route), [0, 0]);
    }

    #[test]
    fn a_release_wakes_the_worker_that_waits() {
        let (shared, route) = limits("wait");
        let permit = shared.request(&route, 0).unwrap_or_else(|_| panic!("no room"));
        assert_eq!(shared.request(&route, 1).err(), Some(Admission::Wait));
        shared.release(permit);
        let woken = shared.mailboxes.iter().map(|mailbox| mailbox.take().len());
        assert_eq!(woken.collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    #[should_panic(expected = "a session was dropped with its places")]
    #[cfg(debug_assertions)]
    fn a_permit_that_is_dropped_fails_an_assertion() {
        let (shared, route) = limits("refuse");
        drop(shared.request(&route, 0).ok());
    }
}
