//! Rates of the process and of its forwards.

use super::rate_sampler::{Before, RateSampler};
use crate::handle::Gone;
use crate::supervisor::SupervisorHandle;
use api::{Rates, Status};
use engine::{Engine, Totals};
use flow::Direction;
use std::collections::HashMap;
use std::sync::Arc;

/// Counters with rates.
#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    bytes_up: u64,
    bytes_down: u64,
    opened: u64,
}

/// Samples of the process, and of all forwards by name.
#[derive(Default)]
pub(super) struct TotalRates {
    process: RateSampler<Counters>,
    forwards: RateSampler<HashMap<String, Counters>>,
}

impl TotalRates {
    /// The status that `read` returns, with its rates.
    pub(super) async fn of_process<Reading>(
        self: &Arc<Self>,
        read: impl Fn() -> Reading,
    ) -> Result<Status, Gone>
    where
        Reading: Future<Output = Result<Status, Gone>>,
    {
        let (mut status, before) = self.process.measure(read, Counters::of_status).await?;
        status.rates = Some(before.value.rates(Counters::of_status(&status), &before));
        let rates = Arc::clone(self);
        tokio::spawn(async move { rates.process.expire().await });
        Ok(status)
    }

    /// The rates of all forwards, by name.
    pub(super) async fn of_forwards(
        self: &Arc<Self>,
        supervisor: &SupervisorHandle,
    ) -> Result<HashMap<String, Rates>, Gone> {
        let read = || supervisor.ask(|supervisor| counters(supervisor.engine()));
        let (now, before) = self.forwards.measure(read, HashMap::clone).await?;
        let rates = Arc::clone(self);
        tokio::spawn(async move { rates.forwards.expire().await });
        let rates = now.into_iter().map(|(name, now)| {
            // A new forward has started at zero since.
            let then = before.value.get(&name).copied().unwrap_or_default();
            (name, then.rates(now, &before))
        });
        Ok(rates.collect())
    }
}

fn counters(engine: &Engine) -> HashMap<String, Counters> {
    let forwards = engine.forwards();
    forwards.map(|view| (view.plan.name.clone(), Counters::of_totals(&view.totals()))).collect()
}

impl Counters {
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

    fn rates<Value>(self, now: Self, before: &Before<Value>) -> Rates {
        Rates {
            bytes_up: before.per_second(self.bytes_up, now.bytes_up),
            bytes_down: before.per_second(self.bytes_down, now.bytes_down),
            opened: before.per_second(self.opened, now.opened),
        }
    }
}
