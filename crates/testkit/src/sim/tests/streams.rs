//! Bytes, windows, urgent marks, acknowledgements.

use super::*;

#[test]
fn bytes_pass_in_order_and_a_fin_is_the_end() {
    let host = Host::new(Conditions { delay: 10..=500, ..Conditions::default() });
    let (client, server) = host.pair();
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let (mut sent, mut got): (usize, Vec<u8>) = (0, Vec::new());
    while got.len() < bytes.len() {
        sent += client.send(&bytes[sent..]).unwrap_or(0);
        if let Some(due) = host.sim.next_due() {
            host.sim.advance(due);
        }
        let mut buffer = [0; 4096];
        got.extend(server.receive(&mut buffer).map_or(&[][..], |count| &buffer[..count]));
    }
    assert!(got == bytes);
    client.shut_write().unwrap();
    host.pass(SECOND);
    assert_eq!(server.receive(&mut [0; 10]), Ok(0));
    assert_eq!(server.sequence_received(), Some(300_001));
    assert_eq!(client.tcp_info().unwrap().retransmits, 0, "segments stay in order");
}

#[test]
fn a_receiver_that_does_not_read_stops_the_sender() {
    let (receive_buffer, send_buffer) = (10_000..=10_000, 5_000..=5_000);
    let host = Host::new(Conditions { receive_buffer, send_buffer, ..Conditions::default() });
    let (client, server) = host.pair();
    assert_eq!(fill(&client), 15_000);
    assert_eq!((server.look().unread, client.unacked()), (10_000, 5_000));
    assert!(!client.look().writable);
    assert_eq!(receive_all(&server), (15_000, Err(Errno::AGAIN)));
    assert!(client.look().writable);
    assert_eq!(client.unacked(), 0);
}

#[test]
fn an_emptied_queue_announces_the_whole_window() {
    let (receive_buffer, send_buffer) = (1_000..=1_000, 5_000..=5_000);
    let host = Host::new(Conditions { receive_buffer, send_buffer, ..Conditions::default() });
    let (client, server) = host.pair();
    client.send(&[7; 100]).unwrap();
    assert_eq!(server.receive(&mut [0; 100]), Ok(100));
    fill(&client);
    assert_eq!(server.look().unread, 1_000);
}

#[test]
fn the_size_of_a_receive_buffer_can_change() {
    let (receive_buffer, send_buffer) = (1_000..=1_000, 5_000..=5_000);
    let host = Host::new(Conditions { receive_buffer, send_buffer, ..Conditions::default() });
    let (client, server) = host.pair();
    server.set_receive_buffer(100_000);
    assert_eq!(fill(&client), 105_000);
    server.set_receive_buffer(10);
    assert_eq!(server.receive(&mut [0; 10]), Ok(10));
    assert_eq!(client.unacked(), 5_000, "the window that was announced never shrinks");
}

#[test]
fn a_read_stops_in_front_of_an_urgent_byte_and_not_behind_it() {
    let host = Host::friendly();
    let (client, server) = host.pair();
    client.send(b"abc").unwrap();
    client.send_urgent(b'!').unwrap();
    client.send(b"def").unwrap();
    assert_eq!(server.receive(&mut [0; 9]), Ok(3));
    assert_eq!(server.receive(&mut [0; 9]), Ok(4));
    client.send_urgent(b'!').unwrap();
    client.send_urgent(b'!').unwrap();
    assert_eq!(server.receive(&mut [0; 9]), Ok(1), "only the last mark counts");
    assert_eq!(server.receive(&mut [0; 9]), Ok(1));
}

#[test]
fn acknowledgements_may_be_late_but_not_forever() {
    let host = Host::new(Conditions { delayed_acks: 100, ..Conditions::default() });
    let (client, server) = host.pair();
    client.send(b"x").unwrap();
    assert_eq!(client.unacked(), 1);
    host.pass(40 * MILLI);
    assert_eq!(client.unacked(), 0);
    client.send(b"x").unwrap();
    client.send(b"x").unwrap();
    assert_eq!(client.unacked(), 0, "of two segments, the second is acknowledged at once");
    client.send(b"x").unwrap();
    server.send(b"x").unwrap();
    assert_eq!(client.unacked(), 0, "bytes take the acknowledgement along");
}

#[test]
fn an_acknowledgement_is_no_event_unless_the_buffer_was_full() {
    let (receive_buffer, send_buffer) = (10_000..=10_000, 10_000..=10_000);
    let host = Host::new(Conditions { receive_buffer, send_buffer, ..Conditions::default() });
    let (client, server) = host.pair();
    let poller = Poller::new(&host.process, &[&client]);
    assert_eq!(poller.wait(), [0]);
    client.send(b"x").unwrap();
    assert_eq!(client.unacked(), 0);
    assert!(poller.wait().is_empty());
    assert_eq!(fill(&client), 19_999);
    assert_eq!(server.receive(&mut [0; 2_600]), Ok(2_600));
    assert!(poller.wait().is_empty(), "less than a third is free");
    assert_eq!(server.receive(&mut [0; 2_600]), Ok(2_600));
    assert_eq!(poller.wait(), [0]);
}
