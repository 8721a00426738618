//! Metrics for Prometheus: the engine's counters, read at each scrape.
//!
//! The module has no state, so a reload or a scrape resets no counter. A forward without any session
//! so far exposes its gauges and `sessions_opened_total` only, so ten thousand of them stay cheap.
//! From its first session on it exposes every series with predefined labels, at zero where
//! necessary; close reasons, error names and the like appear with their first occurrence.

mod collector;

mod snapshot;
pub use snapshot::{FleetMetrics, ForwardMetrics, MetricsSnapshot, ProcessMetrics};

mod table;
pub use table::{METRICS, Metric, MetricKind};

use collector::Exposition;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

/// The exposition format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The Prometheus text format 0.0.4.
    Prometheus,
    /// The OpenMetrics text format 1.0.
    OpenMetrics,
}

/// Renders a snapshot as text.
pub fn render(snapshot: MetricsSnapshot, format: Format) -> String {
    let mut text = String::new();
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Exposition { snapshot, format }));
    // Writing to a String cannot fail, and the collector returns no errors.
    let _ = match format {
        Format::Prometheus => text::encode_registry(&mut text, &registry),
        Format::OpenMetrics => text::encode(&mut text, &registry),
    };
    text
}

#[cfg(test)]
mod tests;
