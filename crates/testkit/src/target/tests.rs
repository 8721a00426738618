use super::*;
use crate::addr::connect;
use crate::exchange::exchange;
use crate::peer::Peer;
use crate::script::Script;
use crate::wait::{LIMIT, wait_until};

fn client(target: &Target, script: Script) -> crate::Transcript {
    Peer::connect("client", target, script).finish()
}

#[test]
fn echo_sends_back_everything_everywhere() {
    for place in [Place::V4, Place::V6, Place::Unix] {
        let target = Target::start_at(place, Behaviour::Echo);
        let script = Script::new().expecting(0).write(100_000).shutdown_write().read_to_end();
        assert_eq!(client(&target, script).received, 100_000);
    }
}

#[test]
fn each_byte_comes_back_so_many_times() {
    let target = Target::start(Behaviour::Multiply(3));
    let script = Script::new().write_bytes("abc").shutdown_write().read_to_end();
    assert_eq!((client(&target, script).received, target.received()), (9, 3));
}

#[test]
fn sink_counts() {
    let target = Target::start(Behaviour::Sink);
    client(&target, Script::new().write(1_000_000).shutdown_write().expect_eof());
    assert_eq!((target.received(), target.sent(), target.accepted()), (1_000_000, 0, 1));
}

#[test]
fn source_sends_and_ends() {
    let target = Target::start(Behaviour::Source(3_000_000));
    let got = client(&target, Script::new().expecting(0).read_to_end());
    assert_eq!((got.received, target.sent()), (3_000_000, 3_000_000));
    client(&Target::start(Behaviour::Source(0)), Script::new().expect_eof());
}

#[test]
fn answer_comes_after_the_fin() {
    let target = Target::start(Behaviour::AnswerAtEof(10));
    let script = Script::new()
        .write(50)
        .expect_silence(std::time::Duration::from_millis(50))
        .shutdown_write()
        .expecting(0)
        .read_to_end();
    assert_eq!(client(&target, script).received, 10);
}

#[test]
fn greet_sends_its_byte_first_and_echoes() {
    let target = Target::start(Behaviour::Greet(b'7'));
    let script = Script::new().read_exactly(1).write_bytes("ab").shutdown_write().read_to_end();
    assert_eq!(client(&target, script).bytes, b"7ab");
}

#[test]
fn greet_and_stall_says_nothing_further() {
    let target = Target::start(Behaviour::GreetAndStall(b'7'));
    let silence = std::time::Duration::from_millis(50);
    let script = Script::new().read_exactly(1).write(10).shutdown_write().expect_silence(silence);
    assert_eq!(client(&target, script.reset()).bytes, b"7");
}

#[test]
fn stall_never_answers_and_notices_a_reset() {
    let target = Target::start(Behaviour::Stall);
    let silence = std::time::Duration::from_millis(50);
    client(&target, Script::new().write(10).shutdown_write().expect_silence(silence).reset());
    wait_until("the reset", LIMIT, || target.resets() == 1 && target.open() == 0);
    assert_eq!(target.received(), 0);
}

#[test]
fn reset_resets() {
    let target = Target::start(Behaviour::Reset);
    client(&target, Script::new().expect_reset());
}

#[test]
fn an_exchange_checks_both_directions() {
    let target = Target::start(Behaviour::Verify);
    for (up, down) in [(0, 0), (1, 0), (0, 1), (3_000_000, 2_000_000)] {
        exchange(connect(&target).unwrap(), up, down, up ^ 5).unwrap();
    }
    wait_until("the end of all", LIMIT, || target.open() == 0);
    assert_eq!((target.accepted(), target.resets()), (4, 0));
}

#[test]
fn an_exchange_fails_on_the_wrong_answer() {
    let answer = Target::start(Behaviour::Source(10));
    let wrong = exchange(connect(&answer).unwrap(), 0, 10, 7).unwrap_err();
    assert!(wrong.starts_with("down: byte 0 is"), "{wrong}");
    let short = exchange(connect(&answer).unwrap(), 0, 11, !0).unwrap_err();
    assert_eq!(short, "down, after 10 of 11 bytes: end of stream (FIN)");
}

#[test]
fn verify_resets_a_client_whose_bytes_are_wrong_or_missing() {
    let target = Target::start(Behaviour::Verify);
    let header = [1, 0, 0].map(u64::to_be_bytes).concat();
    let wrong = !crate::Stream::new(0).bytes(1)[0];
    let bytes = [header.clone(), vec![wrong]].concat();
    client(&target, Script::new().write_bytes(bytes).expect_reset());
    client(&target, Script::new().write_bytes(header).shutdown_write().expect_reset());
}

#[test]
fn one_thread_serves_many() {
    let target = Target::start(Behaviour::Echo);
    let idle: Vec<_> = (0..200).map(|_| connect(&target).unwrap()).collect();
    wait_until("all of them", LIMIT, || target.open() == 200);
    client(&target, Script::new().expecting(0).write(9).shutdown_write().read_to_end());
    drop(idle);
    wait_until("their end", LIMIT, || target.open() == 0);
}

#[test]
fn dropping_a_target_frees_its_port_for_the_next() {
    let port = crate::Port::v4();
    for behaviour in [Behaviour::Echo, Behaviour::Sink] {
        let target = Target::start_at(Place::At(port.addr()), behaviour);
        client(&target, Script::new().shutdown_write().expect_eof());
    }
    assert!(connect(&port).is_err());
}
