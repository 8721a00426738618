//! Sources of requests to the supervisor: signals, tasks for the supervisor, and a timer.

use crate::handle::Task;
use crate::supervisor::Supervisor;
use plan::Plan;
use std::sync::Arc;
use std::time::Instant;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc};

/// Asks a serving process to shut down, as SIGTERM does.
#[derive(Clone, Default)]
pub struct Stopper(Arc<Notify>);

impl Stopper {
    /// Asks.
    pub fn stop(&self) {
        self.0.notify_one();
    }
}

/// One thing that is wanted.
pub(crate) enum Request {
    /// An end, by whom.
    Stop(&'static str),
    /// The configuration is to be read again.
    Reload,
    /// The log's file was moved away: begin a new one.
    ReopenLog,
    /// The program's file was replaced: become the new one.
    Upgrade,
    /// Something for the supervisor to do.
    Task(Task<Supervisor>),
    /// The moment given to [`Requests::next`] has passed.
    Due,
}

/// The signals that are requests.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    user1: Signal,
    user2: Signal,
}

impl Signals {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            user1: signal(SignalKind::user_defined1())?,
            user2: signal(SignalKind::user_defined2())?,
        })
    }
}

/// All sources of requests.
pub(crate) struct Requests {
    signals: Signals,
    /// All forwards are from the command line: SIGHUP has no file to reload.
    typed: bool,
    stopper: Stopper,
    tasks: mpsc::Receiver<Task<Supervisor>>,
}

impl Requests {
    pub(crate) fn new(
        signals: Signals,
        plan: &Plan,
        tasks: mpsc::Receiver<Task<Supervisor>>,
    ) -> Self {
        Self { signals, typed: plan.config.is_none(), stopper: Stopper::default(), tasks }
    }

    pub(crate) fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Waits for the next request; returns [`Request::Due`] at `due`. Picks among ready sources at
    /// random, so that a busy task queue does not delay the timer.
    pub(crate) async fn next(&mut self, due: Option<Instant>) -> Request {
        tokio::select! {
            _ = self.signals.terminate.recv() => Request::Stop("SIGTERM"),
            _ = self.signals.interrupt.recv() => Request::Stop("SIGINT"),
            () = self.stopper.0.notified() => Request::Stop("itself"),
            // The terminal is gone, and with it whoever typed the forwards.
            _ = self.signals.hang_up.recv() =>
                if self.typed { Request::Stop("SIGHUP") } else { Request::Reload },
            _ = self.signals.user1.recv() => Request::ReopenLog,
            _ = self.signals.user2.recv() => Request::Upgrade,
            Some(task) = self.tasks.recv() => Request::Task(task),
            () = until(due) => Request::Due,
        }
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        // An idle process sleeps.
        None => std::future::pending().await,
    }
}
