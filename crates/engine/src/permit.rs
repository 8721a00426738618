//! Stage *permit*: the places occupied by a session in the process, its forward and its target.

mod gate;
pub(crate) use gate::{Gate, Waiting};

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

impl Permit {
    /// Takes a place in the `process` and one in the forward, or none. Where clients may wait, `worker`
    /// is noted in the full gate, and woken when there is room. `wake` receives the workers to wake for
    /// a place that is returned here.
    pub(crate) fn request(
        route: &Arc<Route>,
        at_limit: AtLimit,
        worker: usize,
        process: &Gate,
        wake: impl FnOnce(Waiting),
    ) -> Result<Self, Admission> {
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
            Admission::Admit => Ok(Self { route: Some(Arc::clone(route)), target: None }),
            refused => Err(refused),
        }
    }

    /// Takes the places of a session restored after an upgrade. May exceed the limits.
    pub(crate) fn restored(route: Arc<Route>, target: Arc<Target>, process: &Gate) -> Self {
        process.enter_unchecked();
        route.forward.gate.enter_unchecked();
        target.gate.enter_unchecked();
        Self { route: Some(route), target: Some(target) }
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
    pub(crate) fn leave_target(&mut self, wake: impl FnOnce(Waiting)) {
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
    pub(crate) fn release(mut self, process: &Gate, wake: impl Fn(Waiting)) {
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
    pub(crate) fn release(mut self, wake: impl FnOnce(Waiting)) {
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
mod tests {
    use super::*;
    use crate::connecting::Tried;
    use crate::forward::Forward;
    use crate::random::Random;
    use crate::resolve::{Query, Resolve};
    use crate::shared::Shared;
    use crate::{Detail, Options};
    use sys::kernel::Linux;

    struct NoNames;

    impl Resolve for NoNames {
        fn resolve(&self, query: Query) {
            query.answer(Err(crate::NameFailure::Error));
        }

        fn connect_failed(&self, _: &Arc<str>) {}
    }

    fn targets_of(entries: &[plan::TargetEntry]) -> Vec<crate::sets::Planned<'_>> {
        crate::sets::Sets::default().targets_of(entries).0
    }

    /// Shared state of two workers with room for two sessions, and the route of a forward with room for
    /// one.
    fn limits(at_limit: &str) -> (Shared<Linux>, Arc<Route>) {
        let options = Options {
            workers: 2,
            max_sessions: 2,
            pipes: 0,
            detail: Detail { records: false, steps: false },
            seed: 1,
            resolver: Arc::new(NoNames),
        };
        let text = format!(
            "[[forward]]\nlisten = '127.0.0.1:1'\nto = '127.0.0.1:2'\nmax_sessions = 1\n\
             at_limit = '{at_limit}'"
        );
        let input = plan::Input { config: Some("test.toml".into()), ..plan::Input::default() };
        let plan = plan::read_text(&input, &text).plan.expect("a plan");
        let forward = Arc::new(Forward::new(&plan.forwards[0], 2));
        let planned = &plan.forwards[0].routes[0];
        let listen = planned.listen.to_string().into();
        let route = Arc::new(Route::new(&forward, listen, targets_of(&planned.targets)));
        (Shared::new(&Linux, &options).expect("wakers can be made"), route)
    }

    fn request(
        shared: &Shared<Linux>,
        route: &Arc<Route>,
        worker: usize,
    ) -> Result<Permit, Admission> {
        shared.request(route, route.forward.rules().at_limit, worker)
    }

    /// Selects a target, in place of one that was selected before.
    fn select(permit: &mut Permit, shared: &Shared<Linux>) {
        shared.leave_target(permit);
        let rules = permit.route().forward.rules();
        let (client, mut random) = (sys::Address::UNIX, Random::new(1, 0));
        crate::select::select(
            permit,
            client,
            &Tried::nothing(),
            &rules,
            flow::Time::from_micros(0),
            &mut random,
        )
        .expect("the target is up");
    }

    fn admitted(shared: &Shared<Linux>, route: &Arc<Route>) -> Permit {
        request(shared, route, 0).unwrap_or_else(|_| panic!("no room"))
    }

    /// Places taken in the process, the forward, and the current target.
    fn taken(shared: &Shared<Linux>, route: &Route) -> [u32; 3] {
        let target = route.targets.load().members()[0].target.gate.taken();
        [shared.gate.taken(), route.forward.gate.taken(), target]
    }

    #[test]
    fn a_permit_takes_all_places_or_none_and_returns_them() {
        let (shared, route) = limits("refuse");
        let permit = admitted(&shared, &route);
        assert_eq!(taken(&shared, &route), [1, 1, 0]);
        assert_eq!(request(&shared, &route, 0).err(), Some(Admission::Refuse));
        assert_eq!(taken(&shared, &route), [1, 1, 0], "the place in the process was returned");
        let target = Arc::clone(&route.targets.load().members()[0].target);
        let restored = shared.restored(Arc::clone(&route), target);
        assert_eq!(taken(&shared, &route), [2, 2, 1], "beyond the limit");
        shared.release(restored);
        shared.release(permit);
        assert_eq!(taken(&shared, &route), [0, 0, 0]);
    }

    #[test]
    fn a_selection_takes_one_place_and_a_second_one_returns_it() {
        let (shared, route) = limits("refuse");
        let mut permit = admitted(&shared, &route);
        for _ in 0..2 {
            select(&mut permit, &shared);
            assert_eq!(taken(&shared, &route), [1, 1, 1]);
        }
        shared.release(permit);
        assert_eq!(taken(&shared, &route), [0, 0, 0]);
    }

    #[test]
    fn a_replaced_set_leaves_its_target_to_an_open_session() {
        let (shared, route) = limits("refuse");
        let mut permit = admitted(&shared, &route);
        select(&mut permit, &shared);
        let other = plan::TargetEntry::new("127.0.0.1:3".parse().expect("a target"));
        route.targets.replace(targets_of(&[other]), &route.forward.targets);
        assert_eq!(permit.target().map(|target| &*target.text), Some("127.0.0.1:2"));
        assert_eq!(taken(&shared, &route), [1, 1, 0], "the new target has no session");
        shared.release(permit);
        let mut permit = admitted(&shared, &route);
        select(&mut permit, &shared);
        assert_eq!(permit.target().map(|target| &*target.text), Some("127.0.0.1:3"));
        assert_eq!(taken(&shared, &route), [1, 1, 1]);
        shared.release(permit);
    }

    #[test]
    fn a_release_wakes_the_worker_that_waits() {
        let (shared, route) = limits("wait");
        let permit = admitted(&shared, &route);
        assert_eq!(request(&shared, &route, 1).err(), Some(Admission::Wait));
        shared.release(permit);
        let woken = shared.mailboxes.iter().map(|mailbox| mailbox.take().len());
        assert_eq!(woken.collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    #[should_panic(expected = "a session was dropped with its places")]
    #[cfg(debug_assertions)]
    fn a_permit_that_is_dropped_fails_an_assertion() {
        let (shared, route) = limits("refuse");
        drop(request(&shared, &route, 0).ok());
    }
}
