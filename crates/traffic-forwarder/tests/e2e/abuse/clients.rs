//! Clients of a listener.

use std::io::Write as _;

use testkit::{Behaviour, LIMIT, Socket, connect, wait_until};

use super::{Abused, MIB};
use crate::support::{Config, messages, reset};

/// Clients per round.
const CROWD: usize = 100;
/// `max_sessions` in most tests, below the number of clients.
const PLACES: usize = 40;
/// Two sockets per session.
const FILES: usize = 2 * PLACES;
/// Accepted by one of two workers, and not yet refused or closed.
const ON_THE_WAY: usize = 64;

/// Spliced bytes wait in pipes of two descriptors each; the process bounds their number.
const PIPES: usize = 2 * 1024;

/// Memory of a session's lanes besides its table entry: one buffer each.
const BUFFERS: u64 = 2 * 64 * 1024 * PLACES as u64;

fn two_workers() -> Config {
    Config::new().process("workers = 2").log("format = 'json'\nsessions = false")
}

fn crowd(abused: &Abused) -> Vec<Socket> {
    (0..CROWD).filter_map(|_| connect(&abused.port).ok()).collect()
}

#[test]
fn a_flood_costs_no_more_than_the_limits_allow() {
    let process = two_workers().process(&format!("max_sessions = {PLACES}"));
    let settings = format!("max_sessions = {}", 2 * PLACES);
    let abused = Abused::start(process, Behaviour::Sink, &settings);
    let mut held = Vec::new();
    abused.beside("flood", FILES + ON_THE_WAY, 4 * MIB, || held = crowd(&abused));
    assert!(!held.is_empty());
    drop(held);
    abused.assert_released();
    let warnings =
        || messages(&abused.operated, "connections refused: max_sessions is reached").len();
    wait_until("a warning", LIMIT, || warnings() > 0);
    let count = warnings();
    assert!(
        (1..=8).contains(&count),
        "{count} warnings: refusals are summed up, not logged singly"
    );
}

/// The target sends without end, and no client reads.
#[test]
fn clients_that_read_nothing_hold_bounded_memory() {
    let settings = format!("max_sessions = {PLACES}");
    let abused = Abused::start(two_workers(), Behaviour::Source(u64::MAX), &settings);
    let mut slow = Vec::new();
    abused.beside(
        "clients that take nothing",
        FILES + ON_THE_WAY + PIPES,
        BUFFERS + 4 * MIB,
        || {
            if slow.is_empty() {
                slow = (0..PLACES).map(|_| connect(&abused.port).unwrap()).collect();
            }
        },
    );
    assert_eq!(abused.operated.sessions().len(), PLACES + 1);
    drop(slow);
    abused.assert_released();
}

/// Clients that connect and vanish: the idle timeout ends their sessions.
#[test]
fn the_idle_timeout_ends_abandoned_connections() {
    let settings = format!("max_sessions = {PLACES}\nidle_timeout = '300ms'");
    let abused = Abused::start(two_workers(), Behaviour::Stall, &settings);
    let mut forgotten = Vec::new();
    abused.beside("connect and forget", FILES + ON_THE_WAY, 4 * MIB, || {
        // The sockets of the last round stay open at the client's side.
        forgotten = crowd(&abused);
    });
    wait_until("places for others", LIMIT, || abused.operated.sessions().len() == 1);
    abused.assert_released();
    drop(forgotten);
}

#[test]
fn a_storm_of_resets_leaks_nothing() {
    let settings = format!("max_sessions = {PLACES}");
    let abused = Abused::start(two_workers(), Behaviour::Sink, &settings);
    abused.beside("resets", FILES + ON_THE_WAY, 4 * MIB, || {
        for mut client in crowd(&abused) {
            // The connection may already be refused.
            let _ = client.write_all(b"an abandoned request");
            reset(client);
        }
    });
    abused.assert_released();
    wait_until("no connection of the target's", LIMIT, || abused.target.open() == 0);
}
