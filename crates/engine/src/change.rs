//! A changed configuration on its way to the workers, and what each does then: listeners come, go and
//! lead elsewhere, and living sessions get the new rules of their forwards.

use crate::accept::Listening;
use crate::forward::{Forward, Route};
use crate::listener::Listener;
use crate::mail::Message;
use crate::shared::Shared;
use crate::worker::Worker;
use std::collections::HashMap;
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// What changes, for all workers alike.
#[derive(Default)]
pub(crate) struct Changes {
    /// Listeners by number: new ones, and known ones that lead elsewhere from now on.
    pub(crate) listen: Vec<(u32, Arc<Listening>)>,
    /// Listeners that are given up.
    pub(crate) unlisten: Vec<u32>,
    /// New versions of forwards that may have sessions.
    pub(crate) forwards: Vec<Arc<Forward>>,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.listen.is_empty() && self.unlisten.is_empty() && self.forwards.is_empty()
    }
}

/// How long to wait for each worker to see to a change. A worker needs a millisecond; this is for
/// a host that hardly runs us.
const CHANGE_LIMIT: Duration = Duration::from_secs(2);

impl Worker {
    pub(crate) fn change(&mut self, changes: &Changes) {
        for (number, listening) in &changes.listen {
            self.listen(*number, Arc::clone(listening));
        }
        for number in &changes.unlisten {
            self.unlisten(*number);
        }
        if !changes.forwards.is_empty() {
            self.renew(&changes.forwards);
        }
    }

    /// Gives the sessions of these forwards the new version. What a session began with stays: its
    /// target, its paths, the options of its sockets.
    fn renew(&mut self, forwards: &[Arc<Forward>]) {
        // All versions of a forward share its gate.
        let gate = |forward: &Forward| Arc::as_ptr(&forward.gate);
        let versions: HashMap<_, _> =
            forwards.iter().map(|forward| (gate(forward), forward)).collect();
        let mut routes: HashMap<*const Route, Arc<Route>> = HashMap::new();
        for key in self.sessions.keys() {
            let Some(session) = self.sessions.get_mut(key) else { continue };
            let Some(forward) = versions.get(&gate(&session.route.forward)) else { continue };
            let route = routes
                .entry(Arc::as_ptr(&session.route))
                .or_insert_with(|| Arc::new(session.route.of(forward)));
            session.route = Arc::clone(route);
            if forward.draining || self.draining {
                session.flow.drain();
            } else {
                session.flow.resume();
            }
            // Its deadline may be earlier now.
            self.set_timer(key);
        }
    }
}

/// What a worker needs to know of a listener that leads to this route from now on.
pub(crate) fn lead(
    listener: &Listener,
    forward: &Arc<Forward>,
    route: &plan::Route,
    shared: &Shared,
) -> impl Iterator<Item = (u32, Arc<Listening>)> {
    listener.set_options(&forward.options);
    shared.own.add(&listener.reached_at());
    let route = Arc::new(Route::new(forward, route));
    listener.sockets().map(move |(number, socket)| {
        (number, Arc::new(Listening { socket: Arc::clone(socket), route: Arc::clone(&route) }))
    })
}

/// Carries the changes out, and closes these listeners with them.
pub(crate) fn give_up(listeners: Vec<Listener>, mut changes: Changes, shared: &Arc<Shared>) {
    let sockets = listeners.iter().flat_map(Listener::sockets);
    changes.unlisten = sockets.map(|(number, _)| number).collect();
    for listener in &listeners {
        shared.own.remove(&listener.reached_at());
    }
    tell(changes, shared);
    // The workers have let go of their sockets: with these the ports are free.
    listeners.iter().for_each(Listener::stop);
    drop(listeners);
}

/// Tells the workers, and waits until they have seen to it: when a change is reported as done, it
/// is.
pub(crate) fn tell(changes: Changes, shared: &Arc<Shared>) {
    if changes.is_empty() {
        return;
    }
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
