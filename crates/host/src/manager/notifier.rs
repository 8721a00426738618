//! Notifications to the service manager (sd_notify(3)).

use plan::counted;
use std::env;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use sys::NotifySocket;

/// Interval at which the status line is updated.
pub const RENEW_EVERY: Duration = Duration::from_secs(5);
/// Stop timeout that each message during a drain asks for; three missed updates are tolerated.
const STOP_EXTENSION: Duration = Duration::from_secs(15);
/// Time limit for the manager to read all messages. Exceeded only if it hangs, or while it reloads
/// itself.
const READ_LIMIT: Duration = Duration::from_secs(2);

/// Sends notifications to the service manager. Does nothing without one.
#[derive(Clone)]
pub struct Notifier(Option<Arc<Connection>>);

/// The socket of a manager, and the state last sent to it.
struct Connection {
    socket: NotifySocket,
    sent: Mutex<Sent>,
    has_failed: AtomicBool,
}

/// The state last sent to the manager.
#[derive(Default)]
struct Sent {
    /// `None` before the first notification.
    state: Option<ServiceState>,
    status: String,
}

/// State of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceState {
    /// The process accepts sessions.
    Serving {
        /// The number of forwards.
        forwards: usize,
        /// Whether the last reload failed.
        reload_failed: bool,
    },
    /// The process drains: it accepts no new sessions.
    Stopping,
}

impl ServiceState {
    /// The status line shown by `systemctl status`.
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
    /// Connects to the manager at `NOTIFY_SOCKET`, if that is set.
    pub fn from_environment() -> Self {
        let address = env::var_os("NOTIFY_SOCKET").filter(|address| !address.is_empty());
        let Some(address) = address else { return Self(None) };
        match NotifySocket::to(&address) {
            Ok(socket) => Self(Some(Arc::new(Connection {
                socket,
                sent: Mutex::default(),
                has_failed: AtomicBool::new(false),
            }))),
            Err(errno) => {
                let error = sys::errno_text(errno);
                tracing::warn!(socket = %address.display(), error, "NOTIFY_SOCKET cannot be used");
                Self(None)
            }
        }
    }

    /// Whether there is a service manager.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Reports a new state: `READY=1` or `STOPPING=1`.
    pub fn enter(&self, state: ServiceState, sessions: u32) {
        let word = match state {
            ServiceState::Serving { .. } => "READY=1",
            ServiceState::Stopping => "STOPPING=1",
        };
        self.report(vec![word.to_owned()], sessions, Some(state));
    }

    /// Reports the start of a reload. [`Notifier::enter`] reports its end.
    pub fn reloading(&self) {
        let now = sys::monotonic_micros();
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={now}"), None);
    }

    /// Updates the status line. Call it every [`RENEW_EVERY`].
    pub fn renew(&self, sessions: u32) {
        self.report(Vec::new(), sessions, None);
    }

    /// Feeds the manager's watchdog. Call it when every worker has answered.
    pub fn alive(&self) {
        self.send("WATCHDOG=1", None);
    }

    /// Sends a message, optionally with a descriptor, and returns whether it was sent. The first
    /// failure is logged. After a failure send nothing further: each attempt may block as long.
    pub fn send(&self, message: &str, descriptor: Option<sys::BorrowedFd<'_>>) -> bool {
        let Some(connection) = &self.0 else { return false };
        let Err(errno) = connection.socket.send(message, descriptor) else { return true };
        if !connection.has_failed.swap(true, Ordering::Relaxed) {
            let error = sys::errno_text(errno);
            tracing::warn!(error, "the service manager cannot be notified");
        }
        false
    }

    /// Waits until the manager has processed all messages, at most [`READ_LIMIT`].
    pub fn wait_until_read(&self) {
        let Some(connection) = &self.0 else { return };
        if connection.socket.wait_until_read(READ_LIMIT) != Ok(true) {
            tracing::warn!("the service manager does not answer: it may hold old listeners open");
        }
    }

    /// Sends these lines, and the status line if it has changed.
    fn report(&self, mut lines: Vec<String>, sessions: u32, state: Option<ServiceState>) {
        let Some(connection) = &self.0 else { return };
        let mut sent = connection.sent();
        sent.state = state.or(sent.state);
        if sent.state == Some(ServiceState::Stopping) {
            lines.push(format!("EXTEND_TIMEOUT_USEC={}", STOP_EXTENSION.as_micros()));
        }
        let status = sent.state.map(|state| state.status(sessions)).unwrap_or_default();
        if status != sent.status {
            lines.push(format!("STATUS={status}"));
            sent.status = status;
        }
        drop(sent);
        if !lines.is_empty() {
            self.send(&lines.join("\n"), None);
        }
    }
}

impl Connection {
    fn sent(&self) -> MutexGuard<'_, Sent> {
        // Nothing panics while it holds the lock.
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_one_line() {
        let serving = |reload_failed| ServiceState::Serving { forwards: 1, reload_failed };
        assert_eq!(serving(false).status(2), "1 forward, 2 sessions");
        assert_eq!(serving(true).status(1), "1 forward, 1 session; the last reload failed");
        assert_eq!(ServiceState::Stopping.status(0), "stopping, 0 sessions left");
    }
}
