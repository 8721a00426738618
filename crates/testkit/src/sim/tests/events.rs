//! Epoll.

use super::*;
use sys::kernel::Wake;

#[test]
fn an_edge_is_reported_once() {
    let host = Host::friendly();
    let (client, server) = host.pair();
    let poller = Poller::new(&host.process, &[&server]);
    let wait = || {
        let events = poller.events(Some(5 * MILLI));
        events.iter().map(|event| (event.readable, event.writable)).collect::<Vec<_>>()
    };
    assert_eq!(wait(), [(false, true)]);
    assert_eq!(wait(), []);
    assert_eq!(poller.waits_until(), Some(host.sim.now().after(5 * MILLI)));
    assert_eq!(host.sim.next_due(), poller.waits_until());
    client.send(b"x").unwrap();
    assert_eq!(poller.waits_until(), None);
    assert_eq!(wait(), [(true, true)]);
    assert_eq!(wait(), []);
}

#[test]
fn events_come_in_the_order_of_their_wake_ups_and_the_rest_is_kept() {
    let host = Host::friendly();
    let pairs: Vec<_> = (0..4).map(|_| host.pair()).collect();
    let servers: Vec<_> = pairs.iter().map(|(_, server)| server).collect();
    let poller = Poller::new(&host.process, &servers);
    assert_eq!(poller.wait(), [0, 1, 2, 3]);
    for at in [2, 0, 3, 1] {
        pairs[at].0.send(b"x").unwrap();
    }
    let mut events = <SimEpoll as Epoll<Process>>::events(3);
    let mut wait = || {
        Epoll::<Process>::wait(&poller.epoll, &mut events, None).unwrap();
        let events = <SimEpoll as Epoll<Process>>::iter(&events);
        events.map(|event| event.token).collect::<Vec<_>>()
    };
    assert_eq!(wait(), [2, 0, 3]);
    assert_eq!(wait(), [1]);
}

/// `EPOLLEXCLUSIVE`: all instances up to the first one with a thread that waits.
#[test]
fn a_connection_wakes_one_of_the_threads_that_wait() {
    let host = Host::friendly();
    let pollers = [(); 3].map(|()| Poller::new(&host.process, &[]));
    for poller in &pollers {
        poller.epoll.add_listener(&host.listener, 9).unwrap();
        poller.epoll.add_listener(&host.listener, 9).unwrap();
    }
    for waiting in &pollers[1..] {
        assert!(waiting.wait().is_empty());
    }
    let _client = host.connect();
    let woken = || pollers.each_ref().map(|poller| host.process.has_events(number(poller)));
    assert_eq!(woken(), [true, true, false]);
    assert_eq!(pollers[1].wait(), [9]);
    assert_eq!(pollers[1].wait(), [9], "reported until it is accepted");
    host.listener.accept().unwrap();
    assert!(pollers[1].wait().is_empty());
    host.listener.stop_listening();
    assert_eq!(woken(), [true; 3], "a change of state wakes all");
}

fn number(poller: &Poller<'_>) -> u32 {
    sys::kernel::Descriptor::number(&poller.epoll)
}

#[test]
fn a_waker_ends_a_wait_once() {
    let host = Host::friendly();
    let waker = host.process.waker().unwrap();
    let poller = Poller::new(&host.process, &[]);
    poller.epoll.add_waker(&waker, 5).unwrap();
    assert!(poller.wait().is_empty());
    waker.wake();
    waker.wake();
    assert_eq!(poller.waits_until(), None);
    assert_eq!(poller.wait(), [5]);
    assert!(poller.wait().is_empty());
    assert!(host.process.is_woken(&waker));
    sys::kernel::Waker::wait(&waker);
    assert!(!host.process.is_woken(&waker));
}

#[test]
fn a_closed_socket_has_no_event() {
    let host = Host::friendly();
    let (client, server) = host.pair();
    let poller = Poller::new(&host.process, &[&client, &server]);
    drop(server);
    assert_eq!(poller.wait(), [0]);
    assert_eq!(poller.epoll.add_connection(&client, 1).unwrap_err(), Errno::EXIST);
    Epoll::<Process>::remove(&poller.epoll, &client).unwrap();
    assert_eq!(Epoll::<Process>::remove(&poller.epoll, &client), Err(Errno::NOENT));
    poller.epoll.add_connection(&client, 7).unwrap();
    assert_eq!(poller.wait(), [7]);
}

#[test]
fn a_closed_instance_watches_nothing() {
    let host = Host::friendly();
    let (client, server) = host.pair();
    drop(Poller::new(&host.process, &[&client, &server]));
    client.send(b"x").unwrap();
    let poller = Poller::new(&host.process, &[&client, &server]);
    assert_eq!(poller.wait(), [0, 1]);
}

#[test]
fn events_without_a_change_report_the_present_state() {
    let host = Host::new(Conditions { spurious_events: 100, ..Conditions::default() });
    let (_client, server) = host.pair();
    let poller = Poller::new(&host.process, &[&server]);
    assert_eq!(poller.wait(), [0]);
    let spurious = (0..100).filter(|_| poller.wait() == [0]).count();
    assert!(spurious > 50);
}

#[test]
fn a_signal_ends_only_a_wait_without_events() {
    let host = Host::new(Conditions { interrupted_waits: 100, ..Conditions::default() });
    let (_client, server) = host.pair();
    let poller = Poller::new(&host.process, &[&server]);
    assert_eq!(poller.wait(), [0]);
    assert!(poller.wait().is_empty());
    assert_eq!(poller.waits_until(), None, "the wait is over");
}
