//! How fast sessions move bytes.

use super::listing::{Rate, collect};
use super::meter::{Before, Meter};
use engine::{Observer, SessionView, Wanted};
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

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

/// The bytes of sessions, up and down, by number.
type Bytes = HashMap<u64, (u64, u64)>;

/// Looks at sessions, one at a time: a crowd that asks takes no more of the workers' time than one.
#[derive(Default)]
pub(super) struct Rates {
    turn: tokio::sync::Mutex<()>,
    meter: Meter<Question, Bytes>,
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
        let look = || async { Ok::<_, Infallible>(self.look(observer, question).await) };
        let Ok((views, before)) = self.meter.measure(question, look, |views| bytes(views)).await;
        let with_rate = |view: SessionView| {
            let rate = rate(&before, &view);
            (view, rate)
        };
        views.into_iter().map(with_rate).collect()
    }

    /// Forgets a look that nobody can use any more, when it is so.
    pub(super) async fn forget(self: Arc<Self>) {
        self.meter.forget().await;
    }
}

fn bytes(views: &[SessionView]) -> Bytes {
    let views = views.iter().take(MOST_KEPT);
    views.map(|view| (view.id, (view.up.bytes, view.down.bytes))).collect()
}

fn rate(before: &Before<Question, Bytes>, view: &SessionView) -> Option<Rate> {
    let (up, down) = match before.seen().get(&view.id) {
        Some(bytes) => *bytes,
        // It began since.
        None if view.age <= before.between() => (0, 0),
        None => return None,
    };
    Some((before.per_second(up, view.up.bytes), before.per_second(down, view.down.bytes)))
}
