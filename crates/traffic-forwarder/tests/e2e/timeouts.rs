//! Each timeout ends the sessions it applies to, with its own reason and an RST to both sides, and
//! spares the others.

use std::time::Duration;

use testkit::{BlackHole, End, LIMIT, Peer, Script, wait_until};

use crate::support::{
    Forward, QUIET, Session, on_each_path, path_is, play, reset, unacked, write_until_full,
};

on_each_path!(
    an_idle_session_times_out,
    a_stalled_target_ends_a_session,
    a_stalled_client_ends_a_session,
    a_slow_reader_is_not_idle,
    max_age_ends_even_a_busy_session,
    max_age_ends_a_session_after_a_target_reset,
    an_idle_half_closed_session_times_out,
    a_byte_in_the_open_lane_keeps_a_half_closed_session_alive,
    a_target_that_never_answers_times_out,
    without_timeouts_no_session_ends,
);

/// A session whose forward has this path and these settings.
fn session(path: &str, settings: &str) -> Session {
    Session::open(format!("{}{settings}", path_is(path)))
}

#[track_caller]
fn both_are_reset(session: &Session) {
    play(&session.client, Script::new().expect_reset());
    play(&session.target, Script::new().expect_reset());
}

fn an_idle_session_times_out(path: &str) {
    let session = session(path, "idle_timeout = '500ms'");
    both_are_reset(&session);
    let record = session.forward.record();
    assert_eq!(record.close_reason(), "limit/relay/idle_timeout");
    assert!(record.duration >= Duration::from_millis(500), "{}", record.json);
}

/// The sender fills every buffer on the way, and the receiver never reads.
fn stall(path: &str, of_target: bool) {
    let session = session(path, "idle_timeout = '2s'");
    let Session { client, target, .. } = &session;
    let (sender, receiver) = if of_target { (client, target) } else { (target, client) };
    write_until_full(sender, 1);
    play(receiver, Script::new().read_to_reset());
    play(sender, Script::new().expect_reset());
    assert_eq!(session.forward.close_reason(), "limit/relay/idle_timeout");
}

fn a_stalled_target_ends_a_session(path: &str) {
    stall(path, true);
}

fn a_stalled_client_ends_a_session(path: &str) {
    stall(path, false);
}

/// The kernel holds all of its bytes, so no lane moves one; but the client is reading them.
fn a_slow_reader_is_not_idle(path: &str) {
    const CHUNK: usize = 64 * 1024;
    let session = session(path, "idle_timeout = '2s'");
    let bytes = 40 * CHUNK as u64;
    play(&session.client, Script::new().sending(1).write(bytes).shutdown_write());
    let slowly = Script::new().expecting(1).read_slowly(CHUNK, 25, QUIET).read_to_end();
    assert_eq!(play(&session.target, slowly).received, bytes);
}

fn max_age_ends_even_a_busy_session(path: &str) {
    let session = session(path, "max_age = '1s'");
    let sending = Script::new().try_write(1 << 32);
    let sender = Peer::play("client", session.client.try_clone().unwrap(), sending);
    play(&session.target, Script::new().read_to_reset());
    sender.finish();
    let record = session.forward.record();
    assert_eq!(record.close_reason(), "limit/relay/max_age");
    assert!(record.duration >= Duration::from_secs(1) && record.bytes_up > 1, "{}", record.json);
}

/// The target's last bytes are being flushed to a client that would need 15 seconds to read them.
/// The earlier reset stays the close reason.
fn max_age_ends_a_session_after_a_target_reset(path: &str) {
    const SENT: u64 = 1024 * 1024;
    let Session { forward, client, target } = session(path, "max_age = '2s'");
    play(&target, Script::new().sending(1).write(SENT));
    wait_until("a target without unsent bytes", LIMIT, || unacked(&target) == 0);
    reset(target);
    let reading = Script::new().expecting(1).read_slowly(8 * 1024, 128, QUIET / 2);
    let client = Peer::play("client", client, reading.read_to_reset());
    let record = forward.record();
    assert_eq!(record.close_reason(), "target/relay/reset");
    assert!(record.duration >= Duration::from_secs(2), "{}", record.json);
    let got = client.outcome();
    assert!(got.received < SENT && got.read_end == Some(End::Reset), "{got:?}");
}

fn an_idle_half_closed_session_times_out(path: &str) {
    let session = session(path, "half_close_timeout = '500ms'\nidle_timeout = '1h'");
    play(&session.client, Script::new().expect_silence(QUIET * 4).shutdown_write());
    play(&session.target, Script::new().expect_eof());
    play(&session.client, Script::new().expect_reset());
    let record = session.forward.record();
    assert_eq!(record.close_reason(), "limit/relay/half_close_timeout");
    wait_until("an RST to the target, too", LIMIT, || {
        session.target.take_error().unwrap().is_some() || session.target.send(b".").is_err()
    });
}

fn a_byte_in_the_open_lane_keeps_a_half_closed_session_alive(path: &str) {
    let Session { forward, client, target } = session(path, "half_close_timeout = '2s'");
    play(&client, Script::new().shutdown_write());
    play(&target, Script::new().expect_eof());
    for _ in 0..15 {
        play(&target, Script::new().write_bytes("."));
        play(&client, Script::new().read_exactly(1).expect_silence(QUIET));
    }
    assert_eq!(forward.records().len(), 0, "it lived longer than its half-close timeout");
}

fn a_target_that_never_answers_times_out(path: &str) {
    let hole = BlackHole::open();
    let forward = Forward::start(&hole, format!("{}connect_timeout = '500ms'", path_is(path)));
    Peer::connect("client", &forward, Script::new().write(1000).expect_reset()).finish();
    let record = forward.record();
    assert_eq!(record.close_reason(), "limit/connect/connect_timeout");
    assert!(record.duration >= Duration::from_millis(500), "{}", record.json);
    assert_eq!((record.bytes_up, record.connect_time), (0, None));
    assert_eq!(record.target, Some(hole.addr().to_string()));
}

fn without_timeouts_no_session_ends(path: &str) {
    let off = "idle_timeout = 'off'\nhalf_close_timeout = 'off'\nmax_age = 'off'";
    let session = session(path, off);
    play(&session.client, Script::new().shutdown_write());
    play(&session.target, Script::new().expect_eof());
    play(&session.client, Script::new().expect_silence(QUIET * 5));
    drop(session.target);
    play(&session.client, Script::new().expect_eof());
    assert_eq!(session.forward.close_reason(), "client/relay/fin");
}
