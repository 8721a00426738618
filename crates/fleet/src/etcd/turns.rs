//! The order in which a call tries the members.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep, sleep_until};

use super::failure::Failure;

/// Time for one member.
pub(super) const LIMIT: Duration = Duration::from_secs(3);
/// Time for a call. A reading is due every 10 s, so a store that is silent is noticed within 15 s.
const CALL_LIMIT: Duration = Duration::from_millis(4500);
/// Silence of a member after which the next one is asked as well. An answer takes a few milliseconds.
const STAGGER: Duration = Duration::from_secs(1);
/// Time after which no further round begins. A round with a frozen member takes 3.5 s; its answering ones need little of
/// the rest of [`CALL_LIMIT`].
const ROUNDS_LIMIT: Duration = Duration::from_secs(4);
/// Time between two rounds.
const ROUND_PAUSE: Duration = Duration::from_millis(200);

/// Asks the members `0..members`, from `first` on, until one gives a result. Repeats rounds in which a member has no
/// quorum or another leader, within [`ROUNDS_LIMIT`]: an election takes about two seconds. After [`CALL_LIMIT`], members
/// that have not answered count as silent. Requires that a repeated request does no harm.
///
/// Returns the number of the member with its result, or the failures of the last round in which a member answered.
pub(super) async fn ask<T, F, A>(
    members: usize,
    first: usize,
    attempt: F,
) -> Result<(usize, T), Vec<(usize, Failure)>>
where
    F: Fn(usize) -> A,
    A: Future<Output = Result<T, Failure>>,
{
    let (begin, mut first, mut last) = (Instant::now(), first, Vec::new());
    loop {
        let failures = match round(members, first, begin + CALL_LIMIT, &attempt).await {
            Ok(found) => return Ok(found),
            Err(failures) => failures,
        };
        let is_final = failures.iter().any(|(_, failure)| failure.is_final());
        let passing = failures.iter().find(|(_, failure)| failure.is_passing());
        match passing {
            // A member that answers comes before a frozen one, which would take the rest of the time.
            Some((member, _)) if !is_final && begin.elapsed() < ROUNDS_LIMIT => {
                (first, last) = (*member, failures);
            }
            // Their silence since then says less than their answer.
            None if !is_final && !last.is_empty() => return Err(last),
            _ => return Err(failures),
        }
        sleep(ROUND_PAUSE).await;
    }
}

async fn round<T, F, A>(
    members: usize,
    first: usize,
    until: Instant,
    attempt: &F,
) -> Result<(usize, T), Vec<(usize, Failure)>>
where
    F: Fn(usize) -> A,
    A: Future<Output = Result<T, Failure>>,
{
    let mut waiting = (0..members).map(|turn| (first + turn) % members);
    let mut running = FuturesUnordered::new();
    let mut asked = Vec::new();
    let mut failures: Vec<(usize, Failure)> = Vec::new();
    loop {
        if let Some(member) = waiting.next() {
            asked.push((member, Instant::now()));
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
            // A frozen member does not keep one waiting that has got a leader.
            () = sleep(STAGGER), if waiting.len() == 0
                && failures.iter().any(|(_, failure)| failure.is_passing()) => return Err(failures),
            () = sleep_until(until) => {
                asked.retain(|(member, _)| failures.iter().all(|(failed, _)| failed != member));
                let silent = asked.into_iter().map(|(it, at)| (it, Failure::Silent(at.elapsed())));
                failures.extend(silent);
                return Err(failures);
            }
        }
    }
}
