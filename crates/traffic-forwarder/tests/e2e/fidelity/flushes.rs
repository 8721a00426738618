//! Bytes received from one peer reach the other, however slowly it reads; the worker does not spin
//! meanwhile, and only the idle timeouts end the session.

use std::time::Duration;

use testkit::{LIMIT, Script, Signal, wait_until};

use crate::support::{Session, Setup, on_each_setup, play, reset, unacked, write_until_full};

on_each_setup!(
    full_buffers_cost_no_cpu_time,
    a_flush_longer_than_the_half_close_timeout_is_not_cut,
    a_slow_flush_before_a_reset_completes,
    an_acknowledged_answer_arrives_complete_although_the_upload_is_cut,
    a_flush_continues_after_a_termination_signal,
    half_open_and_half_closed_sessions_do_not_delay_the_exit,
);

const KIB: usize = 1024;
const MIB: u64 = 1024 * 1024;

/// A little over six seconds of reading.
fn slowly(script: Script) -> Script {
    script.read_slowly(64 * KIB, 25, Duration::from_millis(250))
}

/// A FIN waits behind the bytes, and the opposite lane has unread bytes, too.
fn full_buffers_cost_no_cpu_time(setup: Setup) {
    let Session { forward, client, target } = setup.session("");
    for socket in [&client, &target] {
        write_until_full(socket, 1);
        socket.shutdown(std::net::Shutdown::Write).unwrap();
    }
    let before = forward.cpu_time();
    play(&client, Script::new().pause(Duration::from_secs(1)));
    let spent = forward.cpu_time().saturating_sub(before);
    assert!(spent < Duration::from_millis(50), "{spent:?} of CPU time in a second of waiting");
}

fn a_flush_longer_than_the_half_close_timeout_is_not_cut(setup: Setup) {
    let settings = "half_close_timeout = '2s'\nidle_timeout = '2s'";
    let Session { forward, client, target } = setup.session(settings);
    let written = write_until_full(&target, 1);
    drop(target);
    let reading = slowly(Script::new().expecting(1)).read_to_end();
    assert_eq!(play(&client, reading).received, written);
    drop(client);
    assert_eq!(forward.close_reason(), "target/relay/fin");
}

/// The flush takes longer than the stall limit, but it never stalls. The forwarder has sent all
/// bytes; its kernel holds them.
fn a_slow_flush_before_a_reset_completes(setup: Setup) {
    let Session { forward, client, target } = setup.session("");
    play(&target, Script::new().sending(1).write(2 * MIB));
    wait_until("an acknowledged answer", LIMIT, || unacked(&target) == 0);
    reset(target);
    let reading = slowly(Script::new().expecting(1)).read_to_reset();
    assert_eq!(play(&client, reading).received, 2 * MIB);
    assert_eq!(forward.close_reason(), "target/relay/reset");
}

/// Closing a socket with unread upload bytes sends an RST, which must not overtake the answer.
fn an_acknowledged_answer_arrives_complete_although_the_upload_is_cut(setup: Setup) {
    let Session { forward, client, target } = setup.session("");
    write_until_full(&client, 1);
    play(&target, Script::new().sending(2).write(MIB));
    wait_until("an acknowledged answer", LIMIT, || unacked(&target) == 0);
    drop(target);
    let reading = Script::new().expecting(2).read_slowly(1000, 20, Duration::from_millis(10));
    let seen = play(&client, reading.drain());
    assert_eq!(seen.received, MIB, "{seen:?}");
    assert_eq!(forward.close_reason(), "target/relay/reset");
}

fn a_flush_continues_after_a_termination_signal(setup: Setup) {
    let Session { forward, client, target } = setup.session("");
    let written = write_until_full(&target, 1);
    drop(target);
    forward.signal(Signal::TERM);
    forward.wait_for_message("draining");
    let reading = Script::new().expecting(1).read_slowly(64 * KIB, 10, Duration::from_millis(50));
    assert_eq!(play(&client, reading.read_to_end()).received, written);
    drop(client);
    assert_eq!(forward.wait_exit(LIMIT).code(), Some(0));
    assert_eq!(forward.close_reason(), "target/drain/fin");
}

fn half_open_and_half_closed_sessions_do_not_delay_the_exit(setup: Setup) {
    let hole = testkit::BlackHole::open();
    let half_open = testkit::Port::v4();
    let settings = setup.settings("connect_timeout = '1h'");
    let config = setup.config().process("shutdown_timeout = '500ms'");
    let config = config.forward(half_open.addr(), hole.addr(), settings);
    let Session { forward, client, target } = Session::open_with(config, setup.settings(""));
    let connecting = testkit::connect(&half_open).unwrap();
    play(&client, Script::new().shutdown_write());
    play(&target, Script::new().expect_eof());
    forward.signal(Signal::TERM);
    play(&connecting, Script::new().expect_reset());
    play(&client, Script::new().expect_reset());
    assert_eq!(forward.wait_exit(LIMIT).code(), Some(0));
    let mut reasons: Vec<_> = forward.wait_for_records(2);
    reasons.sort_by_key(|record| record.bytes_up);
    for record in reasons {
        assert_eq!(record.close_reason(), "shutdown/drain/drained", "{}", record.json);
    }
}
