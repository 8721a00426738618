//! Verified traffic through all instances: long sessions of forwards that never change, and short ones of all.

mod clients;
mod session;
mod stream;
mod target;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::ledger::Ledger;
use super::texts::{TARGET_PORT, Texts};
use crate::failure::{Failure, Result};

pub(super) use clients::Load;
pub(super) use stream::{ADDRESS, Hello, compare};

/// Time for all long sessions to begin.
const BEGIN_LIMIT: Duration = Duration::from_secs(60);

/// The targets of all forwards, and later the clients.
#[derive(Debug)]
pub(super) struct Traffic {
    pub(super) ledger: Arc<Ledger>,
    targets: Option<JoinHandle<Result<()>>>,
    clients: Option<JoinHandle<Result<()>>>,
}

impl Traffic {
    /// Starts the targets.
    pub(super) fn start(ledger: Ledger) -> Result<Self> {
        let ledger = Arc::new(ledger);
        let listener = target::listen(TARGET_PORT)?;
        let shared = Arc::clone(&ledger);
        let targets = std::thread::spawn(move || target::serve(listener, &shared));
        Ok(Self { ledger, targets: Some(targets), clients: None })
    }

    /// Starts the clients, and waits until all long sessions are open.
    pub(super) fn begin(&mut self, texts: Texts, load: Load) -> Result<()> {
        let ledger = Arc::clone(&self.ledger);
        let clients = std::thread::spawn(move || clients::play(texts, load, &ledger));
        let clients = self.clients.insert(clients);
        let (begun, wanted) = (Instant::now(), texts.unchanged().len());
        while self.ledger.long.load(Ordering::SeqCst) < crate::stats::wide(wanted) {
            self.ledger.verdict()?;
            if begun.elapsed() > BEGIN_LIMIT || clients.is_finished() {
                let open = self.ledger.long.load(Ordering::SeqCst);
                return Err(Failure::new(format!("{open} of {wanted} long sessions have begun")));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Ends all sessions in order, and then the targets. Returns an error if any session went wrong.
    pub(super) fn finish(&mut self) -> Result<()> {
        self.ledger.clients_end.store(true, Ordering::SeqCst);
        join(self.clients.take())?;
        self.ledger.targets_end.store(true, Ordering::SeqCst);
        join(self.targets.take())?;
        self.ledger.verdict()
    }
}

fn join(thread: Option<JoinHandle<Result<()>>>) -> Result<()> {
    let words = "a thread of the traffic panicked";
    thread.map_or(Ok(()), |thread| thread.join().unwrap_or_else(|_| Err(Failure::new(words))))
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.ledger.clients_end.store(true, Ordering::SeqCst);
        self.ledger.targets_end.store(true, Ordering::SeqCst);
    }
}
