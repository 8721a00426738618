//! Random histories of one session against a model of two TCP ends and of the engine.
//!
//! The model's bytes are positions in a stream, so that "lost, invented or reordered" is one
//! comparison. After every step the rules of a session are checked; at the end of every history
//! both ends are made to cooperate, and the session must then come to its own end.

mod world;

use proptest::prelude::*;
use world::{Event, World};

/// Histories per run, unless `PROPTEST_CASES` says otherwise.
const HISTORIES: u32 = 10_000;

fn histories() -> u32 {
    let wanted = std::env::var("PROPTEST_CASES").ok();
    wanted.and_then(|wanted| wanted.parse().ok()).unwrap_or(HISTORIES)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: histories(), ..ProptestConfig::default() })]

    #[test]
    fn every_history_keeps_the_rules(
        choice in world::choice(),
        faults in any::<u64>(),
        events in prop::collection::vec(Event::any(), 0..120),
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
    use flow::{Cause, End};
    let mut world = World::new(flow::PathChoice::Auto, 0);
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
