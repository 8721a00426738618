//! What Prometheus is told: every number that the engine counts, read when it is asked for.
//!
//! Nothing is kept here, so a reload or a scrape changes no counter. A forward that never had a
//! session shows its gauges and `sessions_opened_total` only: ten thousand of them stay cheap. From
//! its first session on it shows all series whose labels are known beforehand, at zero if need be;
//! close reasons, error numbers and the like appear when they happen.

mod collector;

mod snapshot;
pub use snapshot::{Forward, Process, Snapshot};

mod table;
pub use table::{Kind, METRICS, Metric};

use collector::Exposition;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

/// How the metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

/// The metrics of one moment as text.
pub fn render(snapshot: Snapshot, format: Format) -> String {
    let mut text = String::new();
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Exposition { snapshot, format }));
    // Neither a String nor our collector ever refuses to be written.
    let _ = match format {
        Format::Prometheus => text::encode_registry(&mut text, &registry),
        Format::OpenMetrics => text::encode(&mut text, &registry),
    };
    text
}

#[cfg(test)]
mod tests;
