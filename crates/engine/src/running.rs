//! The forwards that run, and how a new configuration takes the place of the old one: everything
//! new is bound first, then the workers are told, then what is left over is given up.

use crate::accept::Listening;
use crate::change::Changes;
use crate::counters::Sums;
use crate::forward::{Forward, Route};
use crate::forward_view::{ForwardState, ForwardView};
use crate::given::GivenSockets;
use crate::listen_error::{ListenCause, ListenError};
use crate::listener::Listener;
use crate::shared::Shared;
use crate::upgrade::Legacy;
use crate::worker::Message;
use plan::ListenAddress;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use sys::Errno;

/// How long to wait for each worker to see to a change. A worker needs a millisecond; this is for
/// a host that hardly runs us.
const CHANGE_LIMIT: Duration = Duration::from_secs(2);

/// One forward, and its listeners.
pub(crate) struct Running {
    pub(crate) plan: Arc<plan::Forward>,
    pub(crate) forward: Arc<Forward>,
    pub(crate) listeners: Vec<Listener>,
}

impl Running {
    fn runs_as(&self, plan: &plan::Forward) -> bool {
        self.plan.routes == plan.routes && self.plan.settings == plan.settings
    }
}

/// A forward that is no longer configured, and has sessions.
pub(crate) struct Removed {
    pub(crate) plan: Arc<plan::Forward>,
    pub(crate) forward: Arc<Forward>,
    pub(crate) since: Instant,
}

/// All forwards, and what is left of earlier ones.
#[derive(Default)]
pub(crate) struct Forwards {
    pub(crate) given: GivenSockets,
    pub(crate) running: Vec<Running>,
    pub(crate) removed: Vec<Removed>,
    /// What was counted of forwards that are forgotten.
    pub(crate) forgotten: Sums,
    pub(crate) next_number: u32,
    pub(crate) legacy: Legacy,
}

/// A forward that could not be bound.
#[derive(Clone, Debug)]
pub struct Unbound {
    /// Its position in the new configuration.
    pub position: usize,
    /// Why.
    pub error: ListenError,
}

/// A configuration that has taken the place of another, and that the workers do not know yet.
pub(crate) struct Arranged {
    skipped: Vec<Unbound>,
    changes: Changes,
    /// Listeners that nobody wants any more.
    spare: Vec<Listener>,
}

impl Arranged {
    /// Tells the workers. Returns the forwards that were skipped, because the configuration allows
    /// it.
    pub(crate) fn take_effect(self, shared: &Arc<Shared>) -> Vec<Unbound> {
        give_up(self.spare, self.changes, shared);
        self.skipped
    }
}

/// Listeners that were bound for a new configuration, by address.
#[derive(Default)]
pub(crate) struct Fresh {
    listeners: HashMap<ListenAddress, Listener>,
    skipped: Vec<Unbound>,
    pub(crate) failed: Vec<Unbound>,
}

impl Forwards {
    pub(crate) fn new(given: GivenSockets) -> Self {
        Self { given, ..Self::default() }
    }

    /// Makes `plans` what runs. If a forward cannot be bound that must be, nothing has changed.
    /// Returns those that were skipped, because the configuration allows it.
    pub(crate) fn apply(
        &mut self,
        plans: &[Arc<plan::Forward>],
        shared: &Arc<Shared>,
    ) -> Result<Vec<Unbound>, Vec<Unbound>> {
        let fresh = self.bind_what_is_new(plans, shared);
        if !fresh.failed.is_empty() {
            return Err(fresh.failed);
        }
        Ok(self.arrange(plans, fresh, shared).take_effect(shared))
    }

    /// Makes `plans` what runs, with what was bound for them, without a word to the workers.
    pub(crate) fn arrange(
        &mut self,
        plans: &[Arc<plan::Forward>],
        mut fresh: Fresh,
        shared: &Shared,
    ) -> Arranged {
        let skipped: HashSet<usize> =
            fresh.skipped.iter().map(|unbound| unbound.position).collect();
        let mut changes = Changes::default();
        let before = std::mem::take(&mut self.running);
        let mut before: HashMap<String, Running> =
            before.into_iter().map(|running| (running.plan.name.clone(), running)).collect();
        let mut spare: HashMap<ListenAddress, Listener> = before
            .values_mut()
            .flat_map(|running| std::mem::take(&mut running.listeners))
            .map(|listener| (listener.address.clone(), listener))
            .collect();
        for (position, plan) in plans.iter().enumerate() {
            if skipped.contains(&position) {
                continue;
            }
            let old = before.remove(&plan.name);
            let mut listener = |address: &ListenAddress| {
                spare.remove(address).or_else(|| fresh.listeners.remove(address))
            };
            let running = self.succeed(old, plan, shared, &mut listener, &mut changes);
            self.running.push(running);
        }
        self.retire(before.into_values(), &mut changes);
        Arranged { skipped: fresh.skipped, changes, spare: spare.into_values().collect() }
    }

    /// Binds the addresses that are not listened on yet.
    pub(crate) fn bind_what_is_new(
        &mut self,
        plans: &[Arc<plan::Forward>],
        shared: &Shared,
    ) -> Fresh {
        let mut fresh = Fresh::default();
        let known: HashSet<ListenAddress> = self
            .running
            .iter()
            .flat_map(|running| &running.listeners)
            .map(|listener| listener.address.clone())
            .collect();
        let drained: HashSet<String> = self
            .running
            .iter()
            .filter(|running| running.forward.draining)
            .map(|running| running.plan.name.clone())
            .collect();
        for (position, plan) in plans.iter().enumerate() {
            if drained.contains(&plan.name) {
                continue;
            }
            let wanted = plan.routes.iter().map(|route| &route.listen);
            let new: Vec<_> = wanted.filter(|address| !known.contains(*address)).collect();
            match self.bind(&new, plan, shared) {
                Ok(listeners) => fresh.listeners.extend(listeners),
                Err(error) if plan.optional => fresh.skipped.push(Unbound { position, error }),
                Err(error) => fresh.failed.push(Unbound { position, error }),
            }
        }
        fresh
    }

    /// Binds all of these addresses, or none.
    fn bind(
        &mut self,
        addresses: &[&ListenAddress],
        plan: &plan::Forward,
        shared: &Shared,
    ) -> Result<Vec<(ListenAddress, Listener)>, ListenError> {
        let options = Forward::options_of(plan);
        let mut listeners = Vec::with_capacity(addresses.len());
        for address in addresses {
            let number = self.next_number;
            let legacy = self.legacy.sockets.remove(*address);
            let listener = if let Some((known, socket)) = legacy {
                Ok(Listener::bound(known.unwrap_or(number), address, socket))
            } else {
                let number = self.legacy.given.remove(*address).unwrap_or(number);
                Listener::open(number, address, &options, &mut self.given)
            };
            let listener = listener.map_err(|error| match error.cause {
                ListenCause::Refused(Errno::ADDRINUSE) if shared.own.overlaps(address) => {
                    ListenError { cause: ListenCause::OurOwn, ..error }
                }
                _ => error,
            })?;
            self.next_number = self.next_number.max(listener.next_number());
            listeners.push(((*address).clone(), listener));
        }
        Ok(listeners)
    }

    /// The forward of `plan`, as the successor of `old` if there is one.
    fn succeed(
        &mut self,
        old: Option<Running>,
        plan: &Arc<plan::Forward>,
        shared: &Shared,
        listener: &mut dyn FnMut(&ListenAddress) -> Option<Listener>,
        changes: &mut Changes,
    ) -> Running {
        let same = old.as_ref().is_some_and(|old| old.runs_as(plan));
        let forward = match old {
            Some(old) if same => old.forward,
            Some(old) => next_version(&old.forward, plan, old.forward.draining, shared, changes),
            // One that comes back while it has sessions is the same forward again.
            None => match self.take_removed(&plan.name) {
                Some(removed) => next_version(&removed.forward, plan, false, shared, changes),
                None => self.first_version(plan, shared),
            },
        };
        let mut listeners = Vec::with_capacity(plan.routes.len());
        if !forward.draining {
            for route in &plan.routes {
                let Some(listener) = listener(&route.listen) else { continue };
                if !same {
                    changes.listen.extend(lead(&listener, &forward, route, shared));
                }
                listeners.push(listener);
            }
        }
        Running { plan: Arc::clone(plan), forward, listeners }
    }

    pub(crate) fn first_version(&mut self, plan: &plan::Forward, shared: &Shared) -> Arc<Forward> {
        let forward = Forward::new(plan, shared.mailboxes.len());
        if let Some(totals) = self.legacy.totals.remove(&plan.name) {
            forward.counters.of(0).go_on_from(&totals);
        }
        Arc::new(forward)
    }

    /// All forwards that may have sessions.
    pub(crate) fn all(&self) -> impl Iterator<Item = Arc<Forward>> + '_ {
        let running = self.running.iter().map(|running| &running.forward);
        running.chain(self.removed.iter().map(|removed| &removed.forward)).map(Arc::clone)
    }

    fn take_removed(&mut self, name: &str) -> Option<Removed> {
        let at = self.removed.iter().position(|removed| removed.plan.name == name)?;
        Some(self.removed.remove(at))
    }

    /// What is no longer configured lets its sessions end.
    fn retire(&mut self, gone: impl Iterator<Item = Running>, changes: &mut Changes) {
        for Running { plan, forward, .. } in gone {
            let forward = Arc::new(forward.drained());
            changes.forwards.push(Arc::clone(&forward));
            self.removed.push(Removed { plan, forward, since: Instant::now() });
        }
    }

    /// A forward takes no new sessions. False if it does not already.
    pub(crate) fn drain(&mut self, name: &str, shared: &Arc<Shared>) -> Option<bool> {
        let running = self.running.iter_mut().find(|running| running.plan.name == name)?;
        if running.forward.draining {
            return Some(false);
        }
        running.forward = Arc::new(running.forward.drained());
        let changes =
            Changes { forwards: vec![Arc::clone(&running.forward)], ..Changes::default() };
        give_up(std::mem::take(&mut running.listeners), changes, shared);
        Some(true)
    }

    /// A drained forward takes sessions again. False if it does anyway.
    pub(crate) fn resume(
        &mut self,
        name: &str,
        shared: &Arc<Shared>,
    ) -> Option<Result<bool, ListenError>> {
        let at = self.running.iter().position(|running| running.plan.name == name)?;
        if !self.running[at].forward.draining {
            return Some(Ok(false));
        }
        let plan = Arc::clone(&self.running[at].plan);
        let addresses: Vec<_> = plan.routes.iter().map(|route| &route.listen).collect();
        let listeners = match self.bind(&addresses, &plan, shared) {
            Ok(listeners) => listeners.into_iter().map(|(_, listener)| listener),
            Err(error) => return Some(Err(error)),
        };
        let running = &mut self.running[at];
        running.forward = Arc::new(running.forward.changed(&plan, false));
        running.listeners = listeners.collect();
        let routes = running.listeners.iter().zip(&plan.routes);
        let listen =
            routes.flat_map(|(listener, route)| lead(listener, &running.forward, route, shared));
        let changes = Changes {
            listen: listen.collect(),
            forwards: vec![Arc::clone(&running.forward)],
            ..Changes::default()
        };
        tell(changes, shared);
        Some(Ok(true))
    }

    /// Forgets removed forwards without sessions, and resets the sessions of those that were
    /// removed longer ago than `limit`.
    pub(crate) fn tidy(&mut self, limit: Option<Duration>, shared: &Shared) {
        let lives = |removed: &Removed| removed.forward.gate.taken() > 0;
        for removed in self.removed.iter().filter(|removed| !lives(removed)) {
            self.forgotten.add(&removed.forward.counters.totals());
        }
        self.removed.retain(lives);
        let over = |removed: &&Removed| limit.is_some_and(|limit| removed.since.elapsed() >= limit);
        for removed in self.removed.iter().filter(over) {
            shared.tell_all(|| Message::CutForward(Arc::clone(&removed.forward)));
        }
    }

    pub(crate) fn sums(&self) -> Sums {
        let mut sums = self.forgotten;
        for view in self.views() {
            sums.add(&view.totals());
        }
        sums
    }

    /// Closes all listeners: the process takes no more sessions.
    pub(crate) fn close(&mut self) {
        for running in &mut self.running {
            running.listeners.clear();
        }
    }

    pub(crate) fn leave_files(&mut self, is_kept: impl Fn(&ListenAddress) -> bool) {
        let listeners = self.running.iter_mut().flat_map(|running| &mut running.listeners);
        listeners.filter(|listener| is_kept(&listener.address)).for_each(Listener::leave_file);
    }

    pub(crate) fn listeners(&self) -> impl Iterator<Item = &Listener> {
        self.running.iter().flat_map(|running| &running.listeners)
    }

    pub(crate) fn views(&self) -> impl Iterator<Item = ForwardView<'_>> {
        let running = self.running.iter().map(|running| ForwardView {
            plan: &running.plan,
            state: if running.forward.draining {
                ForwardState::Draining
            } else {
                ForwardState::Active
            },
            forward: &running.forward,
            listeners: &running.listeners,
        });
        let removed = self.removed.iter().map(|removed| ForwardView {
            plan: &removed.plan,
            state: ForwardState::Removed,
            forward: &removed.forward,
            listeners: &[],
        });
        running.chain(removed)
    }
}

/// The forward by the rules of `plan`, for its living sessions too.
fn next_version(
    old: &Forward,
    plan: &plan::Forward,
    draining: bool,
    shared: &Shared,
    changes: &mut Changes,
) -> Arc<Forward> {
    let forward = Arc::new(old.changed(plan, draining));
    changes.forwards.push(Arc::clone(&forward));
    shared.tell(forward.gate.set_limit(plan.settings.max_sessions.get()));
    forward
}

/// What a worker needs to know of a listener that leads to this route from now on.
fn lead(
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
fn give_up(listeners: Vec<Listener>, mut changes: Changes, shared: &Arc<Shared>) {
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
fn tell(changes: Changes, shared: &Arc<Shared>) {
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
