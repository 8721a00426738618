//! Resets in bulk, often enough to cover each order of the calls on both sockets.
//!
//! `RACE_ROUNDS=3000` runs more rounds than the default of a few hundred.

use std::collections::BTreeMap;

use testkit::LIMIT;
use testkit::cases;

use crate::support::{Setup, on_each_race};

const ROUNDS: u64 = 300;

on_each_race!(the_target_resets_in_bulk, the_client_resets_in_bulk);

fn the_target_resets_in_bulk(setup: Setup) {
    play("the_target_resets_in_bulk", "target/relay/reset", setup);
}

fn the_client_resets_in_bulk(setup: Setup) {
    play("the_client_resets_in_bulk", "client/relay/reset", setup);
}

fn play(name: &str, reason: &str, setup: Setup) {
    let rounds = std::env::var("RACE_ROUNDS").ok();
    let rounds = rounds.map_or(ROUNDS, |rounds| rounds.parse().expect("a number of rounds"));
    let case = cases::all().find(|case| case.name == name).expect("a case of this name");
    let stage = case.set_up(LIMIT);
    let forward = setup.forward(stage.target(), "");
    let mut otherwise: BTreeMap<String, u64> = BTreeMap::new();
    for seen in stage.play_rounds(&forward, rounds) {
        if !case.is_kept_by(&seen) {
            let view = seen.client.or(seen.target).expect("one end saw the other's reset");
            *otherwise.entry(view.to_string()).or_default() += 1;
        }
    }
    assert!(otherwise.is_empty(), "of {rounds} rounds, owed is {case:#?}: {otherwise:#?}");
    let records = forward.wait_for_records(usize::try_from(rounds).expect("it fits"));
    for record in records {
        assert_eq!(record.close_reason(), reason, "{}", record.json);
    }
}
