//! Rendering of values as TOML.

use std::fmt::Write as _;
use std::time::Duration;

use flow::HelloRule;

use crate::prefix_list::PrefixEntry;
use crate::setting::{Kind, Setting};
use crate::sizes::format_size;
use crate::table::Table;
use crate::target::{TargetOptions, TargetRange};
use crate::units::format_duration;
use crate::value::{FILE, ParsedValue, Value};

impl Value {
    /// The value as TOML, for a setting of this kind.
    pub(crate) fn written(&self, kind: Kind) -> String {
        match self {
            Self::Duration(time) => basic_string(&duration(kind, *time)),
            Self::Count(count) => count.to_string(),
            Self::Size(size) => basic_string(&format_size(*size)),
            Self::Bool(value) => value.to_string(),
            Self::Word(word) => basic_string(word),
            Self::Text(text) => basic_string(text),
            Self::Share(share) => share.to_string(),
            Self::PerTime(rate) => basic_string(&rate.to_string()),
            Self::ByteRate(rate) => basic_string(&rate.to_string()),
            Self::PrefixLengths(lengths) => lengths.to_string(),
            Self::TrustedPeer(peer) => basic_string(&peer.to_string()),
            Self::Source(range) => basic_string(&range.to_string()),
            Self::Mode(mode) => basic_string(&mode.to_string()),
            Self::StoreUrl(url) => basic_string(&url.to_string()),
            Self::Statuses(range) => basic_string(&range.to_string()),
            Self::Network(prefix) | Self::Prefix(PrefixEntry::Prefix(prefix)) => {
                basic_string(&prefix.to_string())
            }
            Self::Prefix(PrefixEntry::File(file)) => {
                basic_string(&format!("{FILE}{}", file.path.display()))
            }
            Self::Path(path) => basic_string(&path.to_string_lossy()),
            Self::Admin(value) => basic_string(&value.to_string()),
            Self::Metrics(address) => basic_string(&address.to_string()),
            Self::Listen(address) => basic_string(&address.to_string()),
            Self::TargetAddress(address) => basic_string(&address.to_string()),
            Self::Target(of) => target(of),
            Self::ServerName(name) => basic_string(name.as_str()),
            Self::Route(entry) => {
                route(&entry.rule, entry.targets.iter().map(|it| it.target.clone()))
            }
            Self::List(values) => list(kind, values),
            Self::Table(entries) => table(entries),
        }
    }
}

/// A list with one element is written as the element.
fn list(kind: Kind, values: &[Option<ParsedValue>]) -> String {
    let of = if let Kind::List(of) = kind.without_word() { *of } else { kind };
    let values = values.iter().flatten().map(|parsed| parsed.value.written(of));
    one_or_list(&values.collect::<Vec<_>>())
}

/// A target: its address, or a table if an option differs from its default.
pub(crate) fn target(target: &TargetRange) -> String {
    let address = basic_string(&target.address.to_string());
    let defaults = TargetOptions::default();
    let options = TargetOptions::SETTINGS.iter().filter_map(|setting| {
        let value = target.options.written(setting)?;
        let differs = defaults.written(setting).as_ref() != Some(&value);
        differs.then(|| format!(", {} = {value}", setting.key))
    });
    match options.collect::<String>() {
        options if options.is_empty() => address,
        options => format!("{{ address = {address}{options} }}"),
    }
}

/// A route as an inline table.
pub(crate) fn route(rule: &HelloRule, targets: impl Iterator<Item = TargetRange>) -> String {
    let names = rule.names.iter().map(|name| basic_string(name.as_str())).collect::<Vec<_>>();
    let protocols = rule.protocols.iter().map(|it| basic_string(it)).collect::<Vec<_>>();
    let targets = targets.map(|it| target(&it)).collect::<Vec<_>>();
    let entries = [("sni", names), ("alpn", protocols), ("to", targets)];
    let entries = entries.iter().filter(|(_, values)| !values.is_empty());
    let entries = entries.map(|(key, values)| format!("{key} = {}", one_or_list(values)));
    format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
}

pub(crate) fn one_or_list(entries: &[String]) -> String {
    match entries {
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    }
}

fn table(entries: &[(&'static Setting, Value)]) -> String {
    let entries = entries
        .iter()
        .map(|(setting, value)| format!("{} = {}", setting.key, value.written(setting.kind)));
    format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
}

/// Durations that the kernel counts in seconds are written in seconds, like its own settings.
fn duration(kind: Kind, time: Duration) -> String {
    match kind.without_word() {
        Kind::Duration { step, .. } if step == Duration::from_secs(1) => {
            format!("{}s", time.as_secs())
        }
        _ => format_duration(time),
    }
}

/// Quotes text as a TOML basic string.
pub fn basic_string(text: &str) -> String {
    let mut string = String::with_capacity(text.len() + 2);
    string.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => string.extend(['\\', c]),
            '\r' => string.push_str("\\r"),
            '\n' => string.push_str("\\n"),
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
