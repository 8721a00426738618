//! Peers that vanish silently: keepalive and `user_timeout` detect it.

use std::time::Duration;

use testkit::{LIMIT, Script, vanish, wait_until};

use crate::support::{Session, Setup, on_each_setup, play, write_until_full};

on_each_setup!(
    keepalive_detects_a_vanished_target,
    keepalive_detects_a_vanished_client,
    unacknowledged_bytes_reveal_a_vanished_target,
    a_permanently_closed_window_is_detected;
    a_closed_window_is_tolerated_by_default,
    keepalive_spares_a_silent_peer,
);

const KEEPALIVE: &str = "keepalive = { idle = '1s', interval = '1s', count = 2 }";

fn keepalive_detects_a_vanished_target(setup: Setup) {
    let Session { forward, client, target } = setup.session(KEEPALIVE);
    vanish(&target);
    play(&client, Script::new().expect_reset());
    let record = forward.record();
    assert_eq!(record.close_reason(), "target/relay/timed_out");
    assert!(record.duration > Duration::from_secs(2), "{}", record.json);
}

fn keepalive_detects_a_vanished_client(setup: Setup) {
    let Session { forward, client, target } = setup.session(KEEPALIVE);
    vanish(&client);
    play(&target, Script::new().expect_reset());
    assert_eq!(forward.close_reason(), "client/relay/timed_out");
}

fn unacknowledged_bytes_reveal_a_vanished_target(setup: Setup) {
    let Session { forward, client, target } = setup.session("user_timeout = '2s'");
    // A target socket gets its options when the session is one second old.
    play(&client, Script::new().expect_silence(Duration::from_millis(1500)));
    vanish(&target);
    play(&client, Script::new().write(1000).expect_reset());
    assert_eq!(forward.close_reason(), "target/relay/timed_out");
}

/// The target's kernel acknowledges probes, and its window stays closed.
fn a_permanently_closed_window_is_detected(setup: Setup) {
    let Session { forward, client, target } = setup.session("user_timeout = '2s'");
    write_until_full(&client, 1);
    wait_until("the end of the session", LIMIT, || !forward.records().is_empty());
    assert_eq!(forward.close_reason(), "target/relay/timed_out");
    play(&client, Script::new().expect_reset());
    play(&target, Script::new().read_to_reset());
}

/// By default a slow peer stops the fast one for an unlimited time.
fn a_closed_window_is_tolerated_by_default(setup: Setup) {
    let Session { forward, client, target } = setup.session("");
    let written = write_until_full(&client, 1);
    play(&client, Script::new().expect_silence(Duration::from_secs(4)));
    assert_eq!(forward.records().len(), 0);
    let rest = Script::new().expecting(1).read_exactly(written);
    assert_eq!(play(&target, rest).received, written);
    assert_eq!(forward.records().len(), 0);
}

fn keepalive_spares_a_silent_peer(setup: Setup) {
    let Session { forward, client, target } = setup.session(KEEPALIVE);
    play(&client, Script::new().expect_silence(Duration::from_secs(5)));
    play(&target, Script::new().write(1));
    play(&client, Script::new().read_exactly(1));
    assert_eq!(forward.records().len(), 0);
}
