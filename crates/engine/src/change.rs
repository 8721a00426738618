//! A changed configuration on its way to the workers: listeners come, go and lead elsewhere, and living
//! sessions get the new rules of their forwards. What a worker does then is in `walk`.

use crate::accept::Listening;
use crate::forward::{Forward, Route};
use crate::listener::Listener;
use crate::mail::Message;
use crate::shared::Shared;
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// What changes, for all workers alike.
#[derive(Default)]
pub(crate) struct Changes {
    /// Listeners by number: new ones, and known ones that lead elsewhere from now on.
    pub(crate) listen: Vec<(u32, Arc<Listening>)>,
    /// Listeners that are given up.
    pub(crate) unlisten: Vec<u32>,
    /// Forwards with rules under which open sessions may be due earlier than before, in the order of
    /// their addresses in memory.
    pub(crate) stricter: Vec<Arc<Forward>>,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.listen.is_empty() && self.unlisten.is_empty() && self.stricter.is_empty()
    }
}

fn in_memory(forward: &Arc<Forward>) -> usize {
    Arc::as_ptr(forward).addr()
}

/// Whether `forward` is one of [`Changes::stricter`].
pub(crate) fn is_among(stricter: &[Arc<Forward>], forward: &Arc<Forward>) -> bool {
    stricter.binary_search_by_key(&in_memory(forward), in_memory).is_ok()
}

/// How long to wait for each worker to see to a change. A worker needs a millisecond, or ten for
/// thousands of listeners; this is for a host that hardly runs us.
const CHANGE_LIMIT: Duration = Duration::from_secs(2);

/// What a worker needs to know of a listener that leads to this route from now on.
pub(crate) fn lead(
    listener: &Listener,
    forward: &Arc<Forward>,
    route: &plan::Route,
) -> impl Iterator<Item = (u32, Arc<Listening>)> {
    listener.set_options(&forward.rules().options);
    let route = Arc::new(Route::new(forward, route));
    listener.sockets().map(move |(number, socket)| {
        (number, Arc::new(Listening { socket: Arc::clone(socket), route: Arc::clone(&route) }))
    })
}

/// Carries the changes out, and closes these listeners with them.
pub(crate) fn give_up(listeners: Vec<Listener>, mut changes: Changes, shared: &Arc<Shared>) {
    let sockets = listeners.iter().flat_map(Listener::sockets);
    changes.unlisten = sockets.map(|(number, _)| number).collect();
    tell(changes, shared);
    // The workers have let go of their sockets: with these the ports are free.
    listeners.iter().for_each(Listener::stop);
    drop(listeners);
}

/// Tells the workers, and waits until they have seen to it: when a change is reported as done, it
/// is. Timers of open sessions are set again meanwhile and after it.
pub(crate) fn tell(mut changes: Changes, shared: &Arc<Shared>) {
    if changes.is_empty() {
        return;
    }
    changes.stricter.sort_unstable_by_key(in_memory);
    let changes = Arc::new(changes);
    let (sender, done) = mpsc::channel();
    shared.tell_all(|| {
        let sender = sender.clone();
        // Nobody waits any more if it took too long.
        let done = move |()| _ = sender.send(());
        Message::Change(Arc::clone(&changes), Box::new(done))
    });
    for _ in 0..shared.mailboxes.len() {
        if done.recv_timeout(CHANGE_LIMIT).is_err() {
            return;
        }
    }
}
