//! How a changed configuration reaches the workers. What a worker does then is in `worker/walk`.

use crate::change::{Changes, Listening, in_memory};
use crate::listener::Listener;
use crate::message::Message;
use crate::rule::Route;
use crate::shared::Shared;
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// How long to wait for each worker to apply a change. A worker needs a millisecond, or ten for
/// thousands of listeners; the limit is for an overloaded host.
const CHANGE_LIMIT: Duration = Duration::from_secs(2);

/// Listener updates that attach the sockets of `listener` to `route`; none if the workers have it there.
pub(crate) fn attach(listener: &mut Listener, route: &Arc<Route>) -> Vec<(u32, Arc<Listening>)> {
    if !listener.set_route(route) {
        return Vec::new();
    }
    let update = |(number, socket): (u32, &Arc<_>)| {
        let listening = Listening { socket: Arc::clone(socket), route: Arc::clone(route) };
        (number, Arc::new(listening))
    };
    listener.sockets().map(update).collect()
}

/// Publishes the changes together with the removal of these listeners, and closes them.
pub(crate) fn remove(listeners: Vec<Listener>, mut changes: Changes, shared: &Arc<Shared>) {
    let sockets = listeners.iter().flat_map(Listener::sockets);
    changes.unlisten = sockets.map(|(number, _)| number).collect();
    publish(changes, shared);
    // The workers have let go of their sockets: with these the ports are free.
    listeners.iter().for_each(Listener::stop);
    drop(listeners);
}

/// Sends the changes to all workers, and waits until each has made them: when a change is reported as
/// done, it is. Timers of open sessions are set again meanwhile and after it.
pub(crate) fn publish(mut changes: Changes, shared: &Arc<Shared>) {
    if changes.is_empty() {
        return;
    }
    changes.stricter.sort_unstable_by_key(in_memory);
    let changes = Arc::new(changes);
    let (sender, done) = mpsc::channel();
    shared.broadcast(|| {
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
