//! What happens, for those who watch. Nobody is waited for: a watcher that falls too far behind
//! misses events, and is told so.

use serde::Serialize;
use std::sync::Arc;
use tokio::sync::broadcast;

/// Events that a watcher may be behind.
const MOST_BEHIND: usize = 4096;

/// Something that happened.
#[derive(Debug)]
pub(crate) struct Event {
    /// Its kind.
    pub(crate) name: &'static str,
    /// What there is to say of it, as JSON.
    pub(crate) data: String,
}

impl Event {
    pub(crate) fn new(name: &'static str, data: &impl Serialize) -> Self {
        // The types of `api` have text keys and no writers that fail.
        let data = serde_json::to_string(data).unwrap_or_default();
        Self { name, data }
    }
}

/// Where events are told, from any thread.
#[derive(Clone)]
pub(crate) struct Events(broadcast::Sender<Arc<Event>>);

impl Events {
    /// The last event of a watcher that was too slow.
    pub(crate) const LAGGED: &str = "lagged";

    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(MOST_BEHIND))
    }

    /// How many watch.
    pub(crate) fn watchers(&self) -> usize {
        self.0.receiver_count()
    }

    /// Whether there is anybody to tell.
    pub(crate) fn are_watched(&self) -> bool {
        self.watchers() > 0
    }

    /// Tells it to all who watch; `data` is made only if somebody does.
    pub(crate) fn tell<T: Serialize>(&self, name: &'static str, data: impl FnOnce() -> T) {
        if self.are_watched() {
            // Whoever watched may have gone meanwhile.
            let _ = self.0.send(Arc::new(Event::new(name, &data())));
        }
    }

    /// All events from now on.
    pub(crate) fn watch(&self) -> broadcast::Receiver<Arc<Event>> {
        self.0.subscribe()
    }
}
