//! How fast numbers grow: the difference between two looks. The last look is kept for a while, so
//! that somebody who asks again and again need not wait for a second one.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Between two looks that are compared: long enough for a steady rate, short enough to wait for.
const OLD_ENOUGH: Duration = Duration::from_millis(300);
/// A look older than this says nothing about the last moments.
const TOO_OLD: Duration = Duration::from_secs(10);

/// Keeps the last look at something: `Of` says at what, `Seen` what it was.
pub(super) struct Meter<Of, Seen>(Mutex<Option<Arc<Look<Of, Seen>>>>);

/// What was seen at one moment.
struct Look<Of, Seen> {
    at: Instant,
    of: Of,
    seen: Seen,
}

/// An earlier look, and how long before the later one it was.
pub(super) struct Before<Of, Seen> {
    look: Arc<Look<Of, Seen>>,
    between: Duration,
}

impl<Of: Clone + PartialEq, Seen> Meter<Of, Seen> {
    /// Looks, twice if there is no look to compare with. `keep` takes what is to be compared out of
    /// an answer.
    pub(super) async fn measure<Answer, Failure, Looking>(
        &self,
        of: &Of,
        look: impl Fn() -> Looking,
        keep: impl Fn(&Answer) -> Seen,
    ) -> Result<(Answer, Before<Of, Seen>), Failure>
    where
        Looking: Future<Output = Result<Answer, Failure>>,
    {
        let seen = |answer: &Answer| {
            Arc::new(Look { at: Instant::now(), of: of.clone(), seen: keep(answer) })
        };
        let kept = self.last().clone().filter(|last| last.of == *of && !last.is_too_old());
        let before = match kept {
            Some(kept) => kept,
            None => seen(&look().await?),
        };
        tokio::time::sleep(OLD_ENOUGH.saturating_sub(before.at.elapsed())).await;
        let answer = look().await?;
        let now = seen(&answer);
        let between = now.at.duration_since(before.at);
        *self.last() = Some(now);
        Ok((answer, Before { look: before, between }))
    }
}

impl<Of, Seen> Meter<Of, Seen> {
    /// Forgets a look that nobody can use any more, when it is so.
    pub(super) async fn forget(&self) {
        tokio::time::sleep(TOO_OLD).await;
        self.last().take_if(|last| last.is_too_old());
    }

    fn last(&self) -> MutexGuard<'_, Option<Arc<Look<Of, Seen>>>> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Of, Seen> Default for Meter<Of, Seen> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<Of, Seen> Look<Of, Seen> {
    fn is_too_old(&self) -> bool {
        self.at.elapsed() >= TOO_OLD
    }
}

impl<Of, Seen> Before<Of, Seen> {
    /// What was seen then.
    pub(super) fn seen(&self) -> &Seen {
        &self.look.seen
    }

    /// The time between both looks.
    pub(super) fn between(&self) -> Duration {
        self.between
    }

    /// How fast a number grew that was `then` at the earlier look. One that began anew did not.
    #[expect(clippy::cast_precision_loss, reason = "a rate is shown with a few digits")]
    pub(super) fn per_second(&self, then: u64, now: u64) -> f64 {
        now.saturating_sub(then) as f64 / self.between.as_secs_f64()
    }
}
