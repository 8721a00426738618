//! A worker parked for an upgrade.

use super::Worker;
use crate::upgrade::{Answer, Order, Parking};

impl Worker {
    /// Blocks and executes orders, until [`Order::Resume`] or the end of the channel.
    pub(crate) fn park(&mut self, parking: &Parking) {
        self.finish_walks();
        // Fails if the receiver has timed out.
        let _ = parking.answers.send(Answer::Parked);
        while let Ok(Order::Save) = parking.orders.recv() {
            self.read_mail();
            self.finish_walks();
            let saved = self.save();
            let _ = parking.answers.send(Answer::Saved(self.context.index, saved));
        }
        self.forget_saving();
    }
}
