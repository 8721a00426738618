//! Latencies in a histogram of high dynamic range: three digits, from a nanosecond to an hour.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::failure::{Context, Result};
use crate::stats::float;

const LONGEST: Duration = Duration::from_secs(3600);
const DIGITS: u8 = 3;

/// Latencies of many operations.
#[derive(Debug)]
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    /// An empty histogram.
    pub(crate) fn new() -> Result<Self> {
        let histogram = Histogram::new_with_bounds(1, nanos(LONGEST), DIGITS);
        histogram.context("make a histogram").map(Self)
    }

    /// Adds one; longer than an hour counts as an hour.
    pub(crate) fn record(&mut self, latency: Duration) {
        self.0.saturating_record(nanos(latency).max(1));
    }

    /// Microseconds which a part (0 to 1) of all latencies do not exceed; 0 if there are none.
    pub(crate) fn micros_at(&self, part: f64) -> f64 {
        float(self.0.value_at_quantile(part)) / 1000.0
    }

    /// The usual percentiles, in microseconds.
    pub(crate) fn json(&self) -> Value {
        json!({
            "count": self.0.len(),
            "mean": self.0.mean() / 1000.0,
            "p50": self.micros_at(0.5),
            "p90": self.micros_at(0.9),
            "p99": self.micros_at(0.99),
            "p999": self.micros_at(0.999),
            "max": float(self.0.max()) / 1000.0,
        })
    }

    /// The usual percentiles, for people.
    pub(crate) fn line(&self) -> String {
        let [p50, p90, p99, p999] = [0.5, 0.9, 0.99, 0.999].map(|part| self.micros_at(part));
        let max = float(self.0.max()) / 1000.0;
        format!(
            "p50 {p50:.0} us, p90 {p90:.0} us, p99 {p99:.0} us, p99.9 {p999:.0} us, max {max:.0} us"
        )
    }
}

/// The unit of the histogram. Saturates at 584 years.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_to_three_digits() {
        let mut latencies = Latencies::new().unwrap();
        for micros in 1..=1000 {
            latencies.record(Duration::from_micros(micros));
        }
        let json = latencies.json();
        for (key, expected) in
            [("p50", 500.0), ("p90", 900.0), ("p99", 990.0), ("p999", 999.0), ("max", 1000.0)]
        {
            let value = json[key].as_f64().unwrap();
            assert!((value - expected).abs() <= expected * 0.002, "{key}: {value}");
        }
        assert_eq!(json["count"], 1000);
    }

    #[test]
    fn extremes_are_kept() {
        let mut latencies = Latencies::new().unwrap();
        assert!(latencies.micros_at(0.5) < f64::EPSILON);
        latencies.record(Duration::ZERO);
        latencies.record(Duration::from_secs(1_000_000));
        assert_eq!(latencies.json()["count"], 2);
        assert!(latencies.micros_at(1.0) > 3.5e9);
    }
}
