//! Sessions that end in order: a FIN is forwarded after the last byte before it, and the other lane
//! continues.

use testkit::{Behaviour, Gate, Peer, Place, Script, Target};

use crate::support::{
    Forward, OPENING, QUIET, Session, on_each_path, path_is, play, write_until_full,
};

const MIB: u64 = 1024 * 1024;

on_each_path!(
    the_clients_fin_does_not_affect_the_answer,
    the_targets_fin_does_not_affect_the_upload,
    a_lane_stays_open_long_after_the_other_ended,
    a_fin_without_bytes_is_forwarded,
    a_fin_waits_for_a_slow_target,
    a_fin_waits_for_a_slow_client,
    an_early_answer_arrives_while_the_client_still_sends,
    small_messages_are_exchanged,
    a_stalled_peer_stops_the_other,
);

fn the_clients_fin_does_not_affect_the_answer(path: &str) {
    let answering = Script::new().sending(2).expecting(1).read_to_end().write(2 * MIB);
    let target = Peer::listen("target", Place::V4, answering);
    let forward = Forward::start(target.addr(), path_is(path));
    let asking = Script::new().sending(1).expecting(2).write(MIB).shutdown_write().read_to_end();
    let client = Peer::connect("client", &forward, asking).finish();
    assert_eq!((target.finish().received, client.received), (MIB, 2 * MIB));
    let record = forward.record();
    assert_eq!((record.bytes_up, record.bytes_down), (MIB, 2 * MIB));
    assert_eq!(record.close_reason(), "client/relay/fin");
}

fn the_targets_fin_does_not_affect_the_upload(path: &str) {
    let talking = Script::new().sending(2).expecting(1).write(MIB).shutdown_write().read_to_end();
    let target = Peer::listen("target", Place::V4, talking);
    let forward = Forward::start(target.addr(), path_is(path));
    let listening = Script::new().sending(1).expecting(2).read_to_end().write(2 * MIB);
    let client = Peer::connect("client", &forward, listening).finish();
    assert_eq!((target.finish().received, client.received), (2 * MIB, MIB));
    let record = forward.record();
    assert_eq!((record.bytes_up, record.bytes_down), (2 * MIB, MIB));
    assert_eq!(record.close_reason(), "target/relay/fin");
}

fn a_lane_stays_open_long_after_the_other_ended(path: &str) {
    let Session { forward, client, target } = Session::open(path_is(path));
    play(&client, Script::new().shutdown_write());
    play(&target, Script::new().expect_eof());
    for _ in 0..5 {
        play(&target, Script::new().write_bytes("more"));
        play(&client, Script::new().read_exactly(4).expect_silence(QUIET / 4));
    }
    drop(target);
    play(&client, Script::new().expect_eof());
    let record = forward.record();
    assert_eq!((record.bytes_up, record.bytes_down), (OPENING, OPENING + 20));
    assert_eq!(record.close_reason(), "client/relay/fin");
}

fn a_fin_without_bytes_is_forwarded(path: &str) {
    let target = Peer::listen("target", Place::V4, Script::new().expect_eof());
    let forward = Forward::start(target.addr(), path_is(path));
    let empty = Script::new().shutdown_write().expect_eof();
    Peer::connect("client", &forward, empty).finish();
    target.finish();
    let record = forward.record();
    assert_eq!((record.bytes_up, record.bytes_down), (0, 0));
    assert_eq!([record.path_up, record.path_down].map(Option::unwrap), ["none", "none"]);
    assert_eq!(record.close.to_string(), "client/relay/fin");
}

/// The sender fills every buffer on the way and closes; the receiver starts to read after that.
fn fin_after_full_buffers(path: &str, up: bool) {
    let Session { forward, client, target } = Session::open(path_is(path));
    let (sender, receiver) = if up { (client, target) } else { (target, client) };
    let written = write_until_full(&sender, 7);
    sender.shutdown(std::net::Shutdown::Write).unwrap();
    let reading = Script::new().expecting(7).read_slowly(1000, 10, QUIET / 100).read_to_end();
    assert_eq!(play(&receiver, reading).received, written);
    drop(receiver);
    play(&sender, Script::new().expect_eof());
    let record = forward.record();
    let bytes = if up { record.bytes_up } else { record.bytes_down };
    assert_eq!(bytes, written + OPENING);
    let by = if up { "client" } else { "target" };
    assert_eq!(record.close_reason(), format!("{by}/relay/fin"));
}

fn a_fin_waits_for_a_slow_target(path: &str) {
    fin_after_full_buffers(path, true);
}

fn a_fin_waits_for_a_slow_client(path: &str) {
    fin_after_full_buffers(path, false);
}

fn an_early_answer_arrives_while_the_client_still_sends(path: &str) {
    let target = Target::start(Behaviour::Source(MIB));
    let forward = Forward::start(&target, path_is(path));
    let uploading =
        Script::new().expecting(0).write(MIB).read_to_end().write(8 * MIB).shutdown_write();
    let client = Peer::connect("client", &forward, uploading).finish();
    assert_eq!((client.received, client.sent), (MIB, 9 * MIB));
    let record = forward.record();
    assert_eq!((record.bytes_up, record.bytes_down), (9 * MIB, MIB));
    assert_eq!(record.close_reason(), "target/relay/fin");
}

fn small_messages_are_exchanged(path: &str) {
    let target = Target::start(Behaviour::Echo);
    let forward = Forward::start(&target, path_is(path));
    let round = |script: Script, _| script.write(100).read_exactly(100);
    let script = (0..300).fold(Script::new().expecting(0), round).shutdown_write().expect_eof();
    Peer::connect("client", &forward, script).finish();
    let record = forward.record();
    assert_eq!((record.bytes_up, record.bytes_down), (30_000, 30_000));
    assert!(record.path_up.unwrap().contains(path));
}

fn a_stalled_peer_stops_the_other(path: &str) {
    /// Four times the size of the socket buffers here, and far below the cost of a leak.
    const MUCH: u64 = 64 * MIB;
    let Session { forward, client, target } = Session::open(path_is(path));
    let before = forward.rss_anon_bytes();
    let written = write_until_full(&client, 7);
    assert!(written < MUCH, "{written} bytes went out to a target that does not read");
    let grown = forward.rss_anon_bytes().saturating_sub(before);
    assert!(grown < MIB, "the forwarder holds {grown} bytes of a stalled session");
    let gate = Gate::new();
    let reading = Script::new().expecting(7).read_exactly(written).signal(&gate).expect_eof();
    let reader = Peer::play("target", target, reading);
    gate.wait("all bytes that were stopped");
    drop(client);
    reader.finish();
    assert_eq!(forward.close_reason(), "client/relay/fin");
}
