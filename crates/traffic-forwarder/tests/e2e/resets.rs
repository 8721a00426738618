//! Sessions that break: an RST is forwarded as an RST, after the bytes received before it; an
//! unreachable target gives the client an RST at once.

use tempfile::TempDir;
use testkit::{
    Behaviour, BlackHole, End, LIMIT, NameServer, Peer, Place, Port, Script, Signal, Target,
    wait_until,
};

use crate::support::{
    BINARY, Config, Forward, LateTarget, OPENING, Session, on_each_path, path_is, play, reset,
    unacked, with_names, write_until_full,
};

on_each_path!(
    the_clients_reset_follows_its_bytes,
    the_targets_reset_follows_its_bytes,
    held_bytes_of_a_client_arrive_before_its_reset,
    held_bytes_of_a_target_arrive_before_its_reset,
    a_reset_passes_although_the_other_lane_is_full,
    a_reset_after_a_half_close_is_still_a_reset,
    a_vanished_client_resets_a_sending_target,
    an_answer_arrives_although_the_upload_is_cut,
    a_target_that_resets_on_accept_resets_the_client,
    a_refusing_target_resets_the_client_at_once,
    a_refusal_is_a_fin_if_so_configured,
    a_missing_unix_socket_is_a_refusal,
    a_client_reset_ends_the_connect,
);

fn the_clients_reset_follows_its_bytes(path: &str) {
    let Session { forward, client, target } = Session::open(path_is(path));
    Peer::play("client", client, Script::new().sending(1).write(5000).reset()).finish();
    let reading = Script::new().expecting(1).read_to_reset();
    assert_eq!(play(&target, reading).received, 5000);
    let record = forward.record();
    assert_eq!(record.close_reason(), "client/relay/reset");
    assert_eq!(record.bytes_up, OPENING + 5000);
    assert_eq!(record.close.errno.as_deref(), Some("ECONNRESET"));
}

fn the_targets_reset_follows_its_bytes(path: &str) {
    let target = Peer::listen("target", Place::V4, Script::new().sending(1).write(5000).reset());
    let forward = Forward::start(target.addr(), path_is(path));
    let reading = Script::new().expecting(1).read_to_reset();
    assert_eq!(Peer::connect("client", &forward, reading).finish().received, 5000);
    target.finish();
    let record = forward.record();
    assert_eq!((record.close_reason().as_str(), record.bytes_down), ("target/relay/reset", 5000));
}

/// The sender fills every buffer on the way and resets. The bytes that the forwarder's kernel had
/// acknowledged by then must arrive, held bytes included.
fn held_bytes_arrive(path: &str, up: bool) {
    let Session { forward, client, target } = Session::open(path_is(path));
    let (sender, receiver) = if up { (client, target) } else { (target, client) };
    let written = write_until_full(&sender, 3);
    let acknowledged = written - unacked(&sender);
    reset(sender);
    let got = play(&receiver, Script::new().expecting(3).read_to_reset()).received;
    assert!(got >= acknowledged, "{got} of {acknowledged} acknowledged bytes arrived");
    let record = forward.record();
    let (by, bytes) = if up { ("client", record.bytes_up) } else { ("target", record.bytes_down) };
    assert_eq!(record.close_reason(), format!("{by}/relay/reset"));
    assert_eq!(bytes, got + OPENING);
}

fn held_bytes_of_a_client_arrive_before_its_reset(path: &str) {
    held_bytes_arrive(path, true);
}

fn held_bytes_of_a_target_arrive_before_its_reset(path: &str) {
    held_bytes_arrive(path, false);
}

fn a_reset_passes_although_the_other_lane_is_full(path: &str) {
    let Session { forward, client, target } = Session::open(path_is(path));
    write_until_full(&target, 3);
    reset(client);
    play(&target, Script::new().expect_reset());
    assert_eq!(forward.close_reason(), "client/relay/reset");
}

fn a_reset_after_a_half_close_is_still_a_reset(path: &str) {
    let Session { forward, client, target } = Session::open(path_is(path));
    play(&client, Script::new().shutdown_write());
    play(&target, Script::new().expect_eof());
    reset(target);
    play(&client, Script::new().expect_reset());
    assert_eq!(forward.close_reason(), "target/relay/reset");
}

fn a_vanished_client_resets_a_sending_target(path: &str) {
    let Session { forward, client, target } = Session::open(path_is(path));
    drop(client);
    play(&target, Script::new().expect_eof());
    let sent = play(&target, Script::new().try_write(1 << 30)).write_end;
    assert!(matches!(sent, Some(End::Reset | End::BrokenPipe)), "{sent:?}");
    assert_eq!(forward.close_reason(), "client/relay/reset");
}

/// As with an HTTP server that answers 413 and closes: unread bytes make its close an RST.
fn an_answer_arrives_although_the_upload_is_cut(path: &str) {
    let closing = Script::new().sending(2).read_exactly(10).write(1000).close();
    let target = Peer::listen("target", Place::V4, closing);
    let forward = Forward::start(target.addr(), path_is(path));
    let uploading = Script::new().expecting(2).try_write(1 << 30).drain();
    let client = Peer::connect("client", &forward, uploading).finish();
    target.finish();
    assert_eq!(client.received, 1000);
    let broken = [client.write_end, client.read_end].contains(&Some(End::Reset));
    assert!(broken || client.write_end == Some(End::BrokenPipe), "{client:?}");
    assert_eq!(forward.close_reason(), "target/relay/reset");
}

fn a_target_that_resets_on_accept_resets_the_client(path: &str) {
    let target = Target::start(Behaviour::Reset);
    let forward = Forward::start(&target, path_is(path));
    Peer::connect("client", &forward, Script::new().expect_reset()).finish();
    let reason = forward.close_reason();
    // The RST may arrive before the forwarder has seen the end of the handshake.
    assert!(["target/relay/reset", "target/connect/reset"].contains(&&*reason), "{reason}");
}

/// The number of open files once the probe of the target has returned its own. The next one comes after 10 s.
fn files_after_probe(forward: &Forward) -> usize {
    forward.wait_for_message("a target is unreachable");
    forward.fd_count()
}

fn a_refusing_target_resets_the_client_at_once(path: &str) {
    let closed = Port::v4();
    let forward = Forward::start(&closed, format!("{}connect_timeout = '1h'", path_is(path)));
    let before = files_after_probe(&forward);
    Peer::connect("client", &forward, Script::new().expect_reset()).finish();
    let record = forward.record();
    assert_eq!(record.close_reason(), "target/connect/refused");
    assert_eq!(record.close.errno.as_deref(), Some("ECONNREFUSED"));
    assert_eq!((record.bytes_up, record.bytes_down, record.connect_time), (0, 0, None));
    assert_eq!(forward.fd_count(), before);
}

/// A FIN, also for a client that has sent bytes: closing a socket with unread bytes would send a
/// reset.
fn a_refusal_is_a_fin_if_so_configured(path: &str) {
    let settings = format!("{}on_refusal = 'fin'\nconnect_timeout = '1s'", path_is(path));
    let refused = Forward::start(&Port::v4(), &settings);
    Peer::connect("client", &refused, Script::new().expect_eof()).finish();
    assert_eq!(refused.close_reason(), "target/connect/refused");

    let hole = BlackHole::open();
    let unanswered = Forward::start(&hole, &settings);
    let script = Script::new().sending(1).write(100_000).expect_eof();
    Peer::connect("client", &unanswered, script).finish();
    assert_eq!(unanswered.close_reason(), "limit/connect/connect_timeout");
}

fn a_missing_unix_socket_is_a_refusal(path: &str) {
    let dir = tempfile::TempDir::new().unwrap();
    let forward = Forward::start(dir.path().join("nobody"), path_is(path));
    Peer::connect("client", &forward, Script::new().expect_reset()).finish();
    assert_eq!(forward.close_reason(), "target/connect/refused");
}

fn a_client_reset_ends_the_connect(path: &str) {
    let hole = BlackHole::open();
    let forward = Forward::start(&hole, format!("{}connect_timeout = '1h'", path_is(path)));
    let base = files_after_probe(&forward);
    let client = forward.connect();
    wait_until("an attempt to connect", LIMIT, || forward.fd_count() == base + 2);
    reset(client);
    let record = forward.record();
    assert_eq!(record.close_reason(), "client/connect/reset");
    assert_eq!(forward.fd_count(), base);
}

/// The forwarder is stopped while the target answers, sends and resets: it finds all three at once,
/// as happens with a quick target.
#[test]
fn bytes_of_a_target_that_resets_before_the_first_read_arrive() {
    let target = LateTarget::open();
    let forward = Forward::start(target.addr(), "connect_timeout = '1h'");
    let base = files_after_probe(&forward);
    let client = Peer::connect("client", &forward, Script::new().expecting(1).read_to_reset());
    wait_until("an attempt to connect", LIMIT, || forward.fd_count() == base + 2);
    forward.signal(Signal::STOP);
    let socket = target.answer();
    Peer::play("target", socket, Script::new().sending(1).write(5000).reset()).finish();
    forward.signal(Signal::CONT);
    assert_eq!(client.finish().received, 5000);
    assert_eq!(forward.close_reason(), "target/relay/reset");
}

#[test]
fn bytes_of_a_client_wait_for_a_late_target() {
    let target = LateTarget::open();
    let forward = Forward::start(target.addr(), "connect_timeout = '1h'");
    let base = files_after_probe(&forward);
    let script = Script::new().sending(1).write(5000).shutdown_write().expecting(2).read_to_end();
    let client = Peer::connect("client", &forward, script);
    wait_until("an attempt to connect", LIMIT, || forward.fd_count() == base + 2);
    let answering = Script::new().sending(2).expecting(1).read_to_end().write(6000);
    let answered = Peer::play("target", target.answer(), answering).finish();
    assert_eq!((answered.received, client.finish().received), (5000, 6000));
    assert_eq!(forward.close_reason(), "client/relay/fin");
}

#[test]
fn a_name_that_does_not_exist_resets_the_client() {
    let port = Port::v4();
    let settings = "connect_timeout = '1m'";
    let config = Config::new().forward(port.addr(), "name.invalid:80", settings);
    let (server, etc) = (NameServer::start(), TempDir::new().unwrap());
    server.configure(etc.path(), "");
    let forwarder = with_names(etc.path(), BINARY).config(config.text()).start();
    forwarder.ready();
    Peer::connect("client", &port, Script::new().expect_reset()).finish();
    let record = forwarder.wait_for_records(1).remove(0);
    assert_eq!(record.close_reason(), "target/connect/name_error");
    assert_eq!(record.target.as_deref(), Some("name.invalid:80"));
    let warned = |line: &str| line.contains("could not be resolved") && line.contains("warn");
    assert_eq!(forwarder.count_lines(warned), 1);
}
