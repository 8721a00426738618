//! Publishes a changed configuration to the workers, which apply it in `worker/walk`.

use crate::change::{Changes, Listening, in_memory};
use crate::leaving::Leaving;
use crate::listener::Listener;
use crate::message::Message;
use crate::rule::Route;
use crate::shared::Shared;
use crate::unapplied::Unapplied;
use std::pin::Pin;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use sys::kernel::{Kernel, Linux, Socket as _};

/// Time limit for the workers to apply a change. They need a millisecond, or ten for thousands of
/// listeners; the limit is for an overloaded host.
pub const CHANGE_LIMIT: Duration = Duration::from_secs(2);

/// A published change. It resolves when every worker has applied it; the addresses of removed listeners
/// are free then. Timers of open sessions may be set later.
///
/// If it is dropped before, the removed listeners are closed at once, and a late worker may still accept
/// from them for a moment.
#[must_use = "a change is done when every worker has applied it"]
pub struct Published<K: Kernel = Linux> {
    kernel: K,
    progress: Arc<Progress>,
    removed: Vec<Listener<K>>,
    leaving: Leaving<K>,
}

/// Counts the workers that have applied a change.
struct Progress {
    /// Number of workers that have not, and the waker of the waiting task.
    state: Mutex<(usize, Option<Waker>)>,
    unapplied: Arc<Unapplied>,
}

impl Progress {
    fn lock(&self) -> MutexGuard<'_, (usize, Option<Waker>)> {
        // No code panics while it holds the lock, so a poisoned lock guards a sound state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a worker that has applied the change.
    fn advance(&self) {
        let mut state = self.lock();
        state.0 -= 1;
        let is_applied = state.0 == 0;
        let waker = if is_applied { state.1.take() } else { None };
        drop(state);
        if is_applied {
            self.unapplied.end();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<K: Kernel> Published<K> {
    /// Blocks until the workers have applied the change, at most for [`CHANGE_LIMIT`].
    pub fn wait(mut self) {
        let (sender, applied) = channel();
        let waker = Waker::from(Arc::new(Signal(sender)));
        if Pin::new(&mut self).poll(&mut Context::from_waker(&waker)).is_pending() {
            // The last worker wakes, and the drop completes the change.
            let _ = self.kernel.wait_for(&applied, CHANGE_LIMIT);
        }
    }

    fn close_removed(&mut self) {
        // The workers have dropped their references: closing the listeners frees the addresses.
        self.removed.iter().for_each(Listener::stop);
        self.removed.clear();
        self.leaving = Leaving::default();
    }
}

/// No part of it is pinned.
impl<K: Kernel> Unpin for Published<K> {}

impl<K: Kernel> Future for Published<K> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.progress.lock();
        if state.0 > 0 {
            state.1 = Some(context.waker().clone());
            return Poll::Pending;
        }
        drop(state);
        self.close_removed();
        Poll::Ready(())
    }
}

impl<K: Kernel> Drop for Published<K> {
    fn drop(&mut self) {
        self.close_removed();
    }
}

/// Sends a message at each wake-up.
struct Signal(Sender<()>);

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        // Fails if the receiver has timed out.
        let _ = self.0.send(());
    }
}

/// Listener updates that attach the sockets of `listener` to `route`; none if they are attached already.
pub(crate) fn attach<K: Kernel>(
    listener: &mut Listener<K>,
    route: &Arc<Route>,
) -> Vec<(u32, Arc<Listening<K>>)> {
    if !listener.set_route(route) {
        return Vec::new();
    }
    let update = |(number, socket): (u32, &Arc<K::Socket>)| {
        let (socket, route) = (Arc::clone(socket), Arc::clone(route));
        let listening = Listening { is_mptcp: socket.is_mptcp(), socket, route };
        (number, Arc::new(listening))
    };
    listener.sockets().map(update).collect()
}

/// Sends the changes, and the removal of `removed`, to all workers. `leaving` keeps removed listeners
/// shareable until they are closed.
pub(crate) fn publish<K: Kernel>(
    mut changes: Changes<K>,
    removed: Vec<Listener<K>>,
    leaving: Leaving<K>,
    shared: &Shared<K>,
) -> Published<K> {
    let sockets = removed.iter().flat_map(Listener::sockets);
    changes.unlisten = sockets.map(|(number, _)| number).collect();
    changes.stricter.sort_unstable_by_key(in_memory);
    changes.repaced.sort_unstable_by_key(in_memory);
    changes.recounted.sort_unstable_by_key(in_memory);
    let changes = Arc::new(changes);
    // Also without listeners in it: in its present turn, a worker may admit clients by rules that it has
    // loaded before.
    let unapplied = Arc::clone(&shared.unapplied);
    unapplied.begin();
    let state = Mutex::new((shared.mailboxes.len(), None));
    let progress = Arc::new(Progress { state, unapplied });
    shared.broadcast(|| {
        let progress = Arc::clone(&progress);
        Message::Change(Arc::clone(&changes), Box::new(move |()| progress.advance()))
    });
    Published { kernel: shared.kernel.clone(), progress, removed, leaving }
}
