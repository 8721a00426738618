//! Saves the forwards, their listeners and their counters, and restores them in the next process image.

use super::orders::Destination;
use super::tally::{saved_sums, saved_totals, sums, totals};
use super::unattached::{Bound, Unattached};
use crate::arrange::{Arranged, replace_routes};
use crate::bind::{Attempt, Policy};
use crate::forward::Forward;
use crate::passed::is_at;
use crate::running::{Forwards, Removed, Running, Unbound};
use crate::shared::Shared;
use flow::Time;
use handover::Standing;
use plan::ListenAddress;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use sys::FileId;
use sys::kernel::{Descriptor as _, Kernel};

impl<K: Kernel> Forwards<K> {
    /// Saves all forwards, and marks the listeners to stay open over execve(2).
    pub(super) fn save(&self, shared: &Shared<K>) -> sys::Result<handover::Forwards> {
        let mut listeners = Vec::new();
        let files: HashMap<&ListenAddress, FileId> =
            self.listeners().filter_map(|it| Some((&it.address, it.file_id()?))).collect();
        for (number, address, socket) in self.sockets() {
            socket.keep_over_exec()?;
            let file = files.get(&address).map(|id| vec![id.device, id.inode]);
            listeners.push(handover::Listener {
                fd: socket.number(),
                address: address.to_string(),
                number,
                file: file.unwrap_or_default(),
            });
        }
        let running = self.running.iter().map(saved_running);
        let now = shared.kernel.now();
        let removed = self.removed.iter().map(|removed| saved_removed(removed, now));
        Ok(handover::Forwards {
            forwards: running.chain(removed).filter(is_worth_saving).collect(),
            listeners,
            forgotten: saved_sums(&self.forgotten),
            next_id: shared.peek_next_id(),
            epolls: shared.epolls(),
        })
    }

    /// The sockets of all listeners with their numbers, and activated sockets that no forward listens on,
    /// with unused numbers.
    fn sockets(&self) -> impl Iterator<Item = (u32, ListenAddress, &Arc<K::Socket>)> {
        let listened = self.listeners().flat_map(|listener| {
            let address = || listener.address.clone();
            listener.sockets().map(move |(number, socket)| (number, address(), socket))
        });
        let passed: HashSet<&ListenAddress> =
            self.listeners().map(|listener| &listener.address).collect();
        let others = self.passed.all().filter(move |(address, _)| !passed.contains(address));
        let others = (self.next_number..).zip(others);
        listened.chain(others.map(|(number, (address, socket))| (number, address, socket)))
    }

    pub(super) fn forget_saving(&self) {
        for (_, _, socket) in self.sockets() {
            // Cannot fail for an open descriptor.
            let _ = socket.close_on_exec();
        }
    }

    /// Makes `plans` the running configuration, with the inherited listeners and counters, without
    /// publishing it to the workers. Also returns the required forwards that could not be bound: they
    /// are skipped, and keep their sessions.
    pub(super) fn take_over(
        &mut self,
        plans: &[Arc<plan::Forward>],
        saved: handover::Forwards,
        sockets: Vec<K::Socket>,
        shared: &Shared<K>,
    ) -> (Arranged<K>, Vec<Unbound>) {
        shared.raise_next_id(saved.next_id);
        self.forgotten = sums(&saved.forgotten);
        for saved in &saved.listeners {
            let Ok(address) = saved.address.parse::<ListenAddress>() else { continue };
            let Ok(socket) = shared.kernel.claim_socket(saved.fd) else { continue };
            if let ListenAddress::Activated(name) = &address {
                self.passed.add(name.clone(), socket);
                self.unattached.passed.entry(address).or_insert(saved.number);
            } else {
                let bound = Bound { number: Some(saved.number), socket, file: file_of(saved) };
                self.unattached.sockets.insert(address, bound);
            }
        }
        let numbers = saved.listeners.iter().map(|listener| listener.number);
        self.next_number = numbers.max().map_or(0, |last| last.saturating_add(1));
        self.find_addresses(plans, sockets, &shared.kernel);
        for forward in saved.forwards {
            self.restore_forward(forward, plans, shared);
        }
        let mut fresh = self.bind_what_is_new(plans, Policy::WhatCanBe, Attempt::Bind, shared);
        fresh.start(plans, shared);
        let unbound = fresh.required(plans);
        let arranged = self.arrange(plans, fresh, shared);
        self.unattached = Unattached::default();
        (arranged, unbound)
    }

    /// The forwards of restored sessions by name.
    pub(super) fn destinations(&self) -> BTreeMap<String, Destination> {
        let running = self.running.iter().map(|it| (&it.forward, &it.routes));
        let all = running.chain(self.removed.iter().map(|it| (&it.forward, &it.routes)));
        let by_name = |(forward, routes): (&Arc<Forward>, &Vec<_>)| {
            (forward.name.to_string(), Destination::new(forward, routes))
        };
        all.map(by_name).collect()
    }

    fn restore_forward(
        &mut self,
        saved: handover::Forward,
        plans: &[Arc<plan::Forward>],
        shared: &Shared<K>,
    ) {
        let counted = saved.totals.as_ref().map(totals).unwrap_or_default();
        let standing = saved.standing();
        if standing == Standing::Active {
            self.unattached.targets.insert(saved.name.clone(), saved.targets);
            self.unattached.totals.insert(saved.name, counted);
            return;
        }
        let begin = |plan: &plan::Forward| {
            let forward = Forward::new(plan, shared.mailboxes.len(), shared.next_forward());
            forward.counters.of(0).seed(&counted);
            forward.targets.inherit(saved.targets.clone());
            forward.set_draining(true);
            Arc::new(forward)
        };
        if standing == Standing::Removed {
            let Some(plan) = alone(&saved.removed_text) else { return };
            let now = shared.kernel.now();
            // Longer than the host is up: damaged.
            let since = now.as_micros().checked_sub(saved.removed_for);
            let since = since.map_or(now, Time::from_micros);
            let forward = begin(&plan);
            let routes = replace_routes(Vec::new(), &forward, &plan, &self.sets, now);
            self.removed.push(Removed { plan, forward, routes, since });
        } else if let Some(plan) = plans.iter().find(|plan| plan.name == saved.name) {
            let running = Running::new(Arc::clone(plan), begin(plan), Vec::new(), Vec::new());
            self.running.push(running);
        }
    }

    /// Asks the kernel for the addresses of sockets whose saved state was damaged.
    fn find_addresses(
        &mut self,
        plans: &[Arc<plan::Forward>],
        sockets: Vec<K::Socket>,
        kernel: &K,
    ) {
        let wanted: Vec<&ListenAddress> =
            plans.iter().flat_map(|plan| &plan.routes).map(|route| &route.listen).collect();
        for socket in sockets {
            let is_it = |address: &&&ListenAddress| is_at(kernel, address, &socket);
            if let Some(address) = wanted.iter().find(is_it) {
                self.unattached.sockets.entry((*address).clone()).or_insert(Bound {
                    number: None,
                    socket,
                    file: None,
                });
            }
        }
    }
}

fn file_of(saved: &handover::Listener) -> Option<FileId> {
    match saved.file[..] {
        [device, inode] => Some(FileId { device, inode }),
        _ => None,
    }
}

fn saved_running<K: Kernel>(running: &Running<K>) -> handover::Forward {
    let draining = running.forward.is_draining();
    let standing = if draining { Standing::Draining } else { Standing::Active };
    saved_forward(&running.plan, &running.forward, standing)
}

fn saved_removed(removed: &Removed, now: Time) -> handover::Forward {
    // Its text must be complete without files. Its lists decide only about clients whose PROXY header is awaited.
    let mut plan = plan::Forward::clone(&removed.plan);
    let settings = &mut plan.settings;
    let awaits_headers = settings.accept_proxy.is_some();
    (settings.allow, settings.deny) = match (settings.allow.allows_none(), awaits_headers) {
        (true, true) => (plan::PrefixList::default(), plan::PrefixList::all()),
        (false, true) => (settings.allow.without_files(), settings.deny.without_files()),
        (_, false) => Default::default(),
    };
    handover::Forward {
        removed_text: plan::forward_toml(&plan),
        removed_for: handover::micros(now.since(removed.since)),
        ..saved_forward(&removed.plan, &removed.forward, Standing::Removed)
    }
}

fn saved_forward(plan: &plan::Forward, forward: &Forward, standing: Standing) -> handover::Forward {
    let totals = forward.counters.totals();
    handover::Forward {
        name: plan.name.clone(),
        standing: standing.into(),
        totals: (!totals.is_nothing()).then(|| saved_totals(&totals)),
        targets: forward.targets.saved(),
        ..handover::Forward::default()
    }
}

/// Whether a forward differs from a new one: by its counters, its standing or the health of its targets.
fn is_worth_saving(forward: &handover::Forward) -> bool {
    let is_active = forward.standing() == Standing::Active;
    forward.totals.is_some() || !is_active || !forward.targets.is_empty()
}

/// The forward of a configuration text with one forward.
fn alone(text: &str) -> Option<Arc<plan::Forward>> {
    let config = Some(PathBuf::from("removed forward"));
    let reading = plan::read_text(&plan::Input { config, ..plan::Input::default() }, text);
    reading.plan?.forwards.pop()
}
