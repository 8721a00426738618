//! A worker that has stopped for an upgrade.

use super::Worker;
use crate::upgrade::{Answer, Order, Parking};

impl Worker {
    /// Does nothing but what it is ordered to. Ends when it is to go on, or when nobody is left to
    /// give orders.
    pub(crate) fn park(&mut self, parking: &Parking) {
        self.finish_walking();
        // The receiver may have timed out.
        let _ = parking.answers.send(Answer::Parked);
        while let Ok(Order::Save) = parking.orders.recv() {
            self.read_mail();
            self.finish_walking();
            let saved = self.save();
            let _ = parking.answers.send(Answer::Saved(self.context.index, saved));
        }
        self.forget_saving();
    }
}
