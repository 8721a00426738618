//! Silent hosts: retransmission, probes, keepalive, user timeout.

use super::*;
use flow::Keepalive;

const KEEPALIVE: Keepalive =
    Keepalive { idle: Duration::from_secs(60), interval: Duration::from_secs(10), count: 3 };

fn with_keepalive() -> TcpOptions {
    TcpOptions { keepalive: Some(KEEPALIVE), ..OPTIONS }
}

fn with_user_timeout(seconds: u64) -> TcpOptions {
    TcpOptions { user_timeout: Some(Duration::from_secs(seconds)), ..OPTIONS }
}

/// Whether a time is at most so many percent beyond another.
fn is_about(time: Duration, expected: Duration, percent: u32) -> bool {
    time >= expected && time <= expected * (100 + percent) / 100
}

#[test]
fn an_unanswered_attempt_times_out() {
    let host = Host::friendly();
    host.set_reach(Reach::Silent);
    let client = host.connect();
    assert_eq!(host.time_to_error(&client), (131 * SECOND, Errno::TIMEDOUT));
}

#[test]
fn a_router_ends_an_attempt_at_once() {
    let host = Host::new(Conditions { delay: 1000..=1000, ..Conditions::default() });
    host.set_reach(Reach::Unreachable(Errno::HOSTUNREACH));
    let client = host.connect();
    assert_eq!(host.time_to_error(&client), (MILLI, Errno::HOSTUNREACH));
}

#[test]
fn a_host_that_comes_back_gets_all_bytes() {
    let host = Host::new(Conditions { delay: 0..=2000, ..Conditions::default() });
    let (client, server) = host.pair();
    host.set_reach(Reach::Silent);
    let sent = fill(&client);
    client.shut_write().unwrap();
    host.pass(30 * SECOND);
    assert_eq!(receive_all(&server), (0, Err(Errno::AGAIN)));
    host.set_reach(Reach::Alive);
    host.pass(60 * SECOND);
    assert_eq!(receive_all(&server), (sent, Ok(0)));
    assert_eq!(client.unacked(), 0);
    assert!(client.tcp_info().unwrap().retransmits > 0);
}

#[test]
fn an_acknowledgement_ends_the_growth_of_the_waits() {
    let host = Host::friendly();
    let (client, server) = host.pair();
    for silence in [100 * SECOND, 250 * MILLI] {
        host.set_reach(Reach::Silent);
        client.send(b"x").unwrap();
        host.pass(silence);
        host.set_reach(Reach::Alive);
        host.pass(silence + SECOND);
        assert_eq!(server.receive(&mut [0; 9]), Ok(1), "after {silence:?}");
    }
}

/// `tcp_retries2`
#[test]
fn unacknowledged_bytes_end_a_connection_after_a_quarter_of_an_hour() {
    let host = Host::friendly();
    let (client, server) = host.pair();
    host.set_reach(Reach::Silent);
    client.send(b"x").unwrap();
    let (time, errno) = host.time_to_error(&client);
    assert!(is_about(time, Duration::from_millis(924_600), 1), "{time:?}");
    assert_eq!((errno, client.tcp_info().unwrap().retransmits), (Errno::TIMEDOUT, 15));
    host.set_reach(Reach::Alive);
    server.send(b"x").unwrap();
    assert_eq!(server.take_error(), Err(Errno::CONNRESET), "the closed end answers with an RST");
}

#[test]
fn a_router_is_named_when_an_established_connection_times_out() {
    let host = Host::friendly();
    let (client, _server) = host.pair();
    host.set_reach(Reach::Unreachable(Errno::NETUNREACH));
    client.send(b"x").unwrap();
    assert_eq!(host.time_to_error(&client).1, Errno::NETUNREACH);
}

#[test]
fn an_orphan_gives_up_earlier() {
    let host = Host::friendly();
    let (client, server) = host.pair();
    host.set_reach(Reach::Silent);
    client.send(b"x").unwrap();
    drop(client);
    let time = host.pass_all();
    assert!(is_about(time, Duration::from_millis(102_200), 1), "{time:?}");
    drop(server);
}

#[test]
fn a_user_timeout_ends_a_connection_with_unacknowledged_bytes() {
    let host = Host::with_options(Conditions::default(), &with_user_timeout(7));
    let (client, server) = host.pair();
    client.set_tcp_options(&with_user_timeout(3)).unwrap();
    host.set_reach(Reach::Silent);
    client.send(b"x").unwrap();
    server.send(b"x").unwrap();
    assert_eq!(host.time_to_error(&client), (3 * SECOND, Errno::TIMEDOUT));
    assert_eq!(host.time_to_error(&server), (4 * SECOND, Errno::TIMEDOUT));
}

/// It counts from the first probe of the window (`icsk_probes_tstamp`), although the peer answers.
#[test]
fn a_user_timeout_ends_a_connection_whose_peer_does_not_read() {
    let host = Host::friendly();
    let (client, _server) = host.pair();
    client.set_tcp_options(&with_user_timeout(5)).unwrap();
    fill(&client);
    assert_eq!(host.time_to_error(&client), (5 * SECOND, Errno::TIMEDOUT));
}

#[test]
fn the_user_timeout_of_a_closed_window_ends_when_it_opens() {
    let host = Host::friendly();
    let (client, server) = host.pair();
    client.set_tcp_options(&with_user_timeout(5)).unwrap();
    for _ in 0..3 {
        fill(&client);
        host.pass(4 * SECOND);
        assert!(receive_all(&server).0 > 0);
    }
    assert_eq!(client.take_error(), Ok(()));
    assert!(client.look().writable);
}

#[test]
fn without_a_timeout_a_peer_may_stop_reading_for_hours() {
    let host = Host::friendly();
    let (client, server) = host.pair();
    let sent = fill(&client);
    host.pass(10 * 3600 * SECOND);
    assert_eq!(receive_all(&server), (sent, Err(Errno::AGAIN)));
    assert!(client.look().writable);
}

#[test]
fn an_orphan_whose_peer_does_not_read_is_given_up() {
    let host = Host::friendly();
    let (client, server) = host.pair();
    assert!(fill(&client) > 128 * 1024);
    drop(client);
    let time = host.pass_all();
    assert!(is_about(time, 324 * SECOND, 1), "{time:?}");
    let expected = (128 * 1024, Err(Errno::CONNRESET));
    assert_eq!(receive_all(&server), expected, "an RST answers the announcement of the window");
}

#[test]
fn a_window_opens_although_its_announcement_was_lost() {
    let host = Host::friendly();
    let (client, server) = host.pair();
    let sent = fill(&client);
    host.pass(SECOND);
    host.set_reach(Reach::Silent);
    let (first, _) = receive_all(&server);
    host.set_reach(Reach::Alive);
    host.pass(2 * SECOND);
    assert_eq!(receive_all(&server), (sent - first, Err(Errno::AGAIN)));
}

/// 60 s without a byte, then 3 probes at 10 s.
#[test]
fn keepalive_finds_a_silent_host() {
    let host = Host::with_options(Conditions::default(), &with_keepalive());
    let (client, server) = host.pair();
    host.pass(1000 * SECOND);
    assert_eq!(server.take_error(), Ok(()), "a host that answers stays connected");
    client.send(b"x").unwrap();
    host.set_reach(Reach::Silent);
    assert_eq!(host.time_to_error(&server), (90 * SECOND, Errno::TIMEDOUT));
    assert_eq!(server.receive(&mut [0; 9]), Ok(1));
    assert_eq!(client.take_error(), Ok(()), "the option is not set there");
}

#[test]
fn keepalive_finds_a_vanished_host_and_one_that_has_restarted() {
    let host = Host::with_options(Conditions::default(), &with_keepalive());
    let (client, server) = host.pair();
    client.vanish();
    assert_eq!(host.time_to_error(&server).1, Errno::TIMEDOUT);
    let (client, server) = host.pair();
    host.set_reach(Reach::Silent);
    client.reset();
    host.set_reach(Reach::Alive);
    assert_eq!(host.time_to_error(&server), (59 * SECOND, Errno::CONNRESET));
}

/// Its clients learn it as soon as they send; a host that only waits does not, without keepalive.
#[test]
fn a_host_that_has_crashed_answers_with_a_reset_once_it_is_back() {
    let host = Host::friendly();
    let (client, server) = host.pair();
    host.set_reach(Reach::Silent);
    let _ = host.sim.crash(host.address.ip());
    client.send(b"x").unwrap();
    host.pass(10 * SECOND);
    assert_eq!(client.take_error(), Ok(()));
    host.set_reach(Reach::Alive);
    assert_eq!(host.time_to_error(&client).1, Errno::CONNRESET);
    assert_eq!(server.send(b"x"), Err(Errno::NOTCONN));
    host.pass_all();
}

#[test]
fn a_report_of_a_router_ends_one_attempt() {
    let host = Host::friendly();
    host.set_reach(Reach::Silent);
    let [client, other] = [host.connect(), host.connect()];
    client.icmp(Errno::NETUNREACH);
    assert_eq!(client.take_error(), Err(Errno::NETUNREACH));
    assert_eq!(host.time_to_error(&other).1, Errno::TIMEDOUT);
}

#[test]
fn options_can_be_replaced() {
    let host = Host::friendly();
    host.listener.set_tcp_options(&with_user_timeout(1000)).unwrap();
    host.listener.replace_tcp_options(&with_keepalive()).unwrap();
    let (_client, server) = host.pair();
    host.set_reach(Reach::Silent);
    server.replace_tcp_options(&OPTIONS).unwrap();
    host.pass(1000 * SECOND);
    assert_eq!(server.take_error(), Ok(()));
    server.replace_tcp_options(&with_keepalive()).unwrap();
    assert_eq!(host.time_to_error(&server).0, 90 * SECOND);
}

#[test]
fn next_due_skips_timers_that_were_stopped() {
    let host = Host::friendly();
    let (client, server) = host.pair();
    client.send(b"x").unwrap();
    server.receive(&mut [0; 9]).unwrap();
    assert_eq!(host.sim.next_due(), None, "the byte is acknowledged");
}
