//! Unix sockets.

use super::*;
use flow::SocketRights;
use std::path::Path;
use sys::kernel::Pipe;

const PATH: &str = "/socket";

fn pair(host: &Host) -> (SimSocket, SimSocket) {
    let path = Path::new(PATH);
    let listener = host.process.listen_unix(path, &SocketRights::AUTO).unwrap();
    let client = host.process.connect_unix(path).unwrap();
    let server = listener.accept().unwrap().0;
    host.process.remove_file(path);
    (client, server)
}

#[test]
fn a_send_to_a_closed_socket_leaves_its_error_to_the_next_receive() {
    let host = Host::friendly();
    let (client, server) = pair(&host);
    client.send(b"unread").unwrap();
    drop(server);
    assert_eq!(client.send(b"x"), Err(Errno::PIPE));
    assert_eq!(client.receive(&mut [0; 8]), Err(Errno::CONNRESET));
    assert_eq!(client.receive(&mut [0; 8]), Ok(0));
}

#[test]
fn a_full_queue_of_a_listener_refuses_for_now() {
    let host = Host::friendly();
    let path = Path::new(PATH);
    let listener = host.process.listen_unix(path, &SocketRights::AUTO).unwrap();
    listener.set_backlog(0).unwrap();
    let _queued = host.process.connect_unix(path).unwrap();
    assert_eq!(host.process.connect_unix(path).unwrap_err(), Errno::AGAIN);
    assert_eq!(host.process.try_unix(path), Err(Errno::ADDRINUSE));
    drop(listener);
    assert_eq!(host.process.connect_unix(path).unwrap_err(), Errno::CONNREFUSED);
    assert_eq!(host.process.try_unix(path), Ok(()));
}

#[test]
fn a_read_takes_an_attached_descriptor_and_stops() {
    let host = Host::friendly();
    let (client, server) = pair(&host);
    for _ in 0..2 {
        client.send(b"before").unwrap();
        client.send_attached(b"with").unwrap();
        client.send(b"behind").unwrap();
    }
    assert_eq!(server.receive(&mut [0; 99]), Ok(10));
    assert_eq!(server.receive(&mut [0; 99]), Ok(6 + 10));
    assert_eq!(server.receive(&mut [0; 99]), Ok(6));
    client.send_attached(b"with").unwrap();
    client.send(b"behind").unwrap();
    assert_eq!(server.receive(&mut [0; 1]), Ok(1), "takes the descriptor with the first byte");
    assert_eq!(server.receive(&mut [0; 99]), Ok(9));
}

/// Unlike TCP: `unix_write_space` follows each send that was read as a whole.
#[test]
fn reading_a_whole_send_is_an_event_for_its_sender() {
    let host = Host::friendly();
    let (client, server) = pair(&host);
    let poller = Poller::new(&host.process, &[&client]);
    assert_eq!(poller.wait(), [0]);
    client.send(b"abc").unwrap();
    assert_eq!(server.receive(&mut [0; 2]), Ok(2));
    assert!(poller.wait().is_empty());
    assert_eq!(server.receive(&mut [0; 2]), Ok(1));
    assert_eq!(poller.wait(), [0]);
}

#[test]
fn short_counts_are_followed_by_events() {
    let host = Host::friendly();
    let (client, server) = pair(&host);
    let poller = Poller::new(&host.process, &[&server]);
    assert_eq!(poller.wait(), [0]);
    host.sim.set_conditions(Conditions { short_counts: 100, ..Conditions::default() });
    let mut left = client.send(&[7; 1000]).unwrap();
    while left > 0 {
        assert_eq!(poller.wait(), [0], "{left} bytes are left without an event");
        left -= server.receive(&mut [0; 1000]).unwrap();
    }
}

#[test]
fn small_sends_fill_the_buffer_by_their_memory() {
    let host = Host::new(Conditions { send_buffer: 212_992..=212_992, ..Conditions::default() });
    let (client, server) = pair(&host);
    let count = std::iter::from_fn(|| client.send(b"x").ok()).count();
    assert_eq!(count, 278, "768 bytes each");
    assert_eq!(client.unacked(), 278 * 768);
    assert!(!client.look().writable);
    let poller = Poller::new(&host.process, &[&client]);
    let mut read = 0;
    while poller.wait().is_empty() {
        read += server.receive(&mut [0; 1]).unwrap();
    }
    assert_eq!(read, 278 - 69, "a quarter of the buffer is used at most");
}

#[test]
fn a_large_send_is_taken_in_part() {
    let host = Host::friendly();
    let (client, server) = pair(&host);
    let sent = client.send(&vec![7; 1 << 20]).unwrap();
    assert!(sent > 100_000 && sent < 200_000, "{sent}");
    assert_eq!(client.send(&[7; 10]), Err(Errno::AGAIN));
    let pipe = host.process.pipe(&[1 << 20]).unwrap();
    assert_eq!(pipe.fill(&server), Ok(sent));
    assert_eq!(pipe.drain(&server, sent).map(|count| count > 0), Ok(true));
}

#[test]
fn a_stopped_listener_keeps_its_queue() {
    let host = Host::friendly();
    let path = Path::new(PATH);
    let listener = host.process.listen_unix(path, &SocketRights::AUTO).unwrap();
    let client = host.process.connect_unix(path).unwrap();
    listener.stop_listening();
    assert_eq!(host.process.connect_unix(path).unwrap_err(), Errno::CONNREFUSED);
    assert_eq!(client.send(b"x"), Ok(1));
    assert_eq!(listener.accept().unwrap().0.receive(&mut [0; 9]), Ok(1));
    drop(listener);
    assert_eq!(client.receive(&mut [0; 9]), Ok(0));
}
