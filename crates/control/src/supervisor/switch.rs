//! Draining and resuming one forward, or one of its targets.

use crate::supervisor::Supervisor;
use api::{EventName, ForwardSwitched};
use engine::{CHANGE_LIMIT, ListenError, NotSwitched, Published};

/// Why a forward or a target was not drained or resumed.
#[derive(Debug)]
pub(crate) enum SwitchError {
    /// No forward has this name.
    NoForward,
    /// The forward has no target with this address.
    NoTarget,
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
            self.publish_switch(EventName::Drain, name, None);
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
            self.follow_targets();
            self.publish_switch(EventName::Resume, name, None);
            tracing::info!(forward = name, "forward takes sessions again");
        }
        Ok(changed)
    }

    /// Drains a target of a forward, or lets it take sessions again. Returns false if it is in that state.
    pub(crate) fn set_target_drained(
        &mut self,
        name: &str,
        target: &str,
        drained: bool,
    ) -> Result<bool, SwitchError> {
        if self.draining && !drained {
            return Err(SwitchError::Draining);
        }
        let changed = change_of(self.engine.set_target_drained(name, target, drained))?.is_some();
        if changed && drained {
            self.publish_switch(EventName::Drain, name, Some(target));
            tracing::info!(forward = name, target, "target drains: it takes no new sessions");
        } else if changed {
            self.follow_targets();
            self.publish_switch(EventName::Resume, name, Some(target));
            tracing::info!(forward = name, target, "target takes sessions again");
        }
        Ok(changed)
    }

    /// Publishes that a forward, or one of its targets, was drained or resumed.
    pub(crate) fn publish_switch(&self, event: EventName, name: &str, target: Option<&str>) {
        self.reporting.events.publish(event, || {
            let mut forwards = self.engine.forwards();
            let forward = forwards.find(|forward| forward.plan.name == name);
            let sessions = forward.map_or(0, |forward| forward.sessions());
            ForwardSwitched { forward: name.to_owned(), target: target.map(Into::into), sessions }
        });
    }
}

/// Waits until the workers have made the change. Returns false if there is none.
async fn switched(result: Result<Published, NotSwitched>) -> Result<bool, SwitchError> {
    let change = change_of(result)?;
    let changed = change.is_some();
    if let Some(change) = change {
        made(change).await;
    }
    Ok(changed)
}

/// The change; `None` if there is none to make.
fn change_of<T>(result: Result<T, NotSwitched>) -> Result<Option<T>, SwitchError> {
    match result {
        Ok(change) => Ok(Some(change)),
        Err(NotSwitched::Already) => Ok(None),
        Err(NotSwitched::NoForward) => Err(SwitchError::NoForward),
        Err(NotSwitched::NoTarget) => Err(SwitchError::NoTarget),
        Err(NotSwitched::Unbound(error)) => Err(SwitchError::Unbound(error)),
    }
}

/// Waits until the workers have made a change. The control thread runs other tasks meanwhile.
pub(super) async fn made(change: Published) {
    // A late worker makes the change when it can.
    let _ = tokio::time::timeout(CHANGE_LIMIT, change).await;
}
