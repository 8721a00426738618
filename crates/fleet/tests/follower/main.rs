//! Histories of an instance, chosen by a seed: publications, faults of the store, crashes, upgrades, refusals and
//! failed trials in any order, with the rules checked after each step.

mod process;
mod publisher;
mod random;
mod world;

use world::World;

const HISTORIES: u64 = 3000;
const STEPS: usize = 120;

#[test]
fn every_history_keeps_the_rules_and_ends_on_the_published_text() {
    let mut seen = world::Seen::default();
    for seed in 0..HISTORIES {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step();
        }
        world.settle();
        seen.add(&world.seen);
    }
    seen.assert_all();
}
