//! Parks all workers between two turns, and lets them save their sessions.

use super::handoff::Handoff;
use super::orders::{Answer, Order, Parking};
use crate::engine::Engine;
use crate::message::Message;
use flow::Time;
use std::fmt;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use sys::Errno;
use sys::kernel::{Kernel, Linux};

/// Time limit for all workers to park and save: the sessions of parked workers wait meanwhile. A
/// thousand sessions take a millisecond; the limit is for an overloaded host.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// Rounds of saving. Another round is needed if a session was in transit between two workers.
const MOST_ROUNDS: usize = 3;

/// Why the workers could not be saved. They have resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotParked {
    /// A worker did not answer within the time limit.
    Silent,
    /// Sessions were in transit between workers in every round.
    Restless,
    /// A descriptor could not be marked to stay open over execve(2).
    Descriptor(Errno),
}

impl fmt::Display for NotParked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent => {
                write!(
                    f,
                    "the workers did not park and save their sessions within {} s",
                    ANSWER_LIMIT.as_secs()
                )
            }
            Self::Restless => f.write_str("sessions were in transit between workers"),
            Self::Descriptor(errno) => {
                write!(f, "a descriptor cannot be kept over execve(2): {}", sys::errno_text(*errno))
            }
        }
    }
}

/// Guard: all workers are parked. Dropping it resumes them.
pub struct Parked<'a, K: Kernel = Linux> {
    engine: &'a Engine<K>,
    orders: Vec<Sender<Order>>,
    answers: Receiver<Answer>,
    until: Time,
}

impl<K: Kernel> Engine<K> {
    /// Parks all workers between two turns.
    ///
    /// # Errors
    /// [`NotParked::Silent`] if a worker does not park within five seconds; all workers then resume.
    pub fn park(&self) -> Result<Parked<'_, K>, NotParked> {
        let until = self.shared.kernel.now().after(ANSWER_LIMIT);
        let (answer, answers) = channel();
        let mut orders = Vec::new();
        for mailbox in &self.shared.mailboxes {
            let (order, of_worker) = channel();
            orders.push(order);
            let parking = Parking { orders: of_worker, answers: answer.clone() };
            mailbox.send(Message::Park(parking));
        }
        // On failure, the drop resumes the workers that have parked.
        let parked = Parked { engine: self, orders, answers, until };
        for _ in &parked.orders {
            parked.answer()?;
        }
        Ok(parked)
    }
}

impl<K: Kernel> Parked<'_, K> {
    /// Saves the engine's state, and marks its descriptors to stay open over execve(2).
    ///
    /// # Errors
    /// Every variant of [`NotParked`]. Dropping this guard marks the descriptors close-on-exec again.
    pub fn save(&self) -> Result<Handoff<K>, NotParked> {
        for _ in 0..MOST_ROUNDS {
            let workers = self.save_workers()?;
            if !self.has_session_in_transit() {
                let forwards = self.engine.forwards.save(&self.engine.shared);
                let forwards = forwards.map_err(NotParked::Descriptor)?;
                return Ok(Handoff { forwards, workers, sockets: Vec::new() });
            }
        }
        Err(NotParked::Restless)
    }

    fn save_workers(&self) -> Result<Vec<Vec<u8>>, NotParked> {
        for order in &self.orders {
            order.send(Order::Save).map_err(|_| NotParked::Silent)?;
        }
        let mut workers = vec![Vec::new(); self.orders.len()];
        for _ in &self.orders {
            if let Answer::Saved(index, bytes) = self.answer()? {
                workers[index] = bytes.map_err(NotParked::Descriptor)?;
            }
        }
        Ok(workers)
    }

    /// Whether a connection accepted by one worker still waits in the mailbox of another.
    fn has_session_in_transit(&self) -> bool {
        let mailboxes = &self.engine.shared.mailboxes;
        mailboxes.iter().any(|mailbox| mailbox.any(|it| matches!(it, Message::Adopt(_))))
    }

    fn answer(&self) -> Result<Answer, NotParked> {
        let kernel = &self.engine.shared.kernel;
        let left = self.until.since(kernel.now());
        kernel.wait_for(&self.answers, left).ok_or(NotParked::Silent)
    }
}

impl<K: Kernel> Drop for Parked<'_, K> {
    fn drop(&mut self) {
        for order in &self.orders {
            // Fails only if the worker has ended.
            let _ = order.send(Order::Resume);
        }
        self.engine.forwards.forget_saving();
    }
}
