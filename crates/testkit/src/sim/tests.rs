//! The first rules of the model. `tests/kernel_model` compares it with Linux.

use super::{Conditions, Process, Sim, SimSocket};
use flow::Time;
use std::net::SocketAddr;
use std::time::Duration;
use sys::Errno;
use sys::kernel::{Epoll, Kernel, Pipe, Socket};
use sys::listen::Sharing;
use sys::socket::TcpOptions;

const OPTIONS: TcpOptions = TcpOptions { keepalive: None, user_timeout: None };

fn process(conditions: Conditions) -> (Sim, Process) {
    let sim = Sim::new(1, conditions);
    let process = sim.process(1024);
    (sim, process)
}

fn pair(sim: &Sim, process: &Process) -> (SimSocket, SimSocket) {
    let address: SocketAddr = "127.0.0.1:80".parse().unwrap();
    let listener = process.bind_tcp(address, &OPTIONS, Sharing::Exclusive).unwrap();
    listener.listen().unwrap();
    let (client, _) = process.connect_tcp(address).unwrap();
    sim.advance(sim.now().after(Duration::from_secs(1)));
    (client, listener.accept().unwrap().0)
}

#[test]
fn bytes_pass_in_order_and_a_fin_is_the_end() {
    let (sim, process) = process(Conditions { delay: 10..=500, ..Conditions::default() });
    let (client, server) = pair(&sim, &process);
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let mut sent = 0;
    let mut got: Vec<u8> = Vec::new();
    while got.len() < bytes.len() {
        sent += client.send(&bytes[sent..]).unwrap_or(0);
        if let Some(due) = sim.next_due() {
            sim.advance(due);
        }
        let mut buffer = [0; 4096];
        got.extend(server.receive(&mut buffer).map_or(&[][..], |count| &buffer[..count]));
    }
    assert!(got == bytes);
    client.shut_write().unwrap();
    sim.advance(sim.now().after(Duration::from_secs(1)));
    assert_eq!(server.receive(&mut [0; 10]), Ok(0));
    assert_eq!(server.sequence_received(), Some(300_001));
}

#[test]
fn a_reset_is_reported_once_behind_the_bytes_before_it() {
    let (sim, process) = process(Conditions::default());
    let (client, server) = pair(&sim, &process);
    client.send(b"last words").unwrap();
    client.reset();
    let mut buffer = [0; 20];
    assert_eq!(server.receive(&mut buffer), Ok(10));
    assert_eq!(server.receive(&mut buffer), Err(Errno::CONNRESET));
    assert_eq!(server.receive(&mut buffer), Ok(0));
    assert_eq!(server.send(b"x"), Err(Errno::PIPE));
}

#[test]
fn an_edge_is_reported_once() {
    let (sim, process) = process(Conditions::default());
    let (client, server) = pair(&sim, &process);
    let epoll = process.epoll().unwrap();
    epoll.add_connection(&server, 7).unwrap();
    let mut events = <super::SimEpoll as Epoll<Process>>::events(8);
    let mut wait = || {
        epoll.wait(&mut events, Some(Duration::from_millis(5))).unwrap();
        let seen: Vec<(bool, bool)> = <super::SimEpoll as Epoll<Process>>::iter(&events)
            .map(|event| (event.readable, event.writable))
            .collect();
        seen
    };
    assert_eq!(wait(), [(false, true)]);
    assert_eq!(wait(), []);
    assert_eq!(process.waits_until(&epoll), Some(sim.now().after(Duration::from_millis(5))));
    client.send(b"x").unwrap();
    assert_eq!(process.waits_until(&epoll), None);
    assert_eq!(wait(), [(true, true)]);
    assert_eq!(wait(), []);
}

#[test]
fn splicing_stops_at_an_urgent_byte() {
    let (sim, process) = process(Conditions::default());
    let (client, server) = pair(&sim, &process);
    let pipe = process.pipe(&[1 << 20]).unwrap();
    client.send(b"abc").unwrap();
    client.send_urgent(b'!').unwrap();
    assert_eq!(pipe.fill(&server), Ok(3));
    assert_eq!(pipe.read(&mut [0; 8]), Ok(3));
    assert_eq!(pipe.fill(&server), Err(Errno::AGAIN));
    assert_eq!(server.receive(&mut [0; 8]), Ok(1));
    client.send(b"d").unwrap();
    assert_eq!(pipe.fill(&server), Ok(1));
    assert_eq!(pipe.drain(&server, 1), Ok(1));
}

#[test]
fn an_exec_keeps_marked_descriptors_and_closes_the_others() {
    let (_, process) = process(Conditions::default());
    let kept = process.epoll().unwrap();
    let closed = process.waker().unwrap();
    sys::kernel::Descriptor::keep_over_exec(&kept).unwrap();
    let number = sys::kernel::Descriptor::number(&kept);
    let image = process.exec();
    drop((kept, closed));
    assert_eq!(image.descriptors(), [(number, "epoll")]);
    let claimed = image.claim_epoll(number).unwrap();
    assert_eq!(image.claim_epoll(number).unwrap_err(), Errno::BADF);
    drop(claimed);
    assert_eq!(image.descriptors(), []);
}

#[test]
fn an_unanswered_attempt_times_out() {
    let (sim, process) = process(Conditions::default());
    sim.set_reach("10.9.9.9".parse().unwrap(), super::Reach::Silent);
    let (client, _) = process.connect_tcp("10.9.9.9:1".parse().unwrap()).unwrap();
    let begin = sim.now();
    while let Some(due) = sim.next_due() {
        sim.advance(due);
    }
    assert_eq!(client.take_error(), Err(Errno::TIMEDOUT));
    assert_eq!(sim.now(), begin.after(Duration::from_secs(131)));
    assert!(sim.now() > Time::default());
}

#[test]
fn a_short_count_is_followed_by_an_event() {
    let (sim, process) = process(Conditions { delay: 5..=5, ..Conditions::default() });
    let (client, server) = pair(&sim, &process);
    let epoll = process.epoll().unwrap();
    epoll.add_connection(&client, 1).unwrap();
    epoll.add_connection(&server, 2).unwrap();
    let mut events = <super::SimEpoll as Epoll<Process>>::events(8);
    let mut wait = || {
        epoll.wait(&mut events, Some(Duration::ZERO)).unwrap();
        let tokens = <super::SimEpoll as Epoll<Process>>::iter(&events).map(|it| it.token);
        tokens.collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    assert_eq!(wait(), [1, 2]);
    sim.set_conditions(Conditions { short_counts: 100, ..sim.conditions() });
    let mut sent = 0;
    for _ in 0..100 {
        let count = client.send(&[7; 1000]).unwrap();
        sent += count;
        sim.advance(sim.now().after(Duration::from_millis(1)));
        let expected: &[u64] = if count < 1000 { &[1, 2] } else { &[2] };
        assert_eq!(wait(), expected, "the acknowledgement of a short send raises an event");
        while sent > 0 {
            let read = server.receive(&mut [0; 1000]).unwrap();
            sent -= read;
            assert!(sent == 0 || wait() == [2], "bytes are left without an event");
        }
    }
}

#[test]
fn a_send_to_a_closed_unix_socket_leaves_its_error_to_the_next_receive() {
    let (_, process) = process(Conditions::default());
    let path = std::path::Path::new("/socket");
    let listener = process.listen_unix(path).unwrap();
    let client = process.connect_unix(path).unwrap();
    let server = listener.accept().unwrap().0;
    client.send(b"unread").unwrap();
    drop(server);
    assert_eq!(client.send(b"x"), Err(Errno::PIPE));
    assert_eq!(client.receive(&mut [0; 8]), Err(Errno::CONNRESET));
    assert_eq!(client.receive(&mut [0; 8]), Ok(0));
}
