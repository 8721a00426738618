//! Rates of counters: the difference between two samples. The last two samples are kept for a
//! while, so that a polling client need not wait for a second one, whatever other clients request
//! in between.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Minimum time between two compared samples: long enough for a steady rate, short enough to wait.
pub(super) const OLD_ENOUGH: Duration = Duration::from_millis(300);
/// Age at which a sample is too old to compare with.
pub(super) const TOO_OLD: Duration = Duration::from_secs(10);

/// The last two samples that are [`OLD_ENOUGH`] apart. The earlier one is old enough to compare
/// with, however young the later one is.
pub(super) struct Samples<Value> {
    later: Option<Sample<Value>>,
    earlier: Option<Sample<Value>>,
}

/// Counters at one moment.
struct Sample<Value> {
    at: Instant,
    value: Value,
}

/// An earlier sample.
pub(super) struct Before<Value> {
    pub(super) value: Value,
    /// Time since it was taken.
    pub(super) elapsed: Duration,
}

impl<Value: Clone> Samples<Value> {
    /// Adds a sample, and returns the last one with which it can be compared.
    pub(super) fn add(&mut self, at: Instant, value: Value) -> Option<Before<Value>> {
        let samples = [&self.later, &self.earlier];
        let before = samples.into_iter().flatten().find_map(|sample| sample.before(at));
        let since = self.later.as_ref().map(|sample| at.saturating_duration_since(sample.at));
        if since.is_none_or(|since| since >= OLD_ENOUGH) {
            self.earlier = self.later.replace(Sample { at, value });
        }
        before
    }
}

impl<Value> Samples<Value> {
    /// Whether all samples are too old to compare with.
    pub(super) fn are_too_old(&self) -> bool {
        self.later.as_ref().is_none_or(|sample| sample.at.elapsed() >= TOO_OLD)
    }
}

impl<Value> Default for Samples<Value> {
    fn default() -> Self {
        Self { later: None, earlier: None }
    }
}

impl<Value: Clone> Sample<Value> {
    fn before(&self, now: Instant) -> Option<Before<Value>> {
        let elapsed = now.saturating_duration_since(self.at);
        let is_usable = (OLD_ENOUGH..TOO_OLD).contains(&elapsed);
        is_usable.then(|| Before { value: self.value.clone(), elapsed })
    }
}

impl<Value> Before<Value> {
    /// Growth per second of a counter that was `then` in the earlier sample. Zero for a counter
    /// that was reset.
    #[expect(clippy::cast_precision_loss, reason = "a rate is shown with a few digits")]
    pub(super) fn per_second(&self, then: u64, now: u64) -> f64 {
        now.saturating_sub(then) as f64 / self.elapsed.as_secs_f64()
    }
}

/// Samples counters, and shares the samples among all clients.
pub(super) struct RateSampler<Value>(Mutex<Samples<Arc<Value>>>);

impl<Value> RateSampler<Value> {
    /// Reads an answer, and once more if there is no sample to compare with. `value` extracts the
    /// counters of an answer.
    pub(super) async fn measure<Answer, Failure, Reading>(
        &self,
        read: impl Fn() -> Reading,
        value: impl Fn(&Answer) -> Value,
    ) -> Result<(Answer, Before<Arc<Value>>), Failure>
    where
        Reading: Future<Output = Result<Answer, Failure>>,
    {
        loop {
            let answer = read().await?;
            let before = self.samples().add(Instant::now(), Arc::new(value(&answer)));
            if let Some(before) = before {
                return Ok((answer, before));
            }
            tokio::time::sleep(OLD_ENOUGH).await;
        }
    }

    /// Frees the samples once they are too old, unless newer ones have been added.
    pub(super) async fn expire(&self) {
        tokio::time::sleep(TOO_OLD).await;
        let mut samples = self.samples();
        if samples.are_too_old() {
            *samples = Samples::default();
        }
    }

    fn samples(&self) -> MutexGuard<'_, Samples<Arc<Value>>> {
        // No code panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Value> Default for RateSampler<Value> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The earlier samples with which samples at these moments, in milliseconds, are compared.
    fn compared(moments: &[u64]) -> Vec<Option<u64>> {
        let (start, mut samples) = (Instant::now(), Samples::default());
        let mut add = |at| samples.add(start + Duration::from_millis(at), at);
        moments.iter().map(|at| add(*at).map(|before| before.value)).collect()
    }

    #[test]
    fn concurrent_pollers_all_get_a_sample_that_is_old_enough() {
        assert_eq!(compared(&[0, 299, 300, 301]), [None, None, Some(0), Some(0)]);
        let every_eighth: Vec<_> = (0..100).map(|turn| turn * 125).collect();
        for (at, before) in every_eighth.iter().zip(compared(&every_eighth)).skip(3) {
            let between = at - before.expect("an earlier sample");
            assert!((300..1000).contains(&between), "{at}: {between}");
        }
    }

    #[test]
    fn old_samples_are_not_compared_with() {
        assert_eq!(compared(&[0, 9_999, 10_000, 10_298]), [None, Some(0), None, None]);
        assert_eq!(compared(&[0, 10_000, 10_300]), [None, None, Some(10_000)]);
    }
}
