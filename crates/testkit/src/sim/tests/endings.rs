//! FIN, RST, orphans, TIME_WAIT.

use super::*;

#[test]
fn a_reset_is_reported_once_behind_the_bytes_before_it() {
    let host = Host::friendly();
    let (client, server) = host.pair();
    client.send(b"last words").unwrap();
    client.reset();
    assert_eq!(server.receive(&mut [0; 20]), Ok(10));
    assert_eq!(server.receive(&mut [0; 20]), Err(Errno::CONNRESET));
    assert_eq!(server.receive(&mut [0; 20]), Ok(0));
    assert_eq!(server.send(b"x"), Err(Errno::PIPE));
    assert_eq!(server.shut_write(), Err(Errno::NOTCONN));
}

#[test]
fn closing_with_unread_bytes_resets() {
    let host = Host::friendly();
    let (client, server) = host.pair();
    client.send(b"unread").unwrap();
    drop(server);
    assert_eq!(client.take_error(), Err(Errno::CONNRESET));
}

/// `tcp_reset` in CLOSE_WAIT: the error is EPIPE, which recv(2) does not report behind a FIN.
#[test]
fn a_reset_behind_a_fin_is_a_broken_pipe() {
    let host = Host::friendly();
    let (client, server) = host.pair();
    drop(client);
    assert_eq!(server.receive(&mut [0; 9]), Ok(0));
    server.send(b"x").unwrap();
    assert_eq!(server.receive(&mut [0; 9]), Ok(0));
    assert_eq!(server.take_error(), Err(Errno::PIPE));
    assert_eq!(server.sequence_received(), Some(1));
}

#[test]
fn an_orphan_sends_its_last_bytes_and_its_fin() {
    let (receive_buffer, send_buffer) = (1_000..=1_000, 10_000..=10_000);
    let host = Host::new(Conditions { receive_buffer, send_buffer, ..Conditions::default() });
    let (client, server) = host.pair();
    let sent = fill(&client);
    drop(client);
    assert_eq!(server.look().unread, 1_000);
    assert_eq!(receive_all(&server), (sent, Ok(0)));
}

#[test]
fn a_simultaneous_close_ends_in_order_on_both_sides() {
    let host = Host::new(Conditions { delay: 500..=500, ..Conditions::default() });
    let (client, server) = host.pair();
    client.shut_write().unwrap();
    server.shut_write().unwrap();
    host.pass(SECOND);
    for socket in [client, server] {
        assert_eq!(socket.receive(&mut [0; 9]), Ok(0));
        assert_eq!((socket.take_error(), socket.unacked()), (Ok(()), 0));
        assert_eq!(socket.shut_write(), Err(Errno::NOTCONN));
    }
}

#[test]
fn a_peer_may_send_for_long_after_a_half_close() {
    let host = Host::friendly();
    let (client, server) = host.pair();
    client.shut_write().unwrap();
    host.pass(3600 * SECOND);
    server.send(b"late").unwrap();
    assert_eq!(client.receive(&mut [0; 9]), Ok(4));
}

/// `tcp_fin_timeout`: the orphan is forgotten, and a FIN that comes later is answered with an RST.
#[test]
fn an_orphan_waits_a_minute_for_the_fin_of_its_peer() {
    for (wait, expected) in [(59, Ok(())), (61, Err(Errno::CONNRESET))] {
        let host = Host::friendly();
        let (client, server) = host.pair();
        drop(client);
        host.pass(wait * SECOND);
        server.shut_write().unwrap();
        host.pass(SECOND);
        assert_eq!(server.take_error(), expected, "after {wait} s");
    }
}

#[test]
fn the_port_of_the_side_that_closes_first_stays_occupied_for_a_minute() {
    let conditions = Conditions { ephemeral_ports: 40_000..=40_000, ..Conditions::default() };
    let host = Host::new(conditions);
    let connect = || host.process.connect_tcp(host.address).map(|(socket, _)| socket);
    let (client, server) = host.pair();
    drop((client, server));
    assert_eq!(connect().unwrap_err(), Errno::ADDRNOTAVAIL);
    host.pass(60 * SECOND);
    let (client, server) = host.pair();
    drop((server, client));
    assert!(connect().is_ok(), "the server's side has it");
}

#[test]
fn a_fin_is_acknowledged_in_time_wait_although_its_first_answer_was_lost() {
    let host = Host::new(Conditions { delay: 1000..=1000, ..Conditions::default() });
    let (client, server) = host.pair();
    drop(client);
    host.pass(SECOND);
    server.shut_write().unwrap();
    host.set_reach(Reach::Silent);
    host.pass(10 * MILLI);
    host.set_reach(Reach::Alive);
    assert_eq!(server.unacked(), 1);
    host.pass(SECOND);
    assert_eq!((server.unacked(), server.take_error()), (0, Ok(())));
}

/// `tcp_disconnect` in LAST_ACK: nothing that the peer has not got is lost.
#[test]
fn a_reset_behind_both_fins_is_none() {
    let host = Host::new(Conditions { delay: 1000..=1000, ..Conditions::default() });
    let (client, server) = host.pair();
    client.shut_write().unwrap();
    host.pass(MILLI);
    server.shut_write().unwrap();
    server.reset();
    host.pass(SECOND);
    assert_eq!((client.receive(&mut [0; 9]), client.take_error()), (Ok(0), Ok(())));
}

#[test]
fn a_killed_process_closes_its_sockets() {
    let host = Host::friendly();
    let (client, server) = host.pair();
    let other = host.sim.process(100);
    let (orphan, _) = other.connect_tcp(host.address).unwrap();
    let accepted = host.listener.accept().unwrap().0;
    other.kill();
    assert_eq!(accepted.receive(&mut [0; 9]), Ok(0));
    drop(orphan);
    client.send(b"x").unwrap();
    assert_eq!(server.receive(&mut [0; 9]), Ok(1));
}
