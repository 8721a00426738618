//! What happens, for those who watch. Nobody is waited for: a watcher that falls too far behind
//! misses events, and is told so.

use api::EventName;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Events that a watcher may be behind.
const MOST_BEHIND: usize = 4096;

/// Something that happened.
#[derive(Debug)]
pub struct Event {
    /// Its name.
    pub name: EventName,
    /// What there is to say of it, as JSON.
    pub data: String,
}

impl Event {
    /// An event whose data is written as JSON.
    pub fn new(name: EventName, data: &impl Serialize) -> Self {
        // The types of `api` have text keys and no writers that fail.
        let data = serde_json::to_string(data).unwrap_or_default();
        Self { name, data }
    }
}

/// Where events are told, from any thread.
#[derive(Clone)]
pub struct Events {
    sender: broadcast::Sender<Arc<Event>>,
    /// Watchers who want to be told of each single session.
    of_sessions: Arc<AtomicUsize>,
}

impl Default for Events {
    /// Events without a watcher.
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(MOST_BEHIND), of_sessions: Arc::default() }
    }
}

impl Events {
    /// How many watch.
    pub fn watchers(&self) -> usize {
        self.sender.receiver_count()
    }

    /// Whether there is anybody to tell.
    pub fn are_watched(&self) -> bool {
        self.watchers() > 0
    }

    /// Tells it to all who watch; `data` is made only if somebody does.
    pub fn tell<T: Serialize>(&self, name: EventName, data: impl FnOnce() -> T) {
        if self.are_watched() {
            // Whoever watched may have gone meanwhile.
            let _ = self.sender.send(Arc::new(Event::new(name, &data())));
        }
    }

    /// Whether a watcher wants events of this name.
    pub fn wants(&self, name: EventName) -> bool {
        if name.is_of_every_session() { self.are_sessions_watched() } else { self.are_watched() }
    }

    /// The same of a single session: told if somebody wants to know of those.
    pub fn tell_of_session<T: Serialize>(&self, name: EventName, data: impl FnOnce() -> T) {
        if self.are_sessions_watched() {
            self.tell(name, data);
        }
    }

    /// Whether anybody wants to be told of single sessions.
    pub fn are_sessions_watched(&self) -> bool {
        self.of_sessions.load(Ordering::Relaxed) > 0
    }

    /// Events from now on: all, or those that are not of single sessions.
    pub fn watch(&self, sessions: bool) -> Watch {
        if sessions {
            self.of_sessions.fetch_add(1, Ordering::Relaxed);
        }
        let of_sessions = sessions.then(|| Arc::clone(&self.of_sessions));
        Watch { happened: self.sender.subscribe(), of_sessions }
    }
}

/// Somebody's place in the events.
pub struct Watch {
    happened: broadcast::Receiver<Arc<Event>>,
    of_sessions: Option<Arc<AtomicUsize>>,
}

impl Watch {
    /// The next event that is wanted.
    pub async fn next(&mut self) -> Result<Arc<Event>, RecvError> {
        loop {
            let event = self.happened.recv().await?;
            if self.of_sessions.is_some() || !event.name.is_of_every_session() {
                return Ok(event);
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(watchers) = &self.of_sessions {
            watchers.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
