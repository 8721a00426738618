//! The order in which a call tries the members.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep};

use super::failure::Failure;

/// Time for one member.
pub(super) const LIMIT: Duration = Duration::from_secs(3);
/// Silence of a member after which the next one is asked as well. An answer takes a few milliseconds.
const STAGGER: Duration = Duration::from_secs(1);
/// Time between two rounds.
const PAUSE: Duration = Duration::from_millis(200);

/// Asks the members `0..members`, from `first` on, until one gives a result. Repeats rounds in which a member has no
/// quorum, within [`LIMIT`]: an election takes about two seconds. Requires that a repeated request does no harm.
///
/// Returns the number of the member with its result, or the failures of the last round.
pub(super) async fn ask<T, F, A>(
    members: usize,
    first: usize,
    attempt: F,
) -> Result<(usize, T), Vec<(usize, Failure)>>
where
    F: Fn(usize) -> A,
    A: Future<Output = Result<T, Failure>>,
{
    let begin = Instant::now();
    loop {
        let failures = match round(members, first, &attempt).await {
            Ok(found) => return Ok(found),
            Err(failures) => failures,
        };
        let is_final = failures.iter().any(|(_, failure)| failure.is_final());
        let is_passing = failures.iter().any(|(_, failure)| failure.is_passing());
        if is_final || !is_passing || begin.elapsed() >= LIMIT {
            return Err(failures);
        }
        sleep(PAUSE).await;
    }
}

async fn round<T, F, A>(
    members: usize,
    first: usize,
    attempt: &F,
) -> Result<(usize, T), Vec<(usize, Failure)>>
where
    F: Fn(usize) -> A,
    A: Future<Output = Result<T, Failure>>,
{
    let mut waiting = (0..members).map(|turn| (first + turn) % members);
    let mut running = FuturesUnordered::new();
    let mut failures = Vec::new();
    loop {
        if let Some(member) = waiting.next() {
            let attempt = attempt(member);
            running.push(async move { (member, attempt.await) });
        }
        tokio::select! {
            answer = running.next() => match answer {
                Some((member, Ok(found))) => return Ok((member, found)),
                Some((member, Err(failure))) => {
                    let is_final = failure.is_final();
                    failures.push((member, failure));
                    if is_final {
                        return Err(failures);
                    }
                }
                None => return Err(failures),
            },
            () = sleep(STAGGER), if waiting.len() > 0 => {}
        }
    }
}
