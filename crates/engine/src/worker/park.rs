//! A worker parked for an upgrade.

use super::Worker;
use crate::upgrade::{Answer, Order, Parking};

impl Worker {
    /// Executes orders only, until it is ordered to resume or the sender of orders is gone.
    pub(crate) fn park(&mut self, parking: &Parking) {
        self.finish_walks();
        // The receiver may have timed out.
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
