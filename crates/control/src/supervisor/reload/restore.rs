//! Retries the forwards that a fall-back could not bind, until they listen.

use super::LastReload;
use crate::supervisor::Supervisor;
use crate::supervisor::switch::made;
use api::EventName;
use engine::{ForwardState, ForwardView};
use std::collections::BTreeSet;
use std::time::{Instant, SystemTime};

impl Supervisor {
    /// Tries to bind the missing forwards, if an attempt is due.
    pub(crate) async fn restore(&mut self, now: Instant) {
        let Some(restoring) = self.restoring.take_if(|it| it.next <= now) else { return };
        let before = self.still_skipped(&restoring.names);
        made(self.engine.retry_skipped().published).await;
        let left = self.still_skipped(&restoring.names);
        for name in before.difference(&left) {
            self.publish_switch(EventName::Resume, name, None);
            tracing::info!(forward = name, "forward takes sessions again");
        }
        if before != left {
            self.keep_listeners();
        }
        self.restoring = restoring.after(left, now);
        if self.restoring.is_none() {
            tracing::info!(
                generation = self.generation,
                "all forwards of the configuration listen again"
            );
            let at = SystemTime::now();
            let by = self.last_reload.take().map_or_else(String::new, |last| last.by);
            self.last_reload = Some(LastReload { at, by, error: None });
            self.notify_manager();
        }
    }

    /// The skipped forwards among `names`. Operators may have drained or resumed the others, and
    /// reloads may have removed them.
    pub(crate) fn still_skipped(&self, names: &BTreeSet<String>) -> BTreeSet<String> {
        let skipped = |view: &ForwardView<'_>| view.state == ForwardState::Skipped;
        let views = self.engine.forwards().filter(skipped).map(|view| &view.plan.name);
        views.filter(|name| names.contains(*name)).cloned().collect()
    }
}
