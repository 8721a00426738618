//! Tables of settings, close reasons, metrics and crossings, from the rows of the crates.

use super::{Parts, code, table};
use flow::{By, Cause, Fallback, Phase};
use observe::metrics::METRICS;
use plan::{Section, Setting, settings};
use testkit::crossings::{STATES, of_setting};

pub(super) fn parts() -> Parts {
    Parts::from([
        ("settings.process", settings_of(Section::Process)),
        ("settings.log", settings_of(Section::Log)),
        ("settings.fleet", settings_of(Section::Fleet)),
        ("settings.forward", settings_of(Section::Forward)),
        ("settings.defaults", settings_of(Section::ForwardDefaults)),
        ("settings.keepalive", settings_of(Section::Inside("keepalive"))),
        ("settings.to", settings_of(Section::Inside("to"))),
        ("settings.route", settings_of(Section::Inside("route"))),
        ("settings.accept_proxy", settings_of(Section::Inside("accept_proxy"))),
        ("settings.per_client", settings_of(Section::Inside("per_client"))),
        ("settings.rate", settings_of(Section::Inside("rate"))),
        ("settings.passive", settings_of(Section::Inside("passive"))),
        ("settings.crossings", setting_crossings()),
        ("states.crossings", state_crossings()),
        ("close.by", words("By", By::ALL, |it| (it.as_str(), it.explanation()))),
        ("close.phase", words("Phase", Phase::ALL, |it| (it.as_str(), it.explanation()))),
        ("close.cause", words("Cause", Cause::ALL, |it| (it.as_str(), it.explanation()))),
        ("fallback", words("Fallback", Fallback::ALL, |it| (it.as_str(), it.explanation()))),
        ("metrics", metrics()),
    ])
}

fn settings_of(section: Section) -> String {
    let row = |setting: &Setting| {
        vec![
            code(setting.key),
            setting.kind.values(),
            setting.default().map_or_else(|| "–".to_owned(), |default| code(&default)),
            setting.effect.explanation().to_owned(),
            setting.doc.to_owned(),
        ]
    };
    let rows = settings().iter().filter(|setting| setting.section == section).map(row);
    table(&["Key", "Values", "Default", "A change takes effect", "Meaning"], rows)
}

fn crossing_head(first: &str) -> [&str; 5] {
    [first, "Reload", "Fall-back", "Upgrade", "Fall-back after an upgrade"]
}

fn setting_crossings() -> String {
    let row = |setting: &Setting| {
        let key = code(&format!("{} {}", setting.section.header(), setting.key));
        let cells = of_setting(setting.effect.explanation()).into_iter().flatten();
        [key].into_iter().chain(cells.map(str::to_owned)).collect()
    };
    table(&crossing_head("Key"), settings().iter().map(row))
}

fn state_crossings() -> String {
    let rows = STATES.iter().map(|(state, cells)| {
        [*state].iter().chain(cells).map(|text| (*text).to_owned()).collect()
    });
    table(&crossing_head("State"), rows)
}

fn words<T: Copy>(head: &str, all: &[T], texts: fn(T) -> (&'static str, &'static str)) -> String {
    let row = |value: &T| {
        let (word, explanation) = texts(*value);
        vec![code(word), explanation.to_owned()]
    };
    table(&[head, "Meaning"], all.iter().map(row))
}

fn metrics() -> String {
    let rows = METRICS.iter().map(|metric| {
        let labels: Vec<_> = metric.labels.iter().map(|label| code(label)).collect();
        let labels = if labels.is_empty() { "–".to_owned() } else { labels.join(", ") };
        vec![code(metric.name), metric.kind.as_str().to_owned(), labels, metric.help.to_owned()]
    });
    table(&["Metric", "Type", "Labels", "Meaning"], rows)
}
