//! How fast sessions move bytes.

use super::listing::{Rate, collect};
use super::meter::{Before, Looks, OLD_ENOUGH, TOO_OLD};
use engine::{Observer, SessionFilter, SessionView};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Sessions whose bytes are remembered, in some ten megabytes. Those beyond have no rate once they
/// are no longer [`YOUNG`].
const MOST_KEPT: usize = 100_000;
/// Sessions that began since a viewer looked, who looks every second, are younger.
const YOUNG: Duration = Duration::from_secs(2);

/// Which sessions are asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Question {
    pub(super) id: Option<u64>,
    pub(super) forward: Option<String>,
    pub(super) client: Option<IpAddr>,
}

impl Question {
    fn filter(&self) -> SessionFilter {
        SessionFilter {
            ids: self.id.map(|id| Arc::new(HashSet::from([id]))),
            forward: self.forward.as_deref().map(Arc::from),
            client: self.client,
            // Of many, most are not shown.
            tcp: self.id.is_some(),
        }
    }
}

/// Bytes of a session, up and down.
type Bytes = (u64, u64);

/// Looks at sessions, one at a time: a crowd that asks takes no more of the workers' time than one.
///
/// What is remembered of a session is the same for all who look at it, whatever else they look at:
/// so viewers with different filters cost no more memory than one, and help each other.
#[derive(Default)]
pub(super) struct Rates {
    turn: tokio::sync::Mutex<()>,
    kept: Mutex<HashMap<u64, Looks<Bytes>>>,
}

impl Rates {
    /// The sessions, without their rates.
    pub(super) async fn look(&self, observer: &Observer, question: &Question) -> Vec<SessionView> {
        let _turn = self.turn.lock().await;
        collect(observer, &question.filter()).await
    }

    /// The sessions and their rates. Looks twice if there is one of which too little is known.
    pub(super) async fn look_with_rates(
        &self,
        observer: &Observer,
        question: &Question,
    ) -> Vec<(SessionView, Option<Rate>)> {
        let found = self.rate(self.look(observer, question).await);
        let all_known = found.iter().all(|(_, rate)| rate.is_some());
        if all_known || self.is_full() {
            return found;
        }
        tokio::time::sleep(OLD_ENOUGH).await;
        self.rate(self.look(observer, question).await)
    }

    /// Adds what the kernel knows of the connections of these sessions, unless they end meanwhile.
    pub(super) async fn add_tcp(
        &self,
        observer: &Observer,
        shown: &mut [(SessionView, Option<Rate>)],
    ) {
        let ids = shown.iter().map(|(view, _)| view.id).collect();
        let filter =
            SessionFilter { ids: Some(Arc::new(ids)), tcp: true, ..SessionFilter::default() };
        let _turn = self.turn.lock().await;
        let found = collect(observer, &filter).await.into_iter().map(|view| (view.id, view));
        let found: HashMap<_, _> = found.collect();
        for (view, _) in shown {
            if let Some(found) = found.get(&view.id) {
                (view.client_tcp, view.target_tcp) = (found.client_tcp, found.target_tcp);
            }
        }
    }

    /// Compares these with what is known of them, and remembers them.
    fn rate(&self, views: Vec<SessionView>) -> Vec<(SessionView, Option<Rate>)> {
        let (now, mut kept) = (Instant::now(), self.kept());
        let somebody_looked = !kept.is_empty();
        let with_rate = |view: SessionView| {
            let (up, down) = (view.up.bytes, view.down.bytes);
            let has_place = kept.len() < MOST_KEPT || kept.contains_key(&view.id);
            let looks = has_place.then(|| kept.entry(view.id).or_default());
            let before = looks.and_then(|looks| looks.take(now, (up, down)));
            let is_new = somebody_looked && view.age < YOUNG;
            let before = before.or_else(|| is_new.then(|| beginning(view.age)));
            let rate = before.map(|before| {
                let (up_then, down_then) = before.seen;
                (before.per_second(up_then, up), before.per_second(down_then, down))
            });
            (view, rate)
        };
        views.into_iter().map(with_rate).collect()
    }

    /// Forgets sessions that nobody has looked at for a while, when it is so.
    pub(super) async fn forget(self: Arc<Self>) {
        tokio::time::sleep(TOO_OLD).await;
        let mut kept = self.kept();
        kept.retain(|_, looks| !looks.are_too_old());
        if kept.is_empty() {
            // Its memory, too.
            *kept = HashMap::new();
        }
    }

    /// A second look would be forgotten like the first one.
    fn is_full(&self) -> bool {
        self.kept().len() >= MOST_KEPT
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<u64, Looks<Bytes>>> {
        // Nothing panics while it holds the lock.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A look at the beginning of a session that has this age.
fn beginning(age: Duration) -> Before<Bytes> {
    Before { seen: (0, 0), between: age.max(OLD_ENOUGH) }
}
