//! Events for watchers of the admin interface. Publishing never blocks: a watcher that falls too far
//! behind loses events and gets an error instead.

use api::EventName;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Maximum number of events that a watcher may lag behind.
const MOST_BEHIND: usize = 4096;

/// A published event.
#[derive(Debug)]
pub struct Event {
    /// The name in the `event:` line.
    pub name: EventName,
    /// The event's struct of crate `api`, as JSON.
    pub data: String,
}

impl Event {
    /// An event with `data` serialized as JSON.
    pub fn new(name: EventName, data: &impl Serialize) -> Self {
        // The types of `api` have text keys and no writers that fail.
        let data = serde_json::to_string(data).unwrap_or_default();
        Self { name, data }
    }
}

/// Publishes events to all watchers, from any thread.
#[derive(Clone)]
pub struct Events {
    sender: broadcast::Sender<Arc<Event>>,
    /// Number of watchers that subscribed to session events.
    of_sessions: Arc<AtomicUsize>,
}

impl Default for Events {
    /// A publisher without watchers.
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(MOST_BEHIND), of_sessions: Arc::default() }
    }
}

impl Events {
    /// The number of watchers.
    pub fn watchers(&self) -> usize {
        self.sender.receiver_count()
    }

    /// Whether there is a watcher.
    pub fn are_watched(&self) -> bool {
        self.watchers() > 0
    }

    /// Publishes an event. `data` is called only if there is a watcher.
    pub fn publish<T: Serialize>(&self, name: EventName, data: impl FnOnce() -> T) {
        if self.are_watched() {
            // The last watcher may have disconnected meanwhile.
            let _ = self.sender.send(Arc::new(Event::new(name, &data())));
        }
    }

    /// Whether a watcher subscribed to events of this name.
    pub fn wants(&self, name: EventName) -> bool {
        if name.is_of_every_session() { self.are_sessions_watched() } else { self.are_watched() }
    }

    /// Publishes a session event, if a watcher subscribed to those.
    pub fn publish_of_session<T: Serialize>(&self, name: EventName, data: impl FnOnce() -> T) {
        if self.are_sessions_watched() {
            self.publish(name, data);
        }
    }

    /// Whether a watcher subscribed to session events.
    pub fn are_sessions_watched(&self) -> bool {
        self.of_sessions.load(Ordering::Relaxed) > 0
    }

    /// Subscribes to events from now on: to all, or without session events.
    pub fn watch(&self, sessions: bool) -> Subscription {
        if sessions {
            self.of_sessions.fetch_add(1, Ordering::Relaxed);
        }
        let of_sessions = sessions.then(|| Arc::clone(&self.of_sessions));
        Subscription { receiver: self.sender.subscribe(), of_sessions }
    }
}

/// A watcher's position in the stream of events.
pub struct Subscription {
    receiver: broadcast::Receiver<Arc<Event>>,
    of_sessions: Option<Arc<AtomicUsize>>,
}

impl Subscription {
    /// Waits for the next event of this subscription.
    ///
    /// # Errors
    ///
    /// If events were lost because the watcher lagged, or there is no publisher left.
    pub async fn next(&mut self) -> Result<Arc<Event>, RecvError> {
        loop {
            let event = self.receiver.recv().await?;
            if self.of_sessions.is_some() || !event.name.is_of_every_session() {
                return Ok(event);
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(watchers) = &self.of_sessions {
            watchers.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
