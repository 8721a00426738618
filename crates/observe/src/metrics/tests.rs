use super::snapshot::{FleetMetrics, ForwardMetrics, ProcessMetrics};
use super::*;
use engine::{Classes, TargetView, Totals};
use flow::{By, Cause, Fallback, Phase};
use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;
use std::time::{Duration, Instant};

const HOSTILE: &str = "a\"b\\c{},=";

fn classes(class: usize, sum: Duration) -> Classes {
    let mut classes = Classes { sum, ..Classes::default() };
    classes.counts[class] = 3;
    classes
}

/// A forward with a value in every metric.
fn busy(name: &str) -> ForwardMetrics {
    let totals = Totals {
        opened: 5,
        closed: BTreeMap::from([((By::Client, Phase::Relay, Cause::Fin), 3)]),
        bytes: [[10, 20], [30, 40]],
        refused: BTreeMap::from([(Cause::OverLimit, 1), (Cause::NotAllowed, 7)]),
        accept_errors: BTreeMap::from([(24, 6), (9999, 1)]),
        fallbacks: BTreeMap::from([(Fallback::NoPipe, 2)]),
        connecting: classes(0, Duration::from_millis(1)),
        living: classes(engine::DURATION_BOUNDS.len(), Duration::from_secs(300_000)),
        ..Totals::default()
    };
    ForwardMetrics {
        name: name.into(),
        skipped: true,
        lost_files: 1,
        active: 2,
        max_sessions: 4,
        backlog: 4,
        totals,
        targets: vec![
            target("a:1", true),
            target("b:1", false),
            TargetView { is_drained: true, ..target("c:1", true) },
        ],
    }
}

fn target(address: &str, is_up: bool) -> TargetView {
    TargetView {
        set: None,
        is_drained: false,
        drained_at: None,
        tried_from: None,
        is_unknown: false,
        change: None,
        checks: Some([10, 11]),
        last_check: None,
        address: address.into(),
        listen: Vec::new(),
        routes: Vec::new(),
        is_up,
        unreachable: None,
        sessions: 7,
        max_sessions: None,
        weight: 1,
        is_backup: false,
        connects: [8, 9],
        usual_connect_time: None,
    }
}

fn idle(name: &str) -> ForwardMetrics {
    ForwardMetrics { name: name.into(), ..ForwardMetrics::default() }
}

fn written(forwards: Vec<ForwardMetrics>, format: Format) -> String {
    let process = ProcessMetrics {
        open_files: Some(9),
        open_files_limit: u64::MAX,
        headroom: vec![("open_files", 500), ("local_ports", 28_000)],
        trial_left: Some(2.5),
        waiting: vec!["workers"],
        names: [("resolved", 7), ("stale", 2), ("failing", 1)],
        name_look_ups: vec![("ok", 11)],
        name_targets: vec![("db.test".into(), 3)],
        admin_denied: vec![("token", 2)],
        fleet: Some(FleetMetrics {
            store_up: false,
            read_age: Some(4.5),
            revision: Some(42),
            current_revision: Some(43),
            running_revision: Some(41),
            state: "trying",
            certificate_expiry: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000)),
            ca_expiry: None,
        }),
        ..ProcessMetrics::default()
    };
    render(MetricsSnapshot { process, forwards }, format)
}

/// Values by series (name and labels). Panics on a duplicate series.
fn series(text: &str) -> BTreeMap<&str, f64> {
    let mut series = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, number) = line.rsplit_once(' ').unwrap();
        let number = number.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(series.insert(name, number).is_none(), "twice: {line}");
    }
    series
}

#[test]
fn a_drained_target_is_not_up() {
    let text = written(vec![busy("db")], Format::Prometheus);
    let up = |target: &str| {
        series(&text)
            [format!("traffic_forwarder_target_up{{forward=\"db\",target=\"{target}\"}}").as_str()]
    };
    assert!(up("a:1") > 0.5 && up("c:1") < 0.5, "drained targets take no sessions");
}

/// Series that are exposed while `busy("db")` has its values, without their common prefix.
const SERIES_OF_A_BUSY_FORWARD: &[(&str, f64)] = &[
    ("sessions_active{forward=\"db\"}", 2.0),
    ("forward_max_sessions{forward=\"db\"}", 4.0),
    ("sessions_opened_total{forward=\"db\"}", 5.0),
    ("target_up{forward=\"db\",target=\"a:1\"}", 1.0),
    ("target_up{forward=\"db\",target=\"b:1\"}", 0.0),
    ("target_sessions_active{forward=\"db\",target=\"b:1\"}", 7.0),
    ("target_connects_total{forward=\"db\",target=\"a:1\",result=\"connected\"}", 8.0),
    ("target_connects_total{forward=\"db\",target=\"b:1\",result=\"failed\"}", 9.0),
    ("target_checks_total{forward=\"db\",target=\"a:1\",result=\"succeeded\"}", 10.0),
    ("target_checks_total{forward=\"db\",target=\"b:1\",result=\"failed\"}", 11.0),
    ("sessions_closed_total{forward=\"db\",by=\"client\",phase=\"relay\",cause=\"fin\"}", 3.0),
    ("bytes_total{forward=\"db\",lane=\"up\",path=\"copy\"}", 10.0),
    ("bytes_total{forward=\"db\",lane=\"up\",path=\"splice\"}", 20.0),
    ("bytes_total{forward=\"db\",lane=\"down\",path=\"copy\"}", 30.0),
    ("bytes_total{forward=\"db\",lane=\"down\",path=\"splice\"}", 40.0),
    ("connect_seconds_sum{forward=\"db\"}", 0.001),
    ("connect_seconds_count{forward=\"db\"}", 3.0),
    ("connect_seconds_bucket{le=\"0.0005\",forward=\"db\"}", 3.0),
    ("session_seconds_bucket{le=\"86400.0\",forward=\"db\"}", 0.0),
    ("session_seconds_bucket{le=\"+Inf\",forward=\"db\"}", 3.0),
    ("refused_total{forward=\"db\",cause=\"over_limit\"}", 1.0),
    ("accept_errors_total{forward=\"db\",errno=\"EMFILE\"}", 6.0),
    ("accept_errors_total{forward=\"db\",errno=\"9999\"}", 1.0),
    ("fallbacks_total{forward=\"db\",reason=\"no_pipe\"}", 2.0),
    ("listener_backlog{forward=\"db\"}", 4.0),
    ("headroom_sessions{limit=\"open_files\"}", 500.0),
    ("headroom_sessions{limit=\"local_ports\"}", 28_000.0),
    ("config_trial_seconds", 2.5),
    ("fleet_store_up", 0.0),
    ("fleet_read_age_seconds", 4.5),
    ("fleet_revision", 42.0),
    ("fleet_current_revision", 43.0),
    ("fleet_running_revision", 41.0),
    ("fleet_certificate_expiry_timestamp_seconds{file=\"certificate\"}", 2e9),
    ("fleet_state{state=\"trying\"}", 1.0),
    ("config_setting_waiting{key=\"workers\"}", 1.0),
    ("names{state=\"stale\"}", 2.0),
    ("name_look_ups_total{result=\"ok\"}", 11.0),
    ("name_targets{name=\"db.test\"}", 3.0),
    ("open_files", 9.0),
    ("config_last_reload_success", 1.0),
    ("config_generation", 1.0),
    ("log_dropped_total{cause=\"queue_full\"}", 0.0),
];

#[test]
fn a_busy_forward_exposes_all_series() {
    for format in [Format::Prometheus, Format::OpenMetrics] {
        let text = written(vec![busy("db"), idle("web")], format);
        let series = series(&text);
        for (name, number) in SERIES_OF_A_BUSY_FORWARD {
            let found = series.get(format!("traffic_forwarder_{name}").as_str());
            assert_eq!(found, Some(number), "{name} in\n{text}");
        }
    }
}

#[test]
fn refused_clients_are_counted_by_cause() {
    let text = written(vec![busy("db"), idle("web")], Format::Prometheus);
    let series = series(&text);
    let refused = |cause: &str| {
        let name = format!("traffic_forwarder_refused_total{{forward=\"db\",cause=\"{cause}\"}}");
        series.get(name.as_str()).copied()
    };
    assert_eq!(["over_limit", "not_allowed"].map(refused), [Some(1.0), Some(7.0)]);
}

#[test]
fn an_unused_forward_exposes_four_series() {
    let text = written(vec![idle("web")], Format::Prometheus);
    let of_web: Vec<_> =
        series(&text).into_iter().filter(|(name, _)| name.contains("web")).collect();
    let names =
        ["forward_max_sessions", "listener_backlog", "sessions_active", "sessions_opened_total"];
    let names = names.map(|name| format!("traffic_forwarder_{name}{{forward=\"web\"}}"));
    assert_eq!(of_web, names.each_ref().map(|name| (name.as_str(), 0.0)));
}

#[test]
fn formats_differ_in_family_names_and_the_end_marker() {
    let [prometheus, open_metrics] =
        [Format::Prometheus, Format::OpenMetrics].map(|format| written(vec![busy("db")], format));
    assert!(prometheus.contains("\n# TYPE traffic_forwarder_bytes_total counter\n"));
    assert!(open_metrics.contains("\n# TYPE traffic_forwarder_bytes counter\n"));
    assert!(!prometheus.contains("# EOF"));
    assert!(open_metrics.ends_with("\n# EOF\n"));
    assert_eq!(series(&prometheus), series(&open_metrics));
}

#[test]
fn every_series_matches_a_row_of_the_table() {
    let text = written(vec![busy("db")], Format::Prometheus);
    let mut seen = BTreeSet::new();
    for name in series(&text).into_keys() {
        let (name, labels) = name.split_once('{').unwrap_or((name, ""));
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix).filter(|name| name.ends_with("_seconds")))
            .unwrap_or(name);
        let metric = METRICS.iter().find(|metric| metric.name == family);
        let metric = metric.unwrap_or_else(|| panic!("{name} is not in the table"));
        let labels: Vec<_> =
            labels.split(',').filter_map(|label| Some(label.split_once('=')?.0)).collect();
        let labels: Vec<_> = labels.into_iter().filter(|label| *label != "le").collect();
        assert_eq!(labels, metric.labels, "{name}");
        seen.insert(metric.name);
    }
    let all: BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
    assert_eq!(seen, all, "every metric has a series");
    assert_eq!(METRICS.len(), all.len());
}

#[test]
fn exactly_the_counters_end_in_total() {
    for Metric { name, kind, help, .. } in METRICS {
        assert_eq!(name.ends_with("_total"), *kind == MetricKind::Counter, "{name}");
        assert!(help.ends_with('.') && !help.contains(['\n', '|']), "{name}: {help}");
    }
}

#[test]
fn label_values_are_escaped() {
    let text = written(vec![busy(HOSTILE)], Format::Prometheus);
    assert!(text.contains(r#"sessions_active{forward="a\"b\\c{},="} 2"#), "{text}");
}

/// The bound is generous, for a busy machine; the documentation has the measured time.
#[test]
fn ten_thousand_unused_forwards_render_within_two_seconds() {
    let forwards = (0..10_000).map(|number| idle(&format!("forward-{number}"))).collect();
    let began = Instant::now();
    let text = written(forwards, Format::Prometheus);
    let took = began.elapsed();
    assert!(text.lines().count() > 30_000);
    assert!(took < Duration::from_secs(2), "{took:?}");
}
