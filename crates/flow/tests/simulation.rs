//! Random histories of one session against a model of two TCP ends and of the engine.
//!
//! The model's bytes are positions in a stream, so that "lost, invented or reordered" is one
//! comparison. After every step the rules of a session are checked; at the end of every history
//! both ends are made to cooperate, and the session must then come to its own end.

mod world;

use flow::{End, PathChoice};
use proptest::prelude::*;
use std::time::Duration;
use world::{Event, World};

/// Histories per run, unless `PROPTEST_CASES` says otherwise.
const HISTORIES: u32 = 10_000;

fn histories() -> u32 {
    let wanted = std::env::var("PROPTEST_CASES").ok();
    wanted.and_then(|wanted| wanted.parse().ok()).unwrap_or(HISTORIES)
}

fn event() -> impl Strategy<Value = Event> {
    let end = prop_oneof![Just(End::Client), Just(End::Target)];
    let count = prop_oneof![1u64..10, 1u64..5_000, 1u64..400_000];
    prop_oneof![
        8 => (end.clone(), count.clone()).prop_map(|(end, n)| Event::Send(end, n)),
        8 => (end.clone(), count).prop_map(|(end, n)| Event::Read(end, n)),
        1 => end.clone().prop_map(Event::Urgent),
        2 => end.clone().prop_map(Event::Fin),
        1 => end.prop_map(Event::Reset),
        1 => (1u64..20_000).prop_map(|ms| Event::Pass(Duration::from_millis(ms))),
        1 => Just(Event::Drain),
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
        events in prop::collection::vec(event(), 0..120),
    ) {
        let mut world = World::new(choice, faults);
        for event in &events {
            world.happens(*event);
            world.check();
        }
        world.comes_to_an_end();
    }
}

#[test]
fn a_plain_request_and_response_end_in_order() {
    use flow::Cause;
    let mut world = World::new(PathChoice::Auto, 0);
    for event in [
        Event::Send(End::Client, 100),
        Event::Fin(End::Client),
        Event::Send(End::Target, 300_000),
        Event::Fin(End::Target),
    ] {
        world.happens(event);
        world.check();
    }
    let reason = world.comes_to_an_end();
    assert_eq!(reason.map(|reason| reason.cause), Some(Cause::Fin));
}
