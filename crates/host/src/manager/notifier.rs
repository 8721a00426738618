//! Messages to the service manager (sd_notify(3)).

use plan::counted;
use std::env;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use sys::NotifySocket;

/// How often the status is brought up to date.
pub const RENEW_EVERY: Duration = Duration::from_secs(5);
/// How long the manager shall wait for the end from each report on: a few of them may be late.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long the manager may take to read all that it was sent. Longer only if it is in trouble
/// itself, or at a reload of its own.
const READ_LIMIT: Duration = Duration::from_secs(2);

/// Tells the manager, if there is one.
#[derive(Clone)]
pub struct Notifier(Option<Arc<Line>>);

/// A line to a manager.
struct Line {
    socket: NotifySocket,
    told: Mutex<Told>,
    has_failed: AtomicBool,
}

/// What the manager knows.
#[derive(Default)]
struct Told {
    /// `None` until the first one.
    stage: Option<Stage>,
    status: String,
}

/// What the process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It serves.
    Serving {
        /// The number of forwards.
        forwards: usize,
        /// What was to be changed last was not.
        reload_failed: bool,
    },
    /// It takes no more sessions.
    Stopping,
}

impl Stage {
    /// One line for people.
    fn status(self, sessions: u32) -> String {
        let sessions = counted(sessions, "session");
        match self {
            Self::Serving { forwards, reload_failed } => {
                let forwards = counted(forwards, "forward");
                let failed = if reload_failed { "; the last reload failed" } else { "" };
                format!("{forwards}, {sessions}{failed}")
            }
            Self::Stopping => format!("stopping, {sessions} left"),
        }
    }
}

impl Notifier {
    /// A line to the manager that `NOTIFY_SOCKET` tells of.
    pub fn from_environment() -> Self {
        let address = env::var_os("NOTIFY_SOCKET").filter(|address| !address.is_empty());
        let Some(address) = address else { return Self(None) };
        match NotifySocket::to(&address) {
            Ok(socket) => Self(Some(Arc::new(Line {
                socket,
                told: Mutex::default(),
                has_failed: AtomicBool::new(false),
            }))),
            Err(errno) => {
                let error = sys::errno_text(errno);
                tracing::warn!(socket = %address.display(), error, "NOTIFY_SOCKET is of no use");
                Self(None)
            }
        }
    }

    /// Whether somebody listens.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The process has come so far.
    pub fn enter(&self, stage: Stage, sessions: u32) {
        let word = match stage {
            Stage::Serving { .. } => "READY=1",
            Stage::Stopping => "STOPPING=1",
        };
        self.report(vec![word.to_owned()], sessions, Some(stage));
    }

    /// A reload begins. [`Notifier::enter`] ends it.
    pub fn reloading(&self) {
        let now = sys::monotonic_micros();
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={now}"), None);
    }

    /// [`RENEW_EVERY`] has passed: brings the status up to date.
    pub fn renew(&self, sessions: u32) {
        self.report(Vec::new(), sessions, None);
    }

    /// Every worker has answered.
    pub fn alive(&self) {
        self.tell("WATCHDOG=1", None);
    }

    /// Sends a message, with a descriptor. A manager that cannot be told is no reason to stop, and
    /// is complained of once. False if it was not told: each further try may take as long.
    pub fn tell(&self, message: &str, descriptor: Option<sys::BorrowedFd<'_>>) -> bool {
        let Some(line) = &self.0 else { return false };
        let Err(errno) = line.socket.send(message, descriptor) else { return true };
        if !line.has_failed.swap(true, Ordering::Relaxed) {
            let error = sys::errno_text(errno);
            tracing::warn!(error, "the service manager cannot be told what happens");
        }
        false
    }

    /// Waits until the manager has done what it was told.
    pub fn wait_until_read(&self) {
        let Some(line) = &self.0 else { return };
        if line.socket.wait_until_read(READ_LIMIT) != Ok(true) {
            tracing::warn!("the service manager does not answer: it may hold old listeners open");
        }
    }

    /// Sends these lines, and the status if it is another one now.
    fn report(&self, mut lines: Vec<String>, sessions: u32, stage: Option<Stage>) {
        let Some(line) = &self.0 else { return };
        let mut told = line.told();
        told.stage = stage.or(told.stage);
        if told.stage == Some(Stage::Stopping) {
            lines.push(format!("EXTEND_TIMEOUT_USEC={}", PATIENCE.as_micros()));
        }
        let status = told.stage.map(|stage| stage.status(sessions)).unwrap_or_default();
        if status != told.status {
            lines.push(format!("STATUS={status}"));
            told.status = status;
        }
        drop(told);
        if !lines.is_empty() {
            self.tell(&lines.join("\n"), None);
        }
    }
}

impl Line {
    fn told(&self) -> MutexGuard<'_, Told> {
        // Nothing panics while it holds the lock.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_one_line() {
        let serving = |reload_failed| Stage::Serving { forwards: 1, reload_failed };
        assert_eq!(serving(false).status(2), "1 forward, 2 sessions");
        assert_eq!(serving(true).status(1), "1 forward, 1 session; the last reload failed");
        assert_eq!(Stage::Stopping.status(0), "stopping, 0 sessions left");
    }
}
