//! The open connections, with their places and the tasks that serve them.

use super::caller::Peer;
use super::places::{Admission, ConnectionId, DescriptorSource, Places};
use super::reserve::Reserve;
use host::AdminRole;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Pause after a failed accept(2), whose cause does not pass at once.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The connections of listeners that share their places.
pub(super) struct Connections {
    state: Mutex<State>,
    /// Notified when a place is free.
    freed: Notify,
}

struct State {
    places: Places,
    tasks: HashMap<ConnectionId, JoinHandle<()>>,
    next: ConnectionId,
    /// `None` for listeners that the process can do without.
    reserve: Option<Reserve>,
}

impl Connections {
    pub(super) fn new(places: Places, reserve: Option<Reserve>) -> Arc<Self> {
        let state = State { places, tasks: HashMap::new(), next: 0, reserve };
        Arc::new(Self { state: Mutex::new(state), freed: Notify::new() })
    }

    /// Waits for a place of an operator.
    pub(super) async fn enter_known(self: &Arc<Self>) -> Place {
        loop {
            let entered = self.with(|state| {
                let id = state.next_id();
                state.places.enter_known(id, AdminRole::Operate).then_some(id)
            });
            match entered {
                Some(id) => return Place { connections: Arc::clone(self), id },
                None => self.freed.notified().await,
            }
        }
    }

    /// Waits for a place of a caller that is not authorised yet, and ends the connection that had it.
    pub(super) async fn enter_unknown(self: &Arc<Self>) -> Place {
        loop {
            let now = Instant::now();
            let (id, admission) = self.with(|state| {
                let id = state.next_id();
                (id, state.places.enter_unknown(id, now))
            });
            match admission {
                Admission::Entered => {}
                Admission::Replaced(other) => self.end(other).await,
                Admission::WaitUntil(until) => {
                    tokio::time::sleep_until(until.into()).await;
                    continue;
                }
            }
            return Place { connections: Arc::clone(self), id };
        }
    }

    /// Frees a descriptor for a new connection, which `is_known` if its caller is authorised.
    pub(super) async fn free_descriptor(&self, is_known: bool) {
        match self.with(|state| state.places.descriptor_source(is_known, Instant::now())) {
            DescriptorSource::Connection(other) => self.end(other).await,
            DescriptorSource::WaitUntil(until) => tokio::time::sleep_until(until.into()).await,
            DescriptorSource::Reserve => {
                let release =
                    |state: &mut State| state.reserve.as_mut().is_some_and(Reserve::release);
                if !self.with(release) {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Opens the missing descriptors in reserve, if the host allows it.
    pub(super) fn refill_reserve(&self) {
        self.with(|state| {
            if let Some(reserve) = &mut state.reserve {
                reserve.refill();
            }
        });
    }

    /// Ends a connection, and waits until its socket is closed.
    async fn end(&self, id: ConnectionId) {
        if let Some(task) = self.with(|state| state.tasks.remove(&id)) {
            task.abort();
            // It was cancelled, or has ended meanwhile.
            let _ = task.await;
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        // Nothing panics while it holds the lock.
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn next_id(&mut self) -> ConnectionId {
        self.next += 1;
        self.next
    }
}

/// The place of a connection, which is free again on `Drop`.
pub(super) struct Place {
    connections: Arc<Connections>,
    id: ConnectionId,
}

impl Place {
    /// The connection as its handlers see it.
    pub(super) fn connection(&self, peer: Peer) -> Connection {
        Connection { connections: Arc::clone(&self.connections), id: self.id, peer }
    }

    /// Serves the connection in a task, which ends when a newer connection takes the place.
    pub(super) fn spawn(self, connection: impl Future + Send + 'static) {
        let (connections, id) = (Arc::clone(&self.connections), self.id);
        let task = tokio::spawn(async move {
            // Declared first, and so dropped last: the place is free once the socket is closed.
            let _place = self;
            // Errors of a connection, such as a closed peer, need no action.
            let _ = connection.await;
        });
        connections.with(|state| state.tasks.insert(id, task));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.with(|state| {
            state.places.leave(self.id);
            state.tasks.remove(&self.id);
        });
        self.connections.refill_reserve();
        self.connections.freed.notify_one();
    }
}

/// The connection of a request. An extension of the request.
#[derive(Clone)]
pub(super) struct Connection {
    connections: Arc<Connections>,
    id: ConnectionId,
    peer: Peer,
}

impl Connection {
    /// Its other end.
    pub(super) fn peer(&self) -> Peer {
        self.peer
    }

    /// Keeps the connection from now on: its caller is authorised. Returns false if there is no place for
    /// it.
    pub(super) fn recognise(&self, role: AdminRole) -> bool {
        self.connections.with(|state| state.places.recognise(self.id, role))
    }
}
