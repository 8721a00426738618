//! Renders a snapshot according to the table of metrics.

use super::Format;
use super::snapshot::MetricsSnapshot;
use super::table::{METRICS, Metric, MetricKind, Number, Read};
use engine::{Classes, DURATION_BOUNDS};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    CounterValueEncoder, DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet,
    GaugeValueEncoder, LabelSetEncoder, MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use std::fmt::{self, Write as _};

/// A snapshot with the format in which it is rendered once.
#[derive(Debug)]
pub(super) struct Exposition {
    pub(super) snapshot: MetricsSnapshot,
    pub(super) format: Format,
}

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        METRICS.iter().try_for_each(|metric| self.family(metric, &mut encoder))
    }
}

impl Exposition {
    fn family(&self, metric: &Metric, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut encoder = encoder.encode_descriptor(
            self.family_name(metric),
            metric.help,
            None,
            metric.kind.into(),
        )?;
        let forwards = &self.snapshot.forwards;
        match metric.read {
            Read::Process(read) => read(&self.snapshot.process, &mut |values, number| {
                let labels = Labels { names: metric.labels, forward: None, values };
                self.number(metric.kind, &labels, number, &mut encoder)
            }),
            Read::Forward(read) => forwards.iter().try_for_each(|forward| {
                read(forward, &mut |values, number| {
                    let labels =
                        Labels { names: metric.labels, forward: Some(&forward.name), values };
                    self.number(metric.kind, &labels, number, &mut encoder)
                })
            }),
            Read::Durations(read) => {
                forwards.iter().filter(|forward| forward.was_used()).try_for_each(|forward| {
                    let labels =
                        Labels { names: metric.labels, forward: Some(&forward.name), values: &[] };
                    histogram(read(forward), &labels, &mut encoder)
                })
            }
        }
    }

    /// OpenMetrics names a family of counters without the `_total` of its series.
    fn family_name(&self, metric: &Metric) -> &'static str {
        match (self.format, metric.kind) {
            (Format::OpenMetrics, MetricKind::Counter) => metric.name.trim_end_matches("_total"),
            _ => metric.name,
        }
    }

    fn number(
        &self,
        kind: MetricKind,
        labels: &Labels<'_>,
        number: Number,
        encoder: &mut MetricEncoder<'_>,
    ) -> fmt::Result {
        // The encoder would write an empty set of labels as `{}`.
        if labels.names.is_empty() {
            return self.sample(kind, number, encoder);
        }
        self.sample(kind, number, &mut encoder.encode_family(labels)?)
    }

    fn sample(
        &self,
        kind: MetricKind,
        number: Number,
        encoder: &mut MetricEncoder<'_>,
    ) -> fmt::Result {
        match (self.format, kind) {
            (Format::OpenMetrics, MetricKind::Counter) => {
                encoder.encode_counter::<NoLabelSet, _, u64>(&number, None)
            }
            // The encoder appends `_total` to counters, which our names contain already. A gauge keeps
            // its name.
            _ => encoder.encode_gauge(&number),
        }
    }
}

fn histogram(
    classes: &Classes,
    labels: &Labels<'_>,
    encoder: &mut MetricEncoder<'_>,
) -> fmt::Result {
    // The encoder writes `f64::MAX` as +Inf.
    let bounds = DURATION_BOUNDS.into_iter().chain([f64::MAX]);
    let buckets: Vec<(f64, u64)> = bounds.zip(classes.counts).collect();
    let count = classes.counts.iter().sum();
    let sum = classes.sum.as_secs_f64();
    encoder.encode_family(labels)?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
}

impl From<MetricKind> for MetricType {
    fn from(kind: MetricKind) -> Self {
        match kind {
            MetricKind::Counter => Self::Counter,
            MetricKind::Gauge => Self::Gauge,
            MetricKind::Histogram => Self::Histogram,
        }
    }
}

/// The labels of one series: the forward's name, if it is of a forward, and the rest.
#[derive(Debug)]
struct Labels<'a> {
    names: &'static [&'static str],
    forward: Option<&'a str>,
    values: &'a [&'a str],
}

impl EncodeLabelSet for Labels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        let values = self.forward.iter().chain(self.values);
        for (name, value) in self.names.iter().zip(values) {
            let mut label = encoder.encode_label();
            let mut key = label.encode_label_key()?;
            key.write_str(name)?;
            let mut text = key.encode_label_value()?;
            escape(value, &mut text)?;
            text.finish()?;
        }
        Ok(())
    }
}

/// Escapes a label value, which the encoder does not. A forward's name may contain any character but
/// white space.
fn escape(value: &str, text: &mut impl fmt::Write) -> fmt::Result {
    for piece in value.split_inclusive(['\\', '"', '\n']) {
        let plain = piece.trim_end_matches(['\\', '"', '\n']);
        text.write_str(plain)?;
        match &piece[plain.len()..] {
            "\n" => text.write_str("\\n")?,
            "" => {}
            special => write!(text, "\\{special}")?,
        }
    }
    Ok(())
}

impl EncodeGaugeValue for Number {
    fn encode(&self, encoder: &mut GaugeValueEncoder<'_>) -> fmt::Result {
        match self {
            Self::Whole(number) => {
                // Gauges are signed: an unlimited `RLIMIT_NOFILE` (`u64::MAX`) is written as `i64::MAX`.
                EncodeGaugeValue::encode(&i64::try_from(*number).unwrap_or(i64::MAX), encoder)
            }
            Self::Real(number) => EncodeGaugeValue::encode(number, encoder),
        }
    }
}

impl EncodeCounterValue for Number {
    fn encode(&self, encoder: &mut CounterValueEncoder<'_>) -> fmt::Result {
        match self {
            Self::Whole(number) => EncodeCounterValue::encode(number, encoder),
            Self::Real(number) => EncodeCounterValue::encode(number, encoder),
        }
    }
}
