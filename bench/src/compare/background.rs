//! Measures of a probe beside another load.

use serde_json::Value;

use super::stage::{Bench, GIB, MARGIN, Sample, Stage, latencies, number};
use crate::failure::Result;

/// Requests per second of the probe beside bulk.
const BESIDE_RATE: f64 = 200.0;

/// A probe at 1 % of a load that is the same for all.
pub(super) fn probe(bench: &Bench<'_>, stage: &Stage<'_>) -> Result<Sample> {
    let load = [
        ("rate", bench.load.to_string()),
        ("sessions", "64".to_owned()),
        // In small bursts, as a closed loop makes them: the load generator itself shall not
        // be what fills the CPU.
        ("tick", "0.0005".to_owned()),
    ];
    let load = bench.words("latency", MARGIN * 2, &load);
    let (json, load) = foreground(bench, stage, &load, bench.load / 100.0)?;
    let mut sample = stage.cost();
    sample.extend(latencies(&json));
    sample.insert("load", number(&load["rate"]));
    Ok(sample)
}

/// A probe by itself, and then beside bulk streams.
pub(super) fn beside(bench: &Bench<'_>, stage: &Stage<'_>, streams: usize) -> Result<Sample> {
    let alone = latencies(&stage.client(&probe_words(bench, BESIDE_RATE))?);
    let bulk = bench.words("bulk", MARGIN * 2, &[("streams", streams.to_string())]);
    let (json, bulk) = foreground(bench, stage, &bulk, BESIDE_RATE)?;
    let beside = latencies(&json);
    let mut sample = stage.cost();
    sample.insert("added_us", beside["p99_us"] - alone["p99_us"]);
    sample.extend(beside);
    sample.insert("bulk", number(&bulk["rate"]) / GIB);
    Ok(sample)
}

fn probe_words(bench: &Bench<'_>, rate: f64) -> Vec<String> {
    bench.words("probe", std::time::Duration::ZERO, &[("rate", rate.to_string())])
}

/// Runs a probe while another client loads: the results of both.
fn foreground(
    bench: &Bench<'_>,
    stage: &Stage<'_>,
    load: &[String],
    rate: f64,
) -> Result<(Value, Value)> {
    let background = stage.start(load)?;
    std::thread::sleep(MARGIN + bench.warmup);
    let json = stage.client(&probe_words(bench, rate))?;
    Ok((json, background.result()?))
}
