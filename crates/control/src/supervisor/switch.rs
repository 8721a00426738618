//! Draining and resuming one forward.

use crate::supervisor::Supervisor;
use api::{EventName, ForwardSwitched};
use engine::{CHANGE_LIMIT, ListenError, NotSwitched, Published};

/// Why a forward was not drained or resumed.
#[derive(Debug)]
pub(crate) enum SwitchError {
    /// No forward has this name.
    NoForward,
    /// The process is shutting down.
    Draining,
    /// A listener of the forward cannot be bound.
    Unbound(ListenError),
}

impl Supervisor {
    /// Stops accepting sessions for a forward. Returns false if it was drained already.
    pub(crate) async fn drain_forward(&mut self, name: &str) -> Result<bool, SwitchError> {
        let changed = switched(self.engine.drain_forward(name)).await?;
        if changed {
            self.keep_listeners();
            self.publish_switch(EventName::Drain, name);
            tracing::info!(forward = name, "forward drains: it takes no new sessions");
        }
        Ok(changed)
    }

    /// Accepts sessions for a drained or skipped forward again. Returns false if it did already.
    pub(crate) async fn resume_forward(&mut self, name: &str) -> Result<bool, SwitchError> {
        if self.draining {
            return Err(SwitchError::Draining);
        }
        let changed = switched(self.engine.resume_forward(name)).await?;
        if changed {
            self.keep_listeners();
            self.publish_switch(EventName::Resume, name);
            tracing::info!(forward = name, "forward takes sessions again");
        }
        Ok(changed)
    }

    /// Publishes that a forward was drained or resumed.
    pub(crate) fn publish_switch(&self, event: EventName, name: &str) {
        self.reporting.events.publish(event, || {
            let mut forwards = self.engine.forwards();
            let forward = forwards.find(|forward| forward.plan.name == name);
            let sessions = forward.map_or(0, |forward| forward.sessions());
            ForwardSwitched { forward: name.to_owned(), sessions }
        });
    }
}

/// Waits until the workers have made the change. Returns false if there is none.
async fn switched(result: Result<Published, NotSwitched>) -> Result<bool, SwitchError> {
    match result {
        Ok(change) => {
            made(change).await;
            Ok(true)
        }
        Err(NotSwitched::Already) => Ok(false),
        Err(NotSwitched::NoForward) => Err(SwitchError::NoForward),
        Err(NotSwitched::Unbound(error)) => Err(SwitchError::Unbound(error)),
    }
}

/// Waits until the workers have made a change. The control thread runs other tasks meanwhile.
pub(super) async fn made(change: Published) {
    // A late worker makes the change when it can.
    let _ = tokio::time::timeout(CHANGE_LIMIT, change).await;
}
