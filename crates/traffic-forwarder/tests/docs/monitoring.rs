//! The monitoring examples are valid, and name metrics that exist.

use crate::repository::{read, root};
use observe::metrics::METRICS;
use serde_json::Value;
use std::path::PathBuf;
use testkit::{LIMIT, Tool};

const DIRECTORY: &str = "examples/monitoring";
/// Suffixes of a histogram's series.
const SUFFIXES: [&str; 3] = ["_bucket", "_sum", "_count"];

fn path(name: &str) -> PathBuf {
    root().join(DIRECTORY).join(name)
}

fn promtool(command: &[&str], file: &str) {
    let arguments = command.iter().map(|word| (*word).into()).chain([path(file)]);
    Tool::find("promtool").run(arguments.collect::<Vec<PathBuf>>(), LIMIT);
}

#[test]
fn prometheus_reads_the_configuration() {
    // Syntax only: the token file does not exist here.
    promtool(&["check", "config", "--syntax-only"], "prometheus.yml");
}

#[test]
fn prometheus_reads_the_alerts_and_their_tests_pass() {
    promtool(&["check", "rules"], "alerts.yml");
    promtool(&["test", "rules"], "alerts.test.yml");
}

#[test]
fn every_alert_is_tested() {
    let tests = read(&format!("{DIRECTORY}/alerts.test.yml"));
    let alerts = read(&format!("{DIRECTORY}/alerts.yml"));
    let alerts: Vec<_> =
        alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() >= 10, "{alerts:?}");
    for alert in alerts {
        assert!(tests.contains(&format!("alertname: {alert}\n")), "{alert}");
    }
}

/// Words of a text with our metric prefix.
fn metrics_in(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = |word: &&str| word.starts_with("traffic_forwarder_") || word.starts_with("process_");
    words.filter(ours).collect()
}

fn assert_known(name: &str, place: &str) {
    let family = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix));
    let known = METRICS.iter().any(|metric| metric.name == name || Some(metric.name) == family);
    assert!(known, "{place}: there is no metric {name}");
}

#[test]
fn the_examples_name_metrics_that_exist() {
    for (file, least) in
        [("alerts.yml", 10), ("alerts.test.yml", 10), ("grafana-dashboard.json", 20)]
    {
        let text = read(&format!("{DIRECTORY}/{file}"));
        let names = metrics_in(&text);
        assert!(names.len() >= least, "{file}: {names:?}");
        for name in names {
            assert_known(name, file);
        }
    }
}

#[test]
fn every_dashboard_panel_has_queries() {
    let text = read(&format!("{DIRECTORY}/grafana-dashboard.json"));
    let dashboard: Value = serde_json::from_str(&text).expect("a dashboard of JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut queries = 0;
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let targets = panel["targets"].as_array().expect("a panel has queries");
        for target in targets {
            let query = target["expr"].as_str().expect("a query");
            assert!(!metrics_in(query).is_empty(), "{}: {query}", panel["title"]);
            queries += 1;
        }
    }
    assert!(queries >= 20, "{queries}");
}
