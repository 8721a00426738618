//! One session of `flow` against the simulated world: the bytes are its bad luck, the path, the kinds
//! of its sockets, and then one event after the other.

#![no_main]

#[path = "../../crates/flow/tests/world/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests of `flow` use more of it")]
mod world;

use flow::{PathChoice, Peer};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use std::time::Duration;
use world::{Event, World};

/// Enough to reach every state; longer histories only repeat themselves.
const MOST_EVENTS: usize = 200;

fuzz_target!(|bytes: &[u8]| {
    // Bytes that have run out are zeroes, not an error.
    let _ = play(&mut Unstructured::new(bytes));
});

fn play(bytes: &mut Unstructured<'_>) -> Result<()> {
    let faults = bytes.arbitrary()?;
    let choice = *bytes.choose(&[PathChoice::Auto, PathChoice::Copy, PathChoice::Splice])?;
    let mut world = World::new(choice, faults, bytes.arbitrary()?);
    for _ in 0..MOST_EVENTS {
        if bytes.is_empty() {
            break;
        }
        world.happens(event(bytes)?);
        world.check();
    }
    world.comes_to_an_end();
    Ok(())
}

fn event(bytes: &mut Unstructured<'_>) -> Result<Event> {
    let peer = *bytes.choose(&[Peer::Client, Peer::Target])?;
    Ok(match bytes.int_in_range(0..=8)? {
        0 | 1 => Event::Send(peer, count(bytes)?),
        2 | 3 => Event::Read(peer, count(bytes)?),
        4 => Event::Urgent(peer),
        5 => Event::Fin(peer),
        6 => Event::Reset(peer),
        7 => Event::Attach(peer),
        _ => match bytes.int_in_range(0..=20_000)? {
            0..=2_000 => Event::HandOver,
            millis => Event::Pass(Duration::from_millis(millis)),
        },
    })
}

/// Small, of a buffer's size, or large.
fn count(bytes: &mut Unstructured<'_>) -> Result<u64> {
    let most = *bytes.choose(&[10, 5_000, 400_000])?;
    bytes.int_in_range(1..=most)
}
