//! Values of a plan as they would be written in TOML.

use std::fmt::Write as _;
use std::time::Duration;

use crate::address::Ranged;
use crate::fields::of_forward;
use crate::plan::{Forward, Route};
use crate::process_table::AdminAddress;
use crate::settings::{Kind, Section, find, settings};
use crate::sizes::format_size;
use crate::units::format_duration;
use crate::value::Value;

/// A setting's value; `None` if it would not be written at all.
pub(crate) fn written(kind: Kind, value: &Value) -> Option<String> {
    Some(match value {
        Value::Nothing => match kind {
            Kind::Path | Kind::Account => return None,
            Kind::Count { .. } => basic_string("auto"),
            _ => basic_string("off"),
        },
        Value::Duration(time) => basic_string(&duration(kind, *time)),
        Value::Count(count) => count.to_string(),
        Value::Size(size) => basic_string(&format_size(*size)),
        Value::Bool(value) => value.to_string(),
        Value::Word(word) => basic_string(word),
        Value::Path(path) => basic_string(&path.to_string_lossy()),
        Value::Admin(AdminAddress::Auto) => basic_string("auto"),
        Value::Admin(AdminAddress::Off) => basic_string("off"),
        Value::Admin(AdminAddress::Unix(path)) => basic_string(&format!("unix:{}", path.display())),
        Value::Admin(AdminAddress::Tcp(address)) => basic_string(&address.to_string()),
        Value::Keepalive(entries) => format!("{{ {} }}", keepalive(entries)),
    })
}

fn keepalive(entries: &[(&'static str, Value)]) -> String {
    let entries = entries.iter().filter_map(|(key, value)| {
        let kind = find(&[Section::Keepalive], key)?.kind;
        Some(format!("{key} = {}", written(kind, value)?))
    });
    entries.collect::<Vec<_>>().join(", ")
}

/// What the kernel counts in seconds is written in seconds, as its own settings are.
fn duration(kind: Kind, time: Duration) -> String {
    match kind {
        Kind::Duration { step, .. } if step == Duration::from_secs(1) => {
            format!("{}s", time.as_secs())
        }
        _ => format_duration(time),
    }
}

/// The settings of a forward, by key, as they would be written in TOML: what is not set has its
/// default.
pub fn written_settings(forward: &Forward) -> impl Iterator<Item = (&'static str, String)> {
    let settings = settings().iter();
    let settings = settings.filter(|setting| setting.section == Section::ForwardDefaults);
    settings.filter_map(|setting| {
        let value = of_forward(&forward.settings, setting.key)?;
        Some((setting.key, written(setting.kind, &value)?))
    })
}

/// A forward as a TOML file that holds nothing else: its own settings are written where they are
/// not the default.
pub fn written_forward(forward: &Forward) -> String {
    let own = [
        ("name", basic_string(&forward.name)),
        ("listen", listen(forward)),
        ("to", target(forward)),
    ];
    let default = |key| find(&[Section::ForwardDefaults], key).and_then(|it| it.default);
    let settings = written_settings(forward).filter(|(key, text)| default(key) != Some(text));
    let lines = own.into_iter().chain(settings).map(|(key, text)| format!("{key} = {text}\n"));
    ["[[forward]]\n".to_owned()].into_iter().chain(lines).collect()
}

/// Where a forward listens: one address, or a list of them.
pub(crate) fn listen(forward: &Forward) -> String {
    let entries: Vec<_> = forward
        .routes
        .chunks(ports(&forward.routes))
        .filter_map(|routes| {
            let first = routes.first()?.listen.clone();
            Some(basic_string(&Ranged { first, count: count(routes) }.to_string()))
        })
        .collect();
    match &entries[..] {
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    }
}

/// The target of a forward.
pub(crate) fn target(forward: &Forward) -> String {
    let mut entries = forward.routes.chunks(ports(&forward.routes));
    let target = entries.next().and_then(|routes| {
        let first = routes.first()?.target.clone();
        Some(Ranged { first, count: count(routes) }.to_string())
    });
    basic_string(&target.unwrap_or_default())
}

/// How many ports each listen entry has: as many as the target, which the next entry starts anew.
fn ports(routes: &[Route]) -> usize {
    let first = routes.first().map(|route| &route.target);
    let again = routes.iter().skip(1).position(|route| Some(&route.target) == first);
    again.map_or(routes.len(), |after| after + 1).max(1)
}

fn count(routes: &[Route]) -> u16 {
    u16::try_from(routes.len()).unwrap_or(u16::MAX)
}

/// Text as a basic string of TOML, in its quotes.
pub fn basic_string(text: &str) -> String {
    let mut string = String::with_capacity(text.len() + 2);
    string.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => string.extend(['\\', c]),
            c if c.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(string, "\\u{:04X}", u32::from(c));
            }
            c => string.push(c),
        }
    }
    string.push('"');
    string
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{of_log, of_process};
    use crate::testing::plan_of;
    use crate::{ForwardSettings, Log, Plan, Process, settings};

    /// The values of a section as lines of TOML.
    fn lines(section: Section, of: impl Fn(&str) -> Option<Value>) -> String {
        let settings = settings().iter().filter(|setting| setting.section == section);
        let lines = settings.filter_map(|setting| {
            let value = of(setting.key).unwrap_or_else(|| panic!("{} is not got", setting.key));
            Some(format!("{} = {}\n", setting.key, written(setting.kind, &value)?))
        });
        lines.collect()
    }

    fn whole(plan: &Plan) -> String {
        let process = lines(Section::Process, |key| of_process(&plan.process, key));
        let log = lines(Section::Log, |key| of_log(&plan.log, key));
        let mut text = format!("[process]\n{process}[log]\n{log}");
        for forward in &plan.forwards {
            let settings =
                lines(Section::ForwardDefaults, |key| of_forward(&forward.settings, key));
            let name = basic_string(&forward.name);
            let (listen, to) = (listen(forward), target(forward));
            let own = format!("name = {name}\nlisten = {listen}\nto = {to}\n");
            text += &["[[forward]]\n", &own, &settings].concat();
        }
        text
    }

    #[test]
    fn defaults_are_written_as_in_the_table() {
        let process = Process::default();
        let log = Log::default();
        let forward = ForwardSettings::default();
        let keepalive = of_forward(&forward, "keepalive");
        for setting in settings() {
            let value = match setting.section {
                Section::Process => of_process(&process, setting.key),
                Section::Log => of_log(&log, setting.key),
                Section::ForwardDefaults => of_forward(&forward, setting.key),
                Section::Keepalive => match &keepalive {
                    Some(Value::Keepalive(entries)) => entries
                        .iter()
                        .find(|(key, _)| *key == setting.key)
                        .map(|(_, value)| value.clone()),
                    _ => None,
                },
                Section::Forward => continue,
            };
            let value = value.unwrap_or_else(|| panic!("{} is not got", setting.key));
            assert_eq!(written(setting.kind, &value).as_deref(), setting.default, "{setting:?}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let samples = [
            include_str!("../tests/samples/valid/every_key.toml"),
            include_str!("../tests/samples/valid/auto_words.toml"),
            include_str!("../tests/samples/valid/admin_port.toml"),
        ];
        for sample in samples {
            let plan = plan_of(sample);
            let text = whole(&plan);
            let again = plan_of(&text);
            assert_eq!((&again.process, &again.log), (&plan.process, &plan.log), "{text}");
            assert_eq!(again.forwards.len(), plan.forwards.len());
            for (again, forward) in again.forwards.iter().zip(&plan.forwards) {
                assert_eq!(again.name, forward.name);
                assert_eq!(again.routes, forward.routes, "{text}");
                assert_eq!(again.settings, forward.settings, "{text}");
            }
        }
    }

    #[test]
    fn a_forward_alone_reads_back_and_holds_no_defaults() {
        let plan = plan_of(include_str!("../tests/samples/valid/every_key.toml"));
        for forward in &plan.forwards {
            let text = written_forward(forward);
            let again = &plan_of(&text).forwards[0];
            assert_eq!(again.routes, forward.routes, "{text}");
            assert_eq!(again.settings, forward.settings, "{text}");
        }
        let bare = plan_of("[[forward]]\nname = 'a'\nlisten = ':1'\nto = 'h:2'\n");
        let text = written_forward(&bare.forwards[0]);
        assert_eq!(text, "[[forward]]\nname = \"a\"\nlisten = \":1\"\nto = \"h:2\"\n");
    }

    #[test]
    fn ranges_and_lists_are_written_as_such() {
        let plan = plan_of(
            "[[forward]]\nlisten = [':9000-9002', '127.0.0.1:100-102']\nto = 'h:1-3'\n\
             [[forward]]\nlisten = '80'\nto = 'unix:/a\"b\\c'\n",
        );
        let texts: Vec<_> = plan.forwards.iter().map(|f| [listen(f), target(f)]).collect();
        assert_eq!(texts[0], [r#"[":9000-9002", "127.0.0.1:100-102"]"#, r#""h:1-3""#]);
        assert_eq!(texts[1], [r#"":80""#, r#""unix:/a\"b\\c""#]);
        assert_eq!(basic_string("a\u{1b}"), r#""a\u001B""#);
    }
}
