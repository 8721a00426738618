//! The conditions.

use super::*;
use crate::sim::Call;
use std::collections::BTreeMap;
use sys::kernel::Pipe;

fn failing(call: Call, errno: Errno) -> Conditions {
    let failures = BTreeMap::from([(call, (100, vec![errno]))]);
    Conditions { failures, ..Conditions::default() }
}

/// Every byte arrives under all conditions, if each end does as edge-triggered events permit: it waits
/// after a short count, and tries again only after an event.
#[test]
fn no_condition_stops_a_transfer() {
    for seed in 0..300 {
        let conditions = Conditions { failures: BTreeMap::new(), ..Conditions::of_seed(seed) };
        let host = Host::new(conditions);
        host.sim.reseed(seed);
        let (client, server) = host.pair();
        let (up, down) = transfer(&host, &client, &server);
        assert_eq!((up, down), (200_000, 200_000), "seed {seed}");
    }
}

/// Bytes that arrive in both directions, of 200,000.
fn transfer(host: &Host, client: &SimSocket, server: &SimSocket) -> (usize, usize) {
    const TOTAL: usize = 200_000;
    let ends = [client, server];
    let poller = Poller::new(&host.process, &ends);
    let (mut sent, mut received, mut readable, mut writable) =
        ([0; 2], [0; 2], [false; 2], [true; 2]);
    let limit = host.sim.now().after(1000 * SECOND);
    while received != [TOTAL; 2] && host.sim.now() < limit {
        for event in poller.events(None) {
            let at = usize::try_from(event.token).unwrap();
            readable[at] |= event.readable;
            writable[at] |= event.writable;
        }
        let mut acts = false;
        for at in 0..2 {
            if readable[at] {
                acts = true;
                let mut buffer = [0; 3000];
                let count = ends[at].receive(&mut buffer).unwrap_or(0);
                received[at] += count;
                readable[at] = count == buffer.len();
            }
            if writable[at] && sent[at] < TOTAL {
                acts = true;
                let offered = (TOTAL - sent[at]).min(5000);
                let count = ends[at].send(&vec![7; offered]).unwrap_or(0);
                sent[at] += count;
                writable[at] = count == offered;
            }
        }
        if !acts && poller.waits_until().is_some() {
            let Some(due) = host.sim.next_due() else { break };
            host.sim.advance(due);
        }
    }
    (received[1], received[0])
}

#[test]
fn a_short_send_is_followed_by_an_event() {
    let host = Host::new(Conditions { delay: 5..=5, ..Conditions::default() });
    let (client, server) = host.pair();
    let poller = Poller::new(&host.process, &[&client, &server]);
    assert_eq!(poller.wait(), [0, 1]);
    host.sim.set_conditions(Conditions { short_counts: 100, ..host.sim.conditions() });
    for _ in 0..100 {
        let mut sent = client.send(&[7; 1000]).unwrap();
        let is_short = sent < 1000;
        host.pass(MILLI);
        assert_eq!(poller.wait(), if is_short { &[0, 1][..] } else { &[1] });
        while sent > 0 {
            sent -= server.receive(&mut [0; 1000]).unwrap();
            assert!(sent == 0 || poller.wait() == [1], "bytes are left without an event");
        }
    }
}

/// `force_schedule` in `tcp_stream_alloc_skb`
#[test]
fn a_send_is_refused_only_while_an_acknowledgement_is_due() {
    let conditions = Conditions { refused_sends: 100, delay: 5..=5, ..Conditions::default() };
    let host = Host::new(conditions);
    let (client, _server) = host.pair();
    let poller = Poller::new(&host.process, &[&client]);
    assert_eq!(poller.wait(), [0]);
    assert_eq!(client.send(b"x"), Ok(1));
    assert_eq!(client.send(b"x"), Err(Errno::AGAIN));
    assert!(poller.wait().is_empty());
    host.pass(MILLI);
    assert_eq!(poller.wait(), [0]);
    assert_eq!(client.send(b"x"), Ok(1));
}

#[test]
fn no_read_is_short_in_front_of_a_fin_or_a_mark() {
    let host = Host::new(Conditions { short_counts: 100, ..Conditions::default() });
    let (client, server) = host.pair();
    host.sim.set_conditions(Conditions::default());
    for _ in 0..50 {
        client.send(&[7; 100]).unwrap();
        client.send_urgent(b'!').unwrap();
        host.sim.set_conditions(Conditions { short_counts: 100, ..Conditions::default() });
        assert_eq!(server.receive(&mut [0; 1000]), Ok(100));
        host.sim.set_conditions(Conditions::default());
        server.receive(&mut [0; 1000]).unwrap();
    }
}

#[test]
fn calls_fail_as_the_conditions_have_it() {
    let host = Host::friendly();
    let address = host.address;
    let fails = |call, errno| host.sim.set_conditions(failing(call, errno));
    fails(Call::Socket, Errno::NOBUFS);
    assert_eq!(host.process.connect_tcp(address).map(drop), Err(Errno::NOBUFS));
    fails(Call::Connect, Errno::ACCESS);
    assert_eq!(host.process.connect_tcp(address).map(drop), Err(Errno::ACCESS));
    fails(Call::Epoll, Errno::NOMEM);
    assert_eq!(host.process.epoll().map(drop), Err(Errno::NOMEM));
    fails(Call::Waker, Errno::NOMEM);
    assert_eq!(host.process.waker().map(drop), Err(Errno::NOMEM));
    fails(Call::Listen, Errno::ADDRINUSE);
    assert_eq!(host.listener.listen(), Err(Errno::ADDRINUSE));
    fails(Call::Pipe, Errno::NFILE);
    let refused = sys::PipeError::Refused(Errno::NFILE);
    assert_eq!(host.process.pipe(&[65_536]).map(drop), Err(refused));
    fails(Call::Options, Errno::PERM);
    let options = TcpOptions { user_timeout: Some(SECOND), ..OPTIONS };
    assert_eq!(host.listener.set_tcp_options(&options), Err(Errno::PERM));
    assert_eq!(host.listener.set_tcp_options(&OPTIONS), Ok(()), "nothing is set");
    assert!(!host.sim.spare(true));
    assert_eq!(host.listener.set_tcp_options(&options), Ok(()));
    assert_eq!(host.process.descriptors().len(), 1);
}

#[test]
fn splices_and_registrations_fail_without_effect() {
    let host = Host::friendly();
    let (client, server) = host.pair();
    let (pipe, epoll) = (host.process.pipe(&[65_536]).unwrap(), host.process.epoll().unwrap());
    client.send(b"abc").unwrap();
    host.sim.set_conditions(failing(Call::Fill, Errno::NOMEM));
    assert_eq!(pipe.fill(&server), Err(Errno::NOMEM));
    host.sim.set_conditions(failing(Call::Drain, Errno::NOMEM));
    assert_eq!(pipe.fill(&server), Ok(3));
    assert_eq!(pipe.drain(&server, 3), Err(Errno::NOMEM));
    host.sim.set_conditions(failing(Call::Watch, Errno::NOSPC));
    assert_eq!(epoll.add_connection(&server, 1), Err(Errno::NOSPC));
    host.sim.set_conditions(Conditions::default());
    assert_eq!(epoll.add_connection(&server, 1), Ok(()));
    assert_eq!(pipe.drain(&server, 3), Ok(3));
}

#[test]
fn a_failed_accept_leaves_or_closes_the_connection_as_its_error_says() {
    let host = Host::friendly();
    let client = host.connect();
    host.sim.set_conditions(failing(Call::Accept, Errno::NOBUFS));
    assert_eq!(host.listener.accept().unwrap_err(), Errno::NOBUFS);
    assert_eq!(host.listener.waiting(), 1);
    host.sim.set_conditions(failing(Call::Accept, Errno::CONNABORTED));
    assert_eq!(host.listener.accept().unwrap_err(), Errno::CONNABORTED);
    assert_eq!(host.listener.waiting(), 0);
    assert_eq!(client.receive(&mut [0; 9]), Ok(0));
    assert_eq!(host.listener.accept().unwrap_err(), Errno::AGAIN, "there is none to abort");
}

#[test]
fn one_seed_gives_one_history() {
    let run = |seed| {
        let host = Host::friendly();
        host.sim.set_conditions(Conditions::hostile());
        host.sim.reseed(seed);
        let mut trace = Vec::new();
        for _ in 0..50 {
            let client = host.process.connect_tcp(host.address);
            host.pass(10 * MILLI);
            let server = host.listener.accept();
            if let (Ok((client, _)), Ok((server, _))) = (client, server) {
                trace.push(format!("{:?}", client.send(&[7; 5000])));
                host.pass(MILLI);
                trace.push(format!("{:?}", server.receive(&mut [0; 5000])));
            }
        }
        (trace, host.sim.now(), host.sim.calls())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}
