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

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// The answer of a member to one request, and the time that it takes.
    type Reply = (Duration, Result<(), Failure>);

    const AT_ONCE: Duration = Duration::ZERO;
    /// Longer than any limit.
    const FROZEN: Reply = (Duration::from_secs(3600), Ok(()));

    fn refuses() -> Reply {
        (AT_ONCE, Err(Failure::NoQuorum))
    }

    fn is_down() -> Reply {
        (AT_ONCE, Err(Failure::Lost("closed".to_owned())))
    }

    /// The members with the times at which they were asked, in milliseconds, and the result.
    struct Played {
        asked: Vec<(usize, u128)>,
        result: Result<usize, Vec<(usize, Failure)>>,
        took: u128,
    }

    /// Asks three members from `first` on. `reply` has the time since the begin.
    fn play(first: usize, reply: impl Fn(usize, Duration) -> Reply) -> Played {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (begin, asked) = (Instant::now(), RefCell::new(Vec::new()));
            let attempt = |member| {
                asked.borrow_mut().push((member, begin.elapsed().as_millis()));
                let (takes, result) = reply(member, begin.elapsed());
                async move {
                    sleep(takes).await;
                    result
                }
            };
            let result = ask(3, first, attempt).await.map(|(member, ())| member);
            let took = begin.elapsed().as_millis();
            Played { asked: asked.into_inner(), result, took }
        })
    }

    #[test]
    fn the_member_that_answered_last_is_asked_alone() {
        for first in 0..3 {
            let played = play(first, |_, _| (Duration::from_millis(900), Ok(())));
            assert_eq!((played.result.unwrap(), played.asked), (first, vec![(first, 0)]));
        }
    }

    #[test]
    fn after_a_failure_the_next_one_is_asked_at_once_and_the_first_follows_the_last() {
        let played = play(1, |member, _| if member == 0 { (AT_ONCE, Ok(())) } else { is_down() });
        assert_eq!(played.asked, [(1, 0), (2, 0), (0, 0)]);
        assert_eq!(played.result.unwrap(), 0);
        let played = play(2, |_, _| is_down());
        assert_eq!(played.asked, [(2, 0), (0, 0), (1, 0)]);
        let failed: Vec<_> = played.result.unwrap_err().into_iter().map(|it| it.0).collect();
        assert_eq!((failed, played.took), (vec![2, 0, 1], 0), "no second round");
    }

    #[test]
    fn after_a_second_of_silence_the_next_one_is_asked_beside_it() {
        let late = Duration::from_millis(1500);
        let played = play(0, |member, _| if member == 0 { (late, Ok(())) } else { FROZEN });
        assert_eq!(played.asked, [(0, 0), (1, 1000)]);
        assert_eq!((played.result.unwrap(), played.took), (0, late.as_millis()));
        let played = play(0, |member, _| if member == 2 { (AT_ONCE, Ok(())) } else { FROZEN });
        assert_eq!(played.asked, [(0, 0), (1, 1000), (2, 2000)]);
        assert_eq!(played.result.unwrap(), 2);
        let played = play(0, |_, _| FROZEN);
        assert_eq!(played.took, CALL_LIMIT.as_millis());
        let failures = played.result.unwrap_err();
        assert!(failures.iter().all(|(_, it)| matches!(it, Failure::Silent(_))), "{failures:?}");
    }

    #[test]
    fn an_election_is_waited_for_in_rounds_that_begin_with_a_member_that_answers() {
        let elected = Duration::from_millis(1900);
        let played = play(0, |member, now| match member {
            0 => is_down(),
            _ if now < elected => refuses(),
            member => (AT_ONCE, if member == 2 { Ok(()) } else { Err(Failure::NoQuorum) }),
        });
        assert_eq!(played.asked[..6], [(0, 0), (1, 0), (2, 0), (1, 200), (2, 200), (0, 200)]);
        assert_eq!(played.asked.last(), Some(&(2, 2000)));
        assert_eq!((played.result.unwrap(), played.took), (2, 2000));
        let played = play(0, |member, _| if member == 0 { FROZEN } else { refuses() });
        assert!(played.took <= CALL_LIMIT.as_millis(), "{}", played.took);
        let failures = played.result.unwrap_err();
        assert!(failures.iter().any(|(_, it)| matches!(it, Failure::NoQuorum)), "{failures:?}");
        // The frozen one is asked first once, and then last.
        assert_eq!(played.asked[..3], [(0, 0), (1, 1000), (2, 1000)]);
        assert_ne!(played.asked[3].0, 0);
    }

    #[test]
    fn a_refusal_that_every_member_would_give_ends_the_call() {
        let denied = |_, _| {
            let message = "etcdserver: permission denied".to_owned();
            (AT_ONCE, Err(Failure::Refused { code: 7, message }))
        };
        let played = play(1, denied);
        assert_eq!(played.asked, [(1, 0)]);
        assert_eq!(played.result.unwrap_err().len(), 1);
    }

    #[test]
    fn a_refusal_that_is_not_of_etcd_leaves_the_other_members() {
        let refused = || Failure::Refused { code: 3, message: "bad request".to_owned() };
        let played =
            play(0, |member, _| (AT_ONCE, if member == 1 { Ok(()) } else { Err(refused()) }));
        assert_eq!((played.asked, played.result.unwrap()), (vec![(0, 0), (1, 0)], 1));
        let played = play(0, |_, _| (AT_ONCE, Err(refused())));
        assert_eq!(played.result.unwrap_err().len(), 3, "each has refused");
    }
}
