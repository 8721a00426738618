//! Plays the cases of a group with all programs at the same time: nearly all of it is waiting.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use super::clients;
use super::program::Program;
use crate::failure::{Failure, Result};
use crate::trial::stage::Running;

/// How long a program may take from listening to serving its first client.
const FIRST_LIMIT: Duration = Duration::from_secs(20);

/// Time for the checks of all targets to have had two answers.
const CHECKED: Duration = Duration::from_secs(5);

/// A program with its result.
pub(super) type Played<'a, T> = (&'a Program, Result<T>);

/// The results of each case, in the order of the programs.
pub(super) fn all<'a, C: Sync, T: Send>(
    programs: &[&'a Program],
    cases: &[C],
    play: impl Fn(&Program, &C) -> Result<T> + Sync,
) -> Vec<Vec<Played<'a, T>>> {
    let play = &play;
    thread::scope(|scope| {
        let of_case = |case| {
            let start = |program: &&'a Program| {
                let program = *program;
                (program, scope.spawn(move || play(program, case)))
            };
            programs.iter().map(start).collect::<Vec<_>>()
        };
        let started: Vec<_> = cases.iter().map(of_case).collect();
        let end = |(program, thread): (_, thread::ScopedJoinHandle<'_, _>)| {
            let panicked = |_| Err(Failure::new("the case panicked"));
            (program, thread.join().unwrap_or_else(panicked))
        };
        started.into_iter().map(|threads| threads.into_iter().map(end).collect()).collect()
    })
}

/// Waits until a program serves a client, and its checks know its targets.
pub(super) fn settle(running: &Running) -> Result<()> {
    match clients::first_served(running.address, FIRST_LIMIT)? {
        Some(_) => {
            thread::sleep(CHECKED);
            Ok(())
        }
        None => Err(running.explain("it serves no client")),
    }
}

/// Waits until `time` after `begun`.
pub(super) fn wait_until(begun: Instant, time: Duration) {
    thread::sleep(time.saturating_sub(begun.elapsed()));
}

/// Addresses of three targets at this port.
pub(super) fn targets(port: u16) -> [SocketAddr; 3] {
    [1, 2, 3].map(|last| SocketAddr::from(([127, 0, 1, last], port)))
}
