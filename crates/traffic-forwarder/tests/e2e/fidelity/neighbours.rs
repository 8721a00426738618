//! Lanes and sessions are isolated: from stalled ones, from busy ones, and from ones cut with bytes
//! in flight.

use std::time::{Duration, Instant};

use testkit::{Behaviour, LIMIT, Peer, Script, Target, connect, exchange, wait_until};

use crate::support::{
    Session, Setup, on_each_setup, ping, play, reset, served_client, waiting_connections_to,
    write_until_full,
};

on_each_setup!(
    a_stalled_lane_does_not_affect_the_other,
    a_busy_lane_keeps_its_session_alive,
    busy_sessions_do_not_affect_others,
    a_message_is_not_delayed_for_further_bytes,
    a_target_that_closes_first_leaves_no_time_wait,
    a_vanished_client_is_dropped,
    a_reset_is_noticed_although_no_lane_reads_or_writes;
    stalled_sessions_do_not_affect_others,
    bytes_of_a_cut_session_reach_no_other_session,
);

fn a_stalled_lane_does_not_affect_the_other(setup: Setup) {
    for up in [true, false] {
        let Session { forward: _forward, client, target } = setup.session("");
        let (from, to) = if up { (&client, &target) } else { (&target, &client) };
        write_until_full(to, 1);
        let sending = Script::new().sending(2).write(10_000_000).shutdown_write();
        let sender = Peer::play("sender", from.try_clone().unwrap(), sending);
        let got = play(to, Script::new().expecting(2).read_to_end());
        assert_eq!(got.received, 10_000_000);
        sender.finish();
    }
}

/// Only one lane carries bytes, for longer than the timeout.
fn a_busy_lane_keeps_its_session_alive(setup: Setup) {
    for up in [true, false] {
        let Session { forward, client, target } = setup.session("idle_timeout = '2s'");
        let (from, to) = if up { (&client, &target) } else { (&target, &client) };
        for _ in 0..15 {
            play(from, Script::new().write_bytes("."));
            play(to, Script::new().read_exactly(1).expect_silence(Duration::from_millis(250)));
        }
        assert_eq!(forward.records().len(), 0);
    }
}

fn stalled_sessions_do_not_affect_others(setup: Setup) {
    const STALLED: usize = 20;
    let (stall, echo) = (Target::start(Behaviour::Stall), Target::start(Behaviour::Echo));
    let (to_stall, to_echo) = (testkit::Port::v4(), testkit::Port::v4());
    let config = setup.config().forward(to_stall.addr(), stall.addr(), setup.settings(""));
    let _forwarder = config.forward(to_echo.addr(), echo.addr(), setup.settings("")).start();
    let filled = |_| {
        let client = connect(&to_stall).unwrap();
        write_until_full(&client, 1);
        client
    };
    let _stalled: Vec<_> = (0..STALLED).map(filled).collect();
    assert!(median_round_trip(&served_client(&to_echo)) < Duration::from_millis(20));
}

fn busy_sessions_do_not_affect_others(setup: Setup) {
    let (sink, echo) = (Target::start(Behaviour::Sink), Target::start(Behaviour::Echo));
    let (to_sink, to_echo) = (testkit::Port::v4(), testkit::Port::v4());
    let config = setup.config().forward(to_sink.addr(), sink.addr(), setup.settings(""));
    let _forwarder = config.forward(to_echo.addr(), echo.addr(), setup.settings("")).start();
    let busy = || {
        let filling = Script::new().try_write(1 << 40);
        Peer::connect("a busy client", &to_sink, filling)
    };
    let _busy = [busy(), busy()];
    wait_until("bytes on the way", LIMIT, || sink.received() > 1_000_000);
    for _ in 0..20 {
        ping(&served_client(&to_echo));
    }
    let before = sink.received();
    wait_until("busy sessions that are still served", LIMIT, || sink.received() > before);
}

/// The sessions are cut while a pipe or a buffer holds their bytes. The pool is LIFO: the next
/// session gets the buffer returned last.
fn bytes_of_a_cut_session_reach_no_other_session(setup: Setup) {
    let (stall, verify) = (Target::start(Behaviour::Stall), Target::start(Behaviour::Verify));
    let (to_stall, to_verify) = (testkit::Port::v4(), testkit::Port::v4());
    let soon = setup.settings("idle_timeout = '1s'");
    let config = setup.config().forward(to_stall.addr(), stall.addr(), soon);
    let forwarder = config.forward(to_verify.addr(), verify.addr(), setup.settings("")).start();
    for seed in 0..5 {
        let client = connect(&to_stall).unwrap();
        write_until_full(&client, 1);
        reset(client);
        let done = usize::try_from(2 * seed).unwrap();
        forwarder.wait_for_records(done + 1);
        exchange(connect(&to_verify).unwrap(), 3_000_000, 3_000_000, seed).unwrap();
        forwarder.wait_for_records(done + 2);
    }
}

/// Larger than one step and smaller than two, so that a lane ends in the middle of a step; Nagle's
/// algorithm and the like would hold back the rest for 40 ms or more.
fn a_message_is_not_delayed_for_further_bytes(setup: Setup) {
    let target = Target::start(Behaviour::Echo);
    let forward = setup.forward(&target, "");
    let client = served_client(&forward);
    for size in [1, 1000, 66_000, 100_000] {
        let round = Script::new().write(size).read_exactly(size);
        let took = median(|| {
            let (begun, socket) = (Instant::now(), client.try_clone().unwrap());
            Peer::play("client", socket, round.clone()).finish();
            begun.elapsed()
        });
        assert!(took < Duration::from_millis(30), "{took:?} for {size} bytes to and fro");
    }
}

/// The peer that closes first waits in TIME_WAIT, which holds a port. It must not be the forwarder
/// when the target closed first.
fn a_target_that_closes_first_leaves_no_time_wait(setup: Setup) {
    const SESSIONS: usize = 20;
    let target = Target::start(Behaviour::Source(1000));
    // Left from a previous test on the same port.
    let before = waiting_connections_to(target.addr().tcp());
    let forward = setup.forward(&target, "");
    for _ in 0..SESSIONS {
        let reading = Script::new().expecting(0).read_to_end().shutdown_write();
        Peer::connect("client", &forward, reading).finish();
    }
    forward.wait_for_records(SESSIONS);
    let waiting = waiting_connections_to(target.addr().tcp());
    assert!(waiting <= before, "{waiting} connections to the target in TIME_WAIT");
}

/// The client has closed, and the target neither closes nor sends.
fn a_vanished_client_is_dropped(setup: Setup) {
    let Session { forward, client, target } = setup.session("half_close_timeout = '1s'");
    drop(client);
    play(&target, Script::new().expect_eof());
    assert_eq!(forward.close_reason(), "limit/relay/half_close_timeout");
}

/// After the client's FIN the worker neither reads from nor writes to the client.
fn a_reset_is_noticed_although_no_lane_reads_or_writes(setup: Setup) {
    let Session { forward, client, target } = setup.session("");
    play(&client, Script::new().shutdown_write());
    play(&target, Script::new().expect_eof());
    reset(client);
    assert_eq!(forward.close_reason(), "client/relay/reset");
}

fn median_round_trip(client: &testkit::Socket) -> Duration {
    median(|| {
        let begun = Instant::now();
        ping(client);
        begun.elapsed()
    })
}

/// The median duration, to discount occasional interference.
fn median(mut measured: impl FnMut() -> Duration) -> Duration {
    const TIMES: usize = 21;
    let mut durations: Vec<_> = (0..TIMES).map(|_| measured()).collect();
    durations.sort_unstable();
    durations[TIMES / 2]
}
