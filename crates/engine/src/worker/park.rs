//! A worker parked for an upgrade: its orders come by a channel, and it serves no session.

use super::Worker;
use crate::upgrade::{Answer, Order, Parking};
use sys::kernel::Kernel;

impl<K: Kernel> Worker<K> {
    /// Parks the worker, until [`Order::Resume`] or the end of the channel.
    pub(crate) fn park(&mut self, parking: Parking) {
        self.finish_walks();
        // The next process image does not know what waits to be reported.
        self.context.report_all();
        // Fails if the receiver has timed out.
        let _ = parking.answers.send(Answer::Parked);
        self.parked = Some(parking);
    }

    /// Executes an order to the parked worker.
    pub(crate) fn obey(&mut self, parking: Parking, order: Order) {
        self.context.now = self.context.kernel.now();
        match order {
            Order::Save => {
                self.read_mail();
                self.finish_walks();
                // Of the sessions that have come by mail.
                self.context.report_all();
                let saved = self.save();
                let _ = parking.answers.send(Answer::Saved(self.context.index, saved));
                self.parked = Some(parking);
            }
            Order::Resume => {
                self.forget_saving();
                self.finish_if_stopped();
            }
        }
    }
}
