//! Random histories of one session against a model of two peers and of the engine.
//!
//! The model's bytes are positions in a stream, so that "lost, invented or reordered" is one
//! comparison. The rules of a session are checked after every event; in the end both peers cooperate,
//! and the session must then end without a timeout.

mod world;

use flow::{PathChoice, Peer};
use proptest::prelude::*;
use std::time::Duration;
use world::{Event, ROOM, World};

/// Histories per run, unless `PROPTEST_CASES` says otherwise.
const HISTORIES: u32 = 10_000;

fn histories() -> u32 {
    let wanted = std::env::var("PROPTEST_CASES").ok();
    wanted.and_then(|wanted| wanted.parse().ok()).unwrap_or(HISTORIES)
}

fn event() -> impl Strategy<Value = Event> {
    let peer = prop_oneof![Just(Peer::Client), Just(Peer::Target)];
    let count = prop_oneof![1u64..10, 1u64..5_000, 1u64..400_000, Just(ROOM as u64)];
    prop_oneof![
        8 => (peer.clone(), count.clone()).prop_map(|(peer, n)| Event::Send(peer, n)),
        8 => (peer.clone(), count).prop_map(|(peer, n)| Event::Read(peer, n)),
        1 => peer.clone().prop_map(Event::Urgent),
        1 => peer.clone().prop_map(Event::Attach),
        2 => peer.clone().prop_map(Event::Fin),
        1 => peer.clone().prop_map(Event::Reset),
        1 => peer.prop_map(Event::ResetDuringSend),
        1 => (1u64..20_000).prop_map(|ms| Event::Pass(Duration::from_millis(ms))),
        1 => Just(Event::Busy),
        1 => Just(Event::HandOver),
    ]
}

fn choice() -> impl Strategy<Value = PathChoice> {
    prop_oneof![Just(PathChoice::Auto), Just(PathChoice::Copy), Just(PathChoice::Splice)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: histories(), ..ProptestConfig::default() })]

    #[test]
    fn every_history_keeps_the_rules(
        choice in choice(),
        faults in any::<u64>(),
        unix in any::<[bool; 2]>(),
        events in prop::collection::vec(event(), 0..120),
    ) {
        let mut world = World::new(choice, faults, unix);
        for event in &events {
            world.happens(*event);
            world.check();
        }
        world.comes_to_an_end();
    }
}

/// The target resets during a splice(2) to it: the call returns the part that it has moved, and not
/// the error. Whichever lane is served next, the client sees no FIN.
#[test]
fn a_reset_whose_report_a_splice_swallowed_is_no_fin() {
    use flow::{By, Cause};
    for answer in [0, 1, 130_000] {
        for faults in 0..64 {
            let mut world = World::tcp(PathChoice::Splice, faults);
            for event in [
                Event::Send(Peer::Target, answer),
                Event::ResetDuringSend(Peer::Target),
                Event::Send(Peer::Client, 150_000),
            ] {
                world.happens(event);
                world.check();
            }
            let reason = world.comes_to_an_end().map(|reason| (reason.by, reason.cause));
            assert_eq!(reason, Some((By::Target, Cause::Reset)), "{answer} bytes, {faults}");
        }
    }
}

/// The same while the other lane, which copies, has just drained its socket: its next recv finds the
/// end before any call has failed.
#[test]
fn an_end_that_comes_before_any_failure_is_not_taken_for_a_fin() {
    use flow::{By, Cause};
    for faults in 0..64 {
        let mut world = World::tcp(PathChoice::Auto, faults);
        for event in [
            Event::Send(Peer::Client, 4 * ROOM as u64),
            Event::Read(Peer::Target, u64::MAX / 2),
            Event::Read(Peer::Target, u64::MAX / 2),
            Event::Busy,
            Event::Send(Peer::Target, ROOM as u64),
            Event::ResetDuringSend(Peer::Target),
            Event::Send(Peer::Client, 150_000),
        ] {
            world.happens(event);
            world.check();
        }
        let reason = world.comes_to_an_end().map(|reason| (reason.by, reason.cause));
        assert_eq!(reason, Some((By::Target, Cause::Reset)), "{faults}");
    }
}

/// The same with a FIN before the RST: the client's stream is complete and ends with a FIN.
#[test]
fn a_fin_in_front_of_a_swallowed_reset_is_passed_on() {
    for faults in 0..64 {
        let mut world = World::tcp(PathChoice::Splice, faults);
        for event in [
            Event::ResetDuringSend(Peer::Target),
            Event::FinUnseen(Peer::Target),
            Event::Send(Peer::Client, 150_000),
        ] {
            world.happens(event);
            world.check();
        }
        world.comes_to_an_end();
        assert!(world.fin_was_passed_to(Peer::Client), "{faults}");
    }
}

#[test]
fn a_plain_request_and_response_end_in_order() {
    use flow::Cause;
    let mut world = World::tcp(PathChoice::Auto, 0);
    for event in [
        Event::Send(Peer::Client, 100),
        Event::Fin(Peer::Client),
        Event::Send(Peer::Target, 300_000),
        Event::Fin(Peer::Target),
    ] {
        world.happens(event);
        world.check();
    }
    let reason = world.comes_to_an_end();
    assert_eq!(reason.map(|reason| reason.cause), Some(Cause::Fin));
}

/// A read from a Unix socket stops behind attached descriptors, and no event announces the rest.
#[test]
fn reads_that_stop_early_leave_nothing_behind() {
    for (choice, faults) in [(PathChoice::Copy, 0), (PathChoice::Splice, 0), (PathChoice::Auto, 1)]
    {
        let mut world = World::new(choice, faults, [true, false]);
        for event in [
            Event::Busy,
            Event::Send(Peer::Client, 10),
            Event::Busy,
            Event::Attach(Peer::Client),
            Event::Send(Peer::Client, 10),
        ] {
            world.happens(event);
        }
        world.happens(Event::Pass(Duration::ZERO));
        world.check();
    }
}
