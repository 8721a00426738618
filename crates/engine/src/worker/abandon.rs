//! The end of a worker whose process image was replaced. On Linux, execve(2) frees its memory; a simulation
//! does it here.

use super::Worker;
use crate::message::Message;
use crate::session::Session;
use sys::kernel::Kernel;

impl<K: Kernel> Worker<K> {
    /// Frees the memory of the worker. Ends no session: descriptors are those of the next process image.
    pub fn abandon(mut self) {
        for key in self.table.slots().keys() {
            if let Some(Session { permit, .. }) = self.table.remove(key) {
                permit.abandon();
            }
        }
        for message in self.context.mailbox.take() {
            if let Message::Adopt(accepted) = message {
                accepted.permit.abandon();
            }
        }
    }
}
