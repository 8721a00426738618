//! Permits of two workers.

use super::*;
use crate::admission::NotAdmitted;
use crate::connecting::Tried;
use crate::forward::Forward;
use crate::resolve::{Query, Resolve};
use crate::shared::Shared;
use crate::{Detail, Options};
use flow::{Random, Time};
use std::num::NonZeroU32;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
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
    let forward = format!("to = '127.0.0.1:2'\nmax_sessions = 1\nat_limit = '{at_limit}'");
    shared_and_route(2, &forward)
}

/// Shared state of two workers with room for so many sessions, and the route of a forward.
fn shared_and_route(max_sessions: u32, forward: &str) -> (Shared<Linux>, Arc<Route>) {
    let options = Options {
        workers: 2,
        max_sessions,
        pipes: 0,
        detail: Detail { records: false, steps: false },
        seed: 1,
        resolver: Arc::new(NoNames),
    };
    let text = format!("[[forward]]\nlisten = '127.0.0.1:1'\n{forward}");
    let input = plan::Input { config: Some("test.toml".into()), ..plan::Input::default() };
    let plan = plan::read_text(&input, &text).plan.expect("a plan");
    let forward = Arc::new(Forward::new(&plan.forwards[0], 2, NonZeroU32::MIN));
    let planned = &plan.forwards[0].routes[0];
    let listen = planned.listen.to_string().into();
    let route = Arc::new(Route::new(&forward, listen, targets_of(&planned.targets)));
    (Shared::new(&Linux, &options).expect("wakers can be made"), route)
}

fn request(
    shared: &Shared<Linux>,
    route: &Arc<Route>,
    worker: usize,
) -> Result<Permit, NotAdmitted> {
    let rules = route.forward.rules();
    let requested = shared.request(route, &rules, None, worker, Time::from_micros(0));
    requested.map(|(permit, claim)| {
        assert!(claim.is_none(), "the target has no limit");
        permit
    })
}

/// Selects a target, in place of one that was selected before.
fn select(permit: &mut Permit, shared: &Shared<Linux>) {
    shared.leave_target(permit);
    let rules = permit.route().forward.rules();
    let (client, mut random) = (sys::Address::UNIX, Random::new(1));
    crate::select::select(
        permit,
        client,
        &Tried::nothing(),
        &rules,
        Time::from_micros(0),
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
    assert_eq!(request(&shared, &route, 0).err(), Some(NotAdmitted::Full(Admission::Refuse)));
    assert_eq!(taken(&shared, &route), [1, 1, 0], "the place in the process was returned");
    let target = Arc::clone(&route.targets.load().members()[0].target);
    let restored = shared.restored(Arc::clone(&route), Some(target));
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
    assert_eq!(request(&shared, &route, 1).err(), Some(NotAdmitted::Full(Admission::Wait)));
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

/// The route of a forward with one target for one session, where clients wait.
fn one_place() -> (Shared<Linux>, Arc<Route>) {
    let target = "to = { address = '127.0.0.1:2', max_sessions = 1 }";
    shared_and_route(2, &format!("{target}\nat_limit = 'wait'"))
}

fn claimed(shared: &Shared<Linux>, route: &Arc<Route>, worker: usize) -> Option<(Permit, Claim)> {
    let rules = route.forward.rules();
    let requested = shared.request(route, &rules, None, worker, Time::from_micros(0));
    requested.ok().map(|(permit, claim)| (permit, claim.expect("the target has a limit")))
}

/// Takes the messages to each worker.
fn woken(shared: &Shared<Linux>) -> Vec<usize> {
    shared.mailboxes.iter().map(|mailbox| mailbox.take().len()).collect()
}

#[test]
fn a_client_with_a_claim_keeps_the_next_from_its_place() {
    let (shared, route) = one_place();
    let (mut permit, claim) = claimed(&shared, &route, 0).expect("room");
    assert!(claimed(&shared, &route, 1).is_none(), "the place is for the first one");
    assert_eq!(taken(&shared, &route), [1, 1, 0], "the second one took none");
    select(&mut permit, &shared);
    shared.release_claim(Some(claim));
    assert_eq!(woken(&shared), [0, 1], "it may have been the last claim");
    assert!(claimed(&shared, &route, 1).is_none(), "the target is full");
    shared.release(permit);
    assert_eq!(woken(&shared), [0, 1]);
    let (permit, claim) = claimed(&shared, &route, 1).expect("room");
    shared.release_claim(Some(claim));
    shared.release(permit);
    assert_eq!(taken(&shared, &route), [0, 0, 0]);
}

#[test]
fn a_client_that_was_accepted_before_gets_the_next_place() {
    let (shared, route) = one_place();
    let (mut permit, claim) = claimed(&shared, &route, 0).expect("room");
    select(&mut permit, &shared);
    shared.release_claim(Some(claim));
    let accepted = route.forward.claims.enter();
    shared.release(permit);
    assert!(claimed(&shared, &route, 1).is_none(), "the place is for the accepted one");
    shared.release_claim(Some(accepted));
    assert_eq!(woken(&shared), [0, 1]);
}

#[test]
fn a_set_with_room_wakes_the_worker_that_waits() {
    let (shared, route) = one_place();
    let (mut permit, claim) = claimed(&shared, &route, 0).expect("room");
    select(&mut permit, &shared);
    shared.release_claim(Some(claim));
    assert!(claimed(&shared, &route, 1).is_none());
    let mut entry = plan::TargetEntry::new("127.0.0.1:2".parse().expect("a target"));
    entry.options.max_sessions = std::num::NonZeroU32::new(2);
    route.targets.replace(targets_of(&[entry]), &route.forward.targets);
    shared.wake(route.forward.targets_changed());
    assert_eq!(woken(&shared), [0, 1], "not by the limit, before the set");
    shared.release(permit);
}

#[test]
#[should_panic(expected = "a client was dropped with its claim")]
#[cfg(debug_assertions)]
fn a_claim_that_is_dropped_fails_an_assertion() {
    let (_, route) = one_place();
    drop(route.forward.claims.enter());
}

#[test]
fn a_client_that_two_workers_admit_at_once_gets_its_share_and_no_more() {
    const ROUNDS: usize = 10_000;
    let forward = "to = '127.0.0.1:2'\nmax_sessions = 100\nshare = 9";
    let (shared, route) = shared_and_route(1000, forward);
    let rules = route.forward.rules();
    let address = sys::Address::from(std::net::SocketAddr::from(([192, 0, 2, 7], 4711)));
    let request = |worker| {
        let client = rules.clients.client(address);
        let requested = shared.request(&route, &rules, client, worker, Time::from_micros(0));
        requested.ok().map(|(permit, _)| permit)
    };
    let held: Vec<_> = (0..89).map(|_| request(0).expect("below its share")).collect();
    // Two workers ask for the last place of its share.
    let (round, wrong) = (Barrier::new(2), AtomicUsize::new(0));
    let ask = |worker| {
        for _ in 0..ROUNDS {
            round.wait();
            let permit = request(worker);
            round.wait();
            wrong.fetch_add(usize::from(route.forward.gate.taken() != 90), Ordering::Relaxed);
            round.wait();
            if let Some(permit) = permit {
                shared.release(permit);
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| ask(1));
        ask(0);
    });
    for permit in held {
        shared.release(permit);
    }
    assert_eq!((wrong.into_inner(), taken(&shared, &route)), (0, [0, 0, 0]));
}
