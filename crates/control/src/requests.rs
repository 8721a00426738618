//! Sources of requests to the supervisor: signals, tasks for the supervisor, and a timer.

use crate::handle::Task;
use crate::supervisor::Supervisor;
use plan::Plan;
use std::sync::Arc;
use std::time::Instant;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc};

/// Requests the shutdown of a serving process, as SIGTERM does.
#[derive(Clone, Default)]
pub struct Stopper(Arc<Notify>);

impl Stopper {
    /// Requests the shutdown. Does not wait for it.
    pub fn stop(&self) {
        self.0.notify_one();
    }
}

/// A request to the supervisor.
pub(crate) enum Request {
    /// Shut down, requested by this origin.
    Stop(&'static str),
    /// Reload the configuration.
    Reload,
    /// Reopen the log file, after log rotation moved it.
    ReopenLog,
    /// Upgrade in place to the installed program.
    Upgrade,
    /// A closure to run on the supervisor.
    Task(Task<Supervisor>),
    /// The moment given to [`Requests::next`] has passed.
    Due,
}

/// Signals that are handled as requests. One that was ignored at the start stays ignored (nohup(1),
/// background jobs of scripts), also in the next process image.
pub(crate) struct Signals {
    terminate: Option<Signal>,
    interrupt: Option<Signal>,
    hang_up: Option<Signal>,
    user1: Option<Signal>,
    user2: Option<Signal>,
}

impl Signals {
    pub(crate) fn new() -> std::io::Result<Self> {
        let heeded = |kind: SignalKind| {
            let is_ignored = sys::is_ignored(kind.as_raw_value());
            (!is_ignored).then(|| signal(kind)).transpose()
        };
        Ok(Self {
            terminate: heeded(SignalKind::terminate())?,
            interrupt: heeded(SignalKind::interrupt())?,
            hang_up: heeded(SignalKind::hangup())?,
            user1: heeded(SignalKind::user_defined1())?,
            user2: heeded(SignalKind::user_defined2())?,
        })
    }
}

/// Waits for a signal; forever for an ignored one.
async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => _ = signal.recv().await,
        None => std::future::pending().await,
    }
}

/// All sources of requests.
pub(crate) struct Requests {
    signals: Signals,
    /// All forwards are from the command line: there is no file to reload.
    has_no_file: bool,
    stopper: Stopper,
    tasks: mpsc::Receiver<Task<Supervisor>>,
}

impl Requests {
    pub(crate) fn new(
        signals: Signals,
        plan: &Plan,
        tasks: mpsc::Receiver<Task<Supervisor>>,
    ) -> Self {
        Self { signals, has_no_file: plan.config.is_none(), stopper: Stopper::default(), tasks }
    }

    pub(crate) fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Waits for the next request; returns [`Request::Due`] at `due`. Picks among ready sources at
    /// random, so that a busy task queue does not delay the timer.
    pub(crate) async fn next(&mut self, due: Option<Instant>) -> Request {
        tokio::select! {
            () = received(&mut self.signals.terminate) => Request::Stop("SIGTERM"),
            () = received(&mut self.signals.interrupt) => Request::Stop("SIGINT"),
            () = self.stopper.0.notified() => Request::Stop("itself"),
            // The terminal on which the forwards were typed is closed.
            () = received(&mut self.signals.hang_up) =>
                if self.has_no_file { Request::Stop("SIGHUP") } else { Request::Reload },
            () = received(&mut self.signals.user1) => Request::ReopenLog,
            () = received(&mut self.signals.user2) => Request::Upgrade,
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
