//! How fast numbers grow: the difference between two looks. The last two looks are kept for a while,
//! so that somebody who asks again and again need not wait for a second one, however many others ask
//! in between.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Between two looks that are compared: long enough for a steady rate, short enough to wait for.
pub(super) const OLD_ENOUGH: Duration = Duration::from_millis(300);
/// A look older than this says nothing about the last moments.
pub(super) const TOO_OLD: Duration = Duration::from_secs(10);

/// The last two looks at something that are [`OLD_ENOUGH`] apart: so the earlier one can always be
/// compared with, no matter how shortly ago the later one was.
pub(super) struct Looks<Seen> {
    later: Option<Look<Seen>>,
    earlier: Option<Look<Seen>>,
}

/// What was seen at one moment.
struct Look<Seen> {
    at: Instant,
    seen: Seen,
}

/// What was seen before, and how long before.
pub(super) struct Before<Seen> {
    pub(super) seen: Seen,
    pub(super) between: Duration,
}

impl<Seen: Clone> Looks<Seen> {
    /// Takes a look, and returns the last one that it can be compared with.
    pub(super) fn take(&mut self, at: Instant, seen: Seen) -> Option<Before<Seen>> {
        let looks = [&self.later, &self.earlier];
        let before = looks.into_iter().flatten().find_map(|look| look.before(at));
        let since = self.later.as_ref().map(|look| at.saturating_duration_since(look.at));
        if since.is_none_or(|since| since >= OLD_ENOUGH) {
            self.earlier = self.later.replace(Look { at, seen });
        }
        before
    }
}

impl<Seen> Looks<Seen> {
    /// Whether nobody can use them any more.
    pub(super) fn are_too_old(&self) -> bool {
        self.later.as_ref().is_none_or(|look| look.at.elapsed() >= TOO_OLD)
    }
}

impl<Seen> Default for Looks<Seen> {
    fn default() -> Self {
        Self { later: None, earlier: None }
    }
}

impl<Seen: Clone> Look<Seen> {
    fn before(&self, now: Instant) -> Option<Before<Seen>> {
        let between = now.saturating_duration_since(self.at);
        let is_of_use = (OLD_ENOUGH..TOO_OLD).contains(&between);
        is_of_use.then(|| Before { seen: self.seen.clone(), between })
    }
}

impl<Seen> Before<Seen> {
    /// How fast a number grew that was `then` at the earlier look. One that began anew did not.
    #[expect(clippy::cast_precision_loss, reason = "a rate is shown with a few digits")]
    pub(super) fn per_second(&self, then: u64, now: u64) -> f64 {
        now.saturating_sub(then) as f64 / self.between.as_secs_f64()
    }
}

/// The looks at one thing, for all who ask about it.
pub(super) struct Meter<Seen>(Mutex<Looks<Arc<Seen>>>);

impl<Seen> Meter<Seen> {
    /// Looks, and again if there is no look to compare with. `keep` takes what is to be compared out
    /// of an answer.
    pub(super) async fn measure<Answer, Failure, Looking>(
        &self,
        look: impl Fn() -> Looking,
        keep: impl Fn(&Answer) -> Seen,
    ) -> Result<(Answer, Before<Arc<Seen>>), Failure>
    where
        Looking: Future<Output = Result<Answer, Failure>>,
    {
        loop {
            let answer = look().await?;
            let before = self.looks().take(Instant::now(), Arc::new(keep(&answer)));
            if let Some(before) = before {
                return Ok((answer, before));
            }
            tokio::time::sleep(OLD_ENOUGH).await;
        }
    }

    /// Forgets looks that nobody can use any more, when it is so.
    pub(super) async fn forget(&self) {
        tokio::time::sleep(TOO_OLD).await;
        let mut looks = self.looks();
        if looks.are_too_old() {
            *looks = Looks::default();
        }
    }

    fn looks(&self) -> MutexGuard<'_, Looks<Arc<Seen>>> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Seen> Default for Meter<Seen> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the looks at these moments, in milliseconds, are compared with.
    fn compared(moments: &[u64]) -> Vec<Option<u64>> {
        let (start, mut looks) = (Instant::now(), Looks::default());
        let mut take = |at| looks.take(start + Duration::from_millis(at), at);
        moments.iter().map(|at| take(*at).map(|before| before.seen)).collect()
    }

    #[test]
    fn many_who_ask_are_all_given_a_look_that_is_old_enough() {
        assert_eq!(compared(&[0, 299, 300, 301]), [None, None, Some(0), Some(0)]);
        let every_eighth: Vec<_> = (0..100).map(|turn| turn * 125).collect();
        for (at, before) in every_eighth.iter().zip(compared(&every_eighth)).skip(3) {
            let between = at - before.expect("a look to compare with");
            assert!((300..1000).contains(&between), "{at}: {between}");
        }
    }

    #[test]
    fn what_is_too_old_is_not_compared_with() {
        assert_eq!(compared(&[0, 9_999, 10_000, 10_298]), [None, Some(0), None, None]);
        assert_eq!(compared(&[0, 10_000, 10_300]), [None, None, Some(10_000)]);
    }
}
