//! Several targets, of which some fail: no client is lost while one of them works, and none waits
//! for a target that is back.

use std::thread;
use std::time::{Duration, Instant};

use testkit::{Addr, Behaviour, BlackHole, Peer, Place, Port, Script, SessionRecord, Target};

use crate::support::{Forward, served_client};

const CLIENTS: usize = 50;

fn two_echoes() -> [Target; 2] {
    [(); 2].map(|()| Target::start(Behaviour::Echo))
}

fn addresses(failing: impl Into<Addr>, working: &[Target; 2]) -> [Addr; 3] {
    [failing.into(), (&working[0]).into(), (&working[1]).into()]
}

/// Sessions that the targets have accepted.
fn accepted(targets: &[Target; 2]) -> u64 {
    targets.iter().map(Target::accepted).sum()
}

#[test]
fn no_client_is_lost_while_one_of_three_targets_refuses() {
    for balance in ["least", "round_robin", "source", "first"] {
        let (refusing, working) = (Port::v4(), two_echoes());
        let settings = format!("balance = '{balance}'");
        let forward = Forward::to_several(&addresses(&refusing, &working), settings);
        for _ in 0..CLIENTS {
            served_client(&forward);
        }
        for record in forward.wait_for_records(CLIENTS) {
            assert_eq!(record.close_reason(), "client/relay/fin", "{}", record.json);
        }
        assert_eq!(accepted(&working), CLIENTS as u64, "{balance}");
    }
}

#[test]
fn the_record_counts_the_attempts_at_all_targets() {
    let (refusing, working) = (Port::v4(), two_echoes());
    let settings = "balance = 'first'\npassive = 'off'";
    let forward = Forward::to_several(&addresses(&refusing, &working), settings);
    served_client(&forward);
    let record = forward.record();
    assert_eq!(record.json["attempts"], 2, "{}", record.json);
    assert_eq!(record.target, Some(working[0].addr().to_string()));
}

#[test]
fn no_client_is_lost_while_one_of_three_targets_answers_no_syn() {
    const CONNECT_TIMEOUT: Duration = Duration::from_secs(9);
    let (hole, working) = (BlackHole::open(), two_echoes());
    let settings = format!("connect_timeout = '{}s'", CONNECT_TIMEOUT.as_secs());
    let forward = Forward::to_several(&addresses(&hole, &working), settings);
    let serve = || {
        let begun = Instant::now();
        served_client(&forward);
        begun.elapsed()
    };
    let slowest = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(serve)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).max().unwrap()
    });
    assert!(slowest < CONNECT_TIMEOUT, "the slowest client took {slowest:?}");
    assert_eq!(accepted(&working), CLIENTS as u64);
}

/// Failed connects take a target out of use for an hour here. With `none_up = "try"`, the default,
/// that must not keep a client from a target that is back.
#[test]
fn the_first_client_is_served_when_all_targets_are_back() {
    let ports = [(); 3].map(|()| Port::v4());
    let passive = "passive = { failures = 1, down = '1h', down_max = '1h' }";
    let forward = Forward::to_several(&ports.each_ref().map(Into::into), passive);
    for _ in 0..5 {
        Peer::connect("client", &forward, Script::new().expect_reset()).finish();
    }
    let back = |port: &Port| Target::start_at(Place::At(port.addr()), Behaviour::Echo);
    let _targets = ports.each_ref().map(back);
    served_client(&forward);
    let reasons: Vec<_> =
        forward.wait_for_records(6).iter().map(SessionRecord::close_reason).collect();
    assert_eq!(reasons[5], "client/relay/fin");
    assert!(reasons[..5].iter().all(|reason| reason.starts_with("target/connect/")), "{reasons:?}");
}
