//! Changes the rights on the files of Unix listeners that stay.

use crate::bind::Fresh;
use crate::listener::Listener;
use crate::running::Forwards;
use crate::shared::Shared;
use flow::SocketRights;
use plan::ListenAddress;
use std::collections::HashMap;
use std::sync::Arc;
use sys::kernel::Kernel;

impl<K: Kernel> Forwards<K> {
    /// Notes the forwards whose rights cannot be set on their present listeners. Changes nothing.
    pub(crate) fn try_rights(
        &self,
        plans: &[Arc<plan::Forward>],
        fresh: &mut Fresh<'_, K>,
        shared: &Shared<K>,
    ) {
        let present: HashMap<&ListenAddress, &Listener<K>> =
            self.listeners().map(|listener| (&listener.address, listener)).collect();
        for (position, plan, address) in unix_listeners(plans) {
            let present = present.get(address).filter(|_| !fresh.listeners.contains_key(address));
            let Some(listener) = present else { continue };
            if let Err(error) = listener.try_rights(&shared.kernel, &plan.socket_rights) {
                fresh.note(position, plan, error);
            }
        }
    }

    /// Sets the rights on the files of present listeners, and notes the forwards for which that fails. If the whole
    /// change fails then, all are as before.
    pub(crate) fn change_rights(
        &mut self,
        plans: &[Arc<plan::Forward>],
        fresh: &mut Fresh<'_, K>,
        shared: &Shared<K>,
    ) {
        let all = self.running.iter_mut().flat_map(|running| &mut running.listeners);
        let mut present: HashMap<ListenAddress, &mut Listener<K>> =
            all.map(|listener| (listener.address.clone(), listener)).collect();
        let mut changed: Vec<(&ListenAddress, SocketRights)> = Vec::new();
        for (position, plan, address) in unix_listeners(plans) {
            let listener = present.get_mut(address);
            let listener = listener.filter(|_| !fresh.listeners.contains_key(address));
            let Some(listener) = listener else { continue };
            let before = listener.rights();
            match listener.change_rights(&shared.kernel, &plan.socket_rights) {
                Ok(()) => changed.push((address, before)),
                Err(error) => fresh.note(position, plan, error),
            }
        }
        if fresh.failed.is_empty() {
            return;
        }
        for (address, before) in changed {
            let listener = present.get_mut(address);
            // What could be changed can be changed back.
            let _ = listener.map(|listener| listener.change_rights(&shared.kernel, &before));
        }
    }
}

/// The Unix listeners of `plans`, each with its forward and the position of that.
fn unix_listeners(
    plans: &[Arc<plan::Forward>],
) -> impl Iterator<Item = (usize, &plan::Forward, &ListenAddress)> {
    plans.iter().enumerate().flat_map(|(position, plan)| {
        let addresses = plan.routes.iter().map(|route| &route.listen);
        let unix = addresses.filter(|address| matches!(address, ListenAddress::Unix(_)));
        unix.map(move |address| (position, &**plan, address))
    })
}
