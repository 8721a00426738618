//! Byte rates of sessions.

use super::listing::{Rate, collect};
use super::rate_sampler::{Before, OLD_ENOUGH, Samples, TOO_OLD};
use crate::api_format::Moment;
use engine::{Observer, SessionDetail, SessionFilter, SessionView};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Limit of sessions with samples, which take some ten megabytes. Others have no rate once they are
/// older than [`YOUNG`].
const MOST_SAMPLED: usize = 100_000;
/// Age below which a session's rate is its average. Covers sessions that began between two polls of
/// a client that polls every second.
const YOUNG: Duration = Duration::from_secs(2);

/// Bytes of a session, up and down.
type Bytes = (u64, u64);

/// Lists sessions with their rates. Runs one query at a time, so that many clients take no more of
/// the workers' time than one.
///
/// All queries share one set of samples per session, so the memory does not grow with the clients.
#[derive(Default)]
pub(super) struct SessionRates {
    turn: tokio::sync::Mutex<()>,
    samples: Mutex<HashMap<u64, Samples<Bytes>>>,
}

impl SessionRates {
    /// Finds sessions, without their rates.
    pub(super) async fn find(
        &self,
        observer: &Observer,
        filter: &SessionFilter,
        detail: SessionDetail,
    ) -> Vec<SessionView> {
        let _turn = self.turn.lock().await;
        collect(observer, filter, detail).await
    }

    /// Finds sessions and their rates. Queries the workers twice if the rate of a session is
    /// unknown.
    pub(super) async fn find_with_rates(
        &self,
        observer: &Observer,
        filter: &SessionFilter,
        detail: SessionDetail,
    ) -> Vec<(SessionView, Option<Rate>)> {
        let found = self.rate(self.find(observer, filter, detail).await);
        let all_known = found.iter().all(|(_, rate)| rate.is_some());
        if all_known || self.is_full() {
            return found;
        }
        tokio::time::sleep(OLD_ENOUGH).await;
        self.rate(self.find(observer, filter, detail).await)
    }

    /// Adds TCP_INFO of both connections to these sessions, unless they end meanwhile.
    pub(super) async fn add_tcp(
        &self,
        observer: &Observer,
        shown: &mut [(SessionView, Option<Rate>)],
    ) {
        let ids = shown.iter().map(|(view, _)| view.id).collect();
        let filter = SessionFilter { ids: Some(Arc::new(ids)), ..SessionFilter::default() };
        let found = self.find(observer, &filter, SessionDetail::Tcp).await;
        let found: HashMap<_, _> = found.into_iter().map(|view| (view.id, view)).collect();
        for (view, _) in shown {
            if let Some(found) = found.get(&view.id) {
                (view.client_tcp, view.target_tcp) = (found.client_tcp, found.target_tcp);
                // Depends on the connections under a `rate`.
                (view.up.stalled, view.down.stalled) = (found.up.stalled, found.down.stalled);
            }
        }
    }

    /// Adds a sample for each session, and computes the rates.
    fn rate(&self, views: Vec<SessionView>) -> Vec<(SessionView, Option<Rate>)> {
        let (now, mut samples) = (Instant::now(), self.samples());
        let moment = Moment::now().monotonic;
        let is_polled = !samples.is_empty();
        let with_rate = |view: SessionView| {
            let (up, down) = (view.up.bytes, view.down.bytes);
            let has_place = samples.len() < MOST_SAMPLED || samples.contains_key(&view.id);
            let own = has_place.then(|| samples.entry(view.id).or_default());
            let before = own.and_then(|own| own.add(now, (up, down)));
            let age = moment.since(view.accepted);
            let before = before.or_else(|| (is_polled && age < YOUNG).then(|| beginning(age)));
            let rate = before.map(|before| {
                let (up_then, down_then) = before.value;
                (before.per_second(up_then, up), before.per_second(down_then, down))
            });
            (view, rate)
        };
        views.into_iter().map(with_rate).collect()
    }

    /// Frees the samples that are too old by then.
    pub(super) async fn expire(self: Arc<Self>) {
        tokio::time::sleep(TOO_OLD).await;
        let mut samples = self.samples();
        samples.retain(|_, samples| !samples.are_too_old());
        if samples.is_empty() {
            // Frees the table, too.
            *samples = HashMap::new();
        }
    }

    /// Whether a second query would add no samples either.
    fn is_full(&self) -> bool {
        self.samples().len() >= MOST_SAMPLED
    }

    fn samples(&self) -> MutexGuard<'_, HashMap<u64, Samples<Bytes>>> {
        // No code panics while it holds the lock.
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sample at the begin of a session of this age.
fn beginning(age: Duration) -> Before<Bytes> {
    Before { value: (0, 0), elapsed: age.max(OLD_ENOUGH) }
}
