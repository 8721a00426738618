//! How fast the numbers of the process and of its forwards grow.

use super::meter::{Before, Meter};
use crate::handle::Gone;
use crate::supervisor::SupervisorHandle;
use api::{Rates, Status};
use engine::{Engine, Totals};
use flow::Direction;
use std::collections::HashMap;
use std::sync::Arc;

/// What grows.
#[derive(Clone, Copy, Debug, Default)]
struct Amounts {
    bytes_up: u64,
    bytes_down: u64,
    opened: u64,
}

/// The last looks at the process, and at all of its forwards by name.
#[derive(Default)]
pub(super) struct Growth {
    process: Meter<Amounts>,
    forwards: Meter<HashMap<String, Amounts>>,
}

impl Growth {
    /// The status that `look` finds, with its rates.
    pub(super) async fn of_process<Looking>(
        self: &Arc<Self>,
        look: impl Fn() -> Looking,
    ) -> Result<Status, Gone>
    where
        Looking: Future<Output = Result<Status, Gone>>,
    {
        let (mut status, before) = self.process.measure(look, Amounts::of_status).await?;
        status.rates = Some(before.seen.rates(Amounts::of_status(&status), &before));
        let growth = Arc::clone(self);
        tokio::spawn(async move { growth.process.forget().await });
        Ok(status)
    }

    /// The rates of all forwards, by name.
    pub(super) async fn of_forwards(
        self: &Arc<Self>,
        supervisor: &SupervisorHandle,
    ) -> Result<HashMap<String, Rates>, Gone> {
        let look = || supervisor.ask(|supervisor| amounts(supervisor.engine()));
        let (now, before) = self.forwards.measure(look, HashMap::clone).await?;
        let growth = Arc::clone(self);
        tokio::spawn(async move { growth.forwards.forget().await });
        let rates = now.into_iter().map(|(name, now)| {
            // One that was not there began since, with nothing counted.
            let then = before.seen.get(&name).copied().unwrap_or_default();
            (name, then.rates(now, &before))
        });
        Ok(rates.collect())
    }
}

fn amounts(engine: &Engine) -> HashMap<String, Amounts> {
    let forwards = engine.forwards();
    forwards.map(|view| (view.plan.name.clone(), Amounts::of_totals(&view.totals()))).collect()
}

impl Amounts {
    fn of_status(status: &Status) -> Self {
        let Status { bytes_up, bytes_down, sessions_opened, .. } = *status;
        Self { bytes_up, bytes_down, opened: sessions_opened }
    }

    fn of_totals(totals: &Totals) -> Self {
        Self {
            bytes_up: totals.bytes_of(Direction::Up),
            bytes_down: totals.bytes_of(Direction::Down),
            opened: totals.opened,
        }
    }

    fn rates<Seen>(self, now: Self, before: &Before<Seen>) -> Rates {
        Rates {
            bytes_up: before.per_second(self.bytes_up, now.bytes_up),
            bytes_down: before.per_second(self.bytes_down, now.bytes_down),
            opened: before.per_second(self.opened, now.opened),
        }
    }
}
