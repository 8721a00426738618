//! The end of a worker whose process image was replaced. On Linux, execve(2) frees its memory; a simulation
//! frees it here.

use super::Worker;
use crate::message::Message;
use crate::permit::{Claim, Place};
use crate::session::Session;
use sys::kernel::Kernel;

impl<K: Kernel> Worker<K> {
    /// Frees the memory of the worker and ends no session. For simulated processes after execve(2): their
    /// handles are inert, and the next image has claimed the descriptors.
    pub fn abandon(mut self) {
        for key in self.table.slots().keys() {
            if let Some(mut session) = self.table.remove(key) {
                let of_proxy = session.proxied_mut().and_then(|proxied| proxied.claim.take());
                let Session { permit, mut connecting, .. } = session;
                let places = connecting.iter_mut().flat_map(|connecting| connecting.take_places());
                places.for_each(Place::abandon);
                let claim = connecting.and_then(|it| it.claim);
                claim.into_iter().chain(of_proxy).for_each(Claim::abandon);
                permit.abandon();
            }
        }
        for message in self.context.mailbox.take() {
            if let Message::Adopt(accepted) = message {
                accepted.permit.abandon();
                accepted.claim.into_iter().for_each(Claim::abandon);
            }
        }
    }
}
