//! How fast sessions move bytes: the difference between two looks. The last look is kept for a
//! while, so that somebody who asks again and again need not wait for a second one.

use super::listing::{Rate, collect};
use engine::{Observer, SessionView, Wanted};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Between two looks that are compared: long enough for a steady rate, short enough to wait for.
const OLD_ENOUGH: Duration = Duration::from_millis(300);
/// A look older than this says nothing about the last moments.
const TOO_OLD: Duration = Duration::from_secs(10);
/// Sessions whose bytes are remembered. Those beyond have no rate when they are asked for next.
const MOST_KEPT: usize = 100_000;

/// Which sessions are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) id: Option<u64>,
    pub(super) forward: Option<String>,
    pub(super) client: Option<IpAddr>,
}

impl Question {
    fn wanted(&self) -> Wanted {
        Wanted { id: self.id, forward: self.forward.as_deref().map(Arc::from), client: self.client }
    }
}

/// The bytes of sessions at one moment.
struct Sample {
    at: Instant,
    of: Question,
    bytes: HashMap<u64, (u64, u64)>,
}

/// Looks at sessions, one at a time: a crowd that asks takes no more of the workers' time than one.
#[derive(Default)]
pub(super) struct Rates {
    turn: tokio::sync::Mutex<()>,
    last: Mutex<Option<Arc<Sample>>>,
}

impl Rates {
    /// The sessions, without their rates.
    pub(super) async fn look(&self, observer: &Observer, question: &Question) -> Vec<SessionView> {
        let _turn = self.turn.lock().await;
        collect(observer, &question.wanted()).await
    }

    /// The sessions and their rates.
    pub(super) async fn look_twice(
        &self,
        observer: &Observer,
        question: &Question,
    ) -> Vec<(SessionView, Option<Rate>)> {
        let kept = self.last().clone().filter(|last| last.of == *question && !last.is_too_old());
        let before = match kept {
            Some(sample) => sample,
            None => Arc::new(Sample::new(question, &self.look(observer, question).await)),
        };
        tokio::time::sleep(OLD_ENOUGH.saturating_sub(before.at.elapsed())).await;
        let views = self.look(observer, question).await;
        let now = Sample::new(question, &views);
        let between = now.at.duration_since(before.at);
        *self.last() = Some(Arc::new(now));
        let with_rate = |view: SessionView| {
            let rate = before.rate(&view, between);
            (view, rate)
        };
        views.into_iter().map(with_rate).collect()
    }

    /// Forgets a look that nobody can use any more, when it is so.
    pub(super) async fn forget(self: Arc<Self>) {
        tokio::time::sleep(TOO_OLD).await;
        self.last().take_if(|last| last.is_too_old());
    }

    fn last(&self) -> MutexGuard<'_, Option<Arc<Sample>>> {
        // Nothing panics while it holds the lock.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sample {
    fn is_too_old(&self) -> bool {
        self.at.elapsed() >= TOO_OLD
    }

    fn new(of: &Question, views: &[SessionView]) -> Self {
        let bytes = views.iter().take(MOST_KEPT);
        let bytes = bytes.map(|view| (view.id, (view.up.bytes, view.down.bytes))).collect();
        Self { at: Instant::now(), of: of.clone(), bytes }
    }

    fn rate(&self, view: &SessionView, between: Duration) -> Option<Rate> {
        let (up, down) = match self.bytes.get(&view.id) {
            Some(bytes) => *bytes,
            // It began since.
            None if view.age <= between => (0, 0),
            None => return None,
        };
        let per_second = |now: u64, before: u64| {
            #[expect(clippy::cast_precision_loss, reason = "a rate is shown with a few digits")]
            let moved = now.saturating_sub(before) as f64;
            moved / between.as_secs_f64()
        };
        Some((per_second(view.up.bytes, up), per_second(view.down.bytes, down)))
    }
}
