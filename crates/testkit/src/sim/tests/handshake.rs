//! Attempts to connect, accept queues, ports.

use super::*;

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn bind(host: &Host, address: &str) -> sys::Result<SimSocket> {
    host.process.bind_tcp(at(address), &ListenOptions::NONE, Sharing::Exclusive)
}

#[test]
fn an_attempt_without_a_listener_is_refused() {
    let host = Host::new(Conditions { delay: 500..=500, ..Conditions::default() });
    let (client, _) = host.process.connect_tcp(at("10.0.0.2:81")).unwrap();
    assert_eq!(host.time_to_error(&client), (MILLI, Errno::CONNREFUSED));
}

#[test]
fn a_full_queue_drops_the_handshake_which_is_tried_again() {
    let host = Host::friendly();
    host.listener.set_backlog(1).unwrap();
    let clients = [host.connect(), host.connect(), host.connect()];
    assert_eq!(host.listener.waiting(), 2);
    assert!(!clients[2].look().writable);
    host.listener.accept().unwrap();
    host.pass(SECOND);
    assert_eq!(host.listener.waiting(), 2);
    assert!(clients[2].look().writable);
}

/// Several handshakes begin while there is one place (`tcp_check_req`, `listen_overflow`): the clients of
/// the others believe to be connected. Their bytes are sent again until there is room.
#[test]
fn bytes_of_a_client_that_found_no_place_in_the_queue_arrive_later() {
    let host = Host::new(Conditions { delay: 1000..=1000, ..Conditions::default() });
    host.listener.set_backlog(0).unwrap();
    let clients = [host.connect(), host.connect()];
    host.pass(10 * MILLI);
    assert_eq!(host.listener.waiting(), 1);
    for client in &clients {
        assert_eq!(client.send(b"hello"), Ok(5));
    }
    host.pass(10 * MILLI);
    assert_eq!(clients.each_ref().map(Socket::unacked), [0, 5]);
    let first = host.listener.accept().unwrap().0;
    host.pass(2 * SECOND);
    let second = host.listener.accept().unwrap().0;
    for server in [first, second] {
        assert_eq!(server.receive(&mut [0; 9]), Ok(5));
    }
}

#[test]
fn the_server_forgets_a_handshake_for_which_no_place_comes() {
    let host = Host::new(Conditions { delay: 1000..=1000, ..Conditions::default() });
    host.listener.set_backlog(0).unwrap();
    let clients = [host.connect(), host.connect()];
    host.pass(100 * SECOND);
    let _accepted = host.listener.accept().unwrap();
    host.pass(SECOND);
    assert_eq!(host.listener.accept().unwrap_err(), Errno::AGAIN);
    clients[1].send(b"x").unwrap();
    assert_eq!(host.time_to_error(&clients[1]).1, Errno::CONNRESET);
}

#[test]
fn a_listener_that_closes_resets_its_queue_and_the_handshakes_behind_it() {
    let host = Host::new(Conditions { delay: 1000..=1000, ..Conditions::default() });
    let early = host.connect();
    host.pass(10 * MILLI);
    let late = host.connect();
    host.pass(MILLI);
    drop(host.listener);
    host.sim.advance(host.sim.now().after(10 * MILLI));
    assert_eq!(early.take_error(), Err(Errno::CONNRESET));
    assert_eq!(late.take_error(), Err(Errno::CONNRESET));
}

#[test]
fn lost_segments_of_a_handshake_are_sent_again() {
    let host = Host::new(Conditions { delay: 1000..=1000, ..Conditions::default() });
    let client = host.connect();
    host.set_reach(Reach::Silent);
    host.pass(10 * MILLI);
    host.set_reach(Reach::Alive);
    assert!(!client.look().writable, "the SYN-ACK was lost");
    host.pass(2 * SECOND);
    assert!(client.look().writable);
    assert_eq!(host.listener.waiting(), 1);
}

/// `inet_csk_get_port`: clients have no SO_REUSEADDR.
#[test]
fn the_port_of_a_client_cannot_be_bound() {
    let host = Host::friendly();
    let (client, _) = host.process.connect_tcp(host.address).unwrap();
    let port = client.local_address().unwrap().unwrap().port();
    let own = format!("10.0.0.1:{port}");
    assert_eq!(bind(&host, &own).unwrap_err(), Errno::ADDRINUSE);
    assert_eq!(bind(&host, &format!("0.0.0.0:{port}")).unwrap_err(), Errno::ADDRINUSE);
    assert!(bind(&host, &format!("127.0.0.2:{port}")).is_ok());
    drop(client);
    host.pass(SECOND);
    assert_eq!(bind(&host, &own).unwrap_err(), Errno::ADDRINUSE, "FIN_WAIT2");
    drop(host.listener.accept().unwrap());
    assert_eq!(bind(&host, &own).unwrap_err(), Errno::ADDRINUSE, "TIME_WAIT");
    host.pass(60 * SECOND);
    assert!(bind(&host, &own).is_ok());
}

#[test]
fn clients_use_no_port_to_which_a_socket_is_bound() {
    let conditions = Conditions { ephemeral_ports: 80..=81, ..Conditions::default() };
    let host = Host::new(conditions);
    let taken = bind(&host, "10.0.0.2:0").unwrap();
    assert_eq!(taken.local_address(), Ok(Some(at("10.0.0.2:81"))));
    let error = host.process.connect_tcp(host.address).map(drop);
    assert_eq!(error, Err(Errno::ADDRNOTAVAIL));
    drop(taken);
    assert_eq!(host.connect().local_address(), Ok(Some(at("10.0.0.1:81"))));
}

#[test]
fn a_socket_may_connect_to_itself() {
    let conditions = Conditions { ephemeral_ports: 5000..=5000, ..Conditions::default() };
    let host = Host::new(conditions);
    let (socket, _) = host.process.connect_tcp(at("127.0.0.1:5000")).unwrap();
    assert!(socket.is_connected_to_itself());
    socket.send(b"echo").unwrap();
    assert_eq!(socket.receive(&mut [0; 9]), Ok(4));
    drop(socket);
    host.pass_all();
}

#[test]
fn a_port_is_used_again_although_the_server_has_not_seen_the_end() {
    let conditions = Conditions { ephemeral_ports: 5000..=5000, ..Conditions::default() };
    let host = Host::new(conditions);
    let (client, server) = host.pair();
    host.set_reach(Reach::Silent);
    client.reset();
    host.set_reach(Reach::Alive);
    let client = host.connect();
    host.pass(2 * SECOND);
    assert_eq!(server.take_error(), Err(Errno::CONNRESET));
    assert!(client.look().writable);
}
