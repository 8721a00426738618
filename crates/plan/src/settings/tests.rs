//! Each row is read, written and compared.

use super::*;
use crate::Plan;
use crate::testing::plan_of;
use std::collections::HashSet;

/// Keys of a fleet that others need.
const FLEET: [(&str, &str); 5] = [
    ("from", "'etcds://h/p'"),
    ("user", "'u'"),
    ("password_file", "'/p'"),
    ("certificate", "'/c'"),
    ("key", "'/k'"),
];

/// A file that sets one key, and the keys that it requires.
fn file(setting: &Setting, value: &str) -> String {
    let key = setting.key;
    let forward = match (setting.section, key) {
        (Section::ForwardDefaults, "mode" | "owner" | "group")
        | (Section::Inside("accept_proxy"), "from") => {
            "[[forward]]\nlisten = 'unix:/x'\nto = 'h:1'\n"
        }
        _ => "[[forward]]\nlisten = ':1'\nto = 'h:1'\n",
    };
    let needed = match key {
        "admin" if value.contains(":9") => "admin_token_file = 'x'\n",
        "admin_token_file" => "admin = '127.0.0.1:9'\n",
        "group" if setting.section == Section::Process => "user = 'x'\n",
        "pass_tlvs" if value == "true" => "accept_proxy = { from = '::1' }\nsend_proxy = 'v2'\n",
        _ => "",
    };
    match setting.section {
        Section::Fleet => {
            let others = FLEET.iter().filter(|(other, _)| *other != key);
            let others = others.map(|(other, value)| format!("{other} = {value}\n"));
            format!("[fleet]\n{}{key} = {value}\n{forward}", others.collect::<String>())
        }
        Section::Inside("to") => {
            let to = format!("{{ address = 'h:1', {key} = {value} }}");
            format!("[[forward]]\nlisten = ':1'\nto = {to}\n{needed}")
        }
        Section::Inside("check") => {
            let needed = match (key, value) {
                ("connect" | "tls", "true") | ("http" | "expect", _) => "",
                ("method" | "status" | "host", _) => ", http = '/'",
                ("send", _) => ", expect = 'x'",
                ("connect", _) => ", tls = true",
                _ => ", connect = true",
            };
            format!("{forward}check = {{ {key} = {value}{needed} }}\n")
        }
        Section::Inside(table) => {
            let needed = match (key, value) {
                ("down", "\"3650d\"") => ", down_max = '3650d'",
                ("down_max", "\"1ms\"") => ", down = '1ms'",
                ("timeout", _) => ", from = '::1'",
                ("burst", _) => ", new = '1/s'",
                _ => "",
            };
            format!("{forward}{table} = {{ {key} = {value}{needed} }}\n")
        }
        section => format!("{}\n{needed}{key} = {value}\n{forward}", section.header()),
    }
}

fn written(plan: &Plan, setting: &Setting) -> Option<String> {
    let settings = &plan.forwards[0].settings;
    match setting.section {
        Section::Process => plan.process.written(setting),
        Section::Log => plan.log.written(setting),
        Section::Fleet => FleetTable::of(plan.fleet.as_ref().unwrap()).written(setting),
        Section::ForwardDefaults => settings.written(setting),
        Section::Inside("to") => plan.forwards[0].routes[0].targets[0].options.written(setting),
        Section::Inside("keepalive") => settings.keepalive.unwrap().written(setting),
        Section::Inside("accept_proxy") => settings.accept_proxy.as_ref().unwrap().written(setting),
        Section::Inside("per_client") => settings.per_client.as_ref().unwrap().written(setting),
        Section::Inside("rate") => settings.rate.unwrap().written(setting),
        Section::Inside("check") => settings.check.as_ref().unwrap().written(setting),
        Section::Inside("passive") => settings.passive.unwrap().written(setting),
        other => panic!("{other:?} has no table"),
    }
}

fn with_a_field() -> impl Iterator<Item = &'static Setting> {
    let is_address = |kind| matches!(kind, Kind::TargetAddress);
    let settings = settings().iter().filter(move |setting| !is_address(setting.kind));
    // A route is no table with fields: `hello_routes.toml` has its keys.
    let has_no_field = [Section::Forward, Section::Inside("route")];
    settings.filter(move |setting| !has_no_field.contains(&setting.section))
}

/// Sample values of a kind as TOML.
fn samples(kind: Kind) -> Vec<String> {
    match kind {
        Kind::Duration { min, max, .. } => {
            [min, max].map(|time| crate::value::Value::Duration(time).written(kind)).into()
        }
        Kind::Size { min, max } => {
            [min, max].map(|size| crate::value::Value::Size(size).written(kind)).into()
        }
        Kind::Count { min, max } => [min, max].map(|count| count.to_string()).into(),
        Kind::Bool => vec!["true".to_owned(), "false".to_owned()],
        Kind::Choice(words) => words.iter().map(|word| format!("\"{word}\"")).collect(),
        Kind::Path(role) if role.is_absolute() => vec!["\"/path/y\"".to_owned()],
        Kind::StoreUrl => {
            vec!["\"etcds://[::1]:1/path/p\"".to_owned(), "\"etcds://a:2379,b:2/x\"".to_owned()]
        }
        Kind::Text(content) => vec![of_text(content).to_owned()],
        Kind::Path(_) | Kind::Account => vec!["\"x\"".to_owned()],
        Kind::Metrics => vec!["\":9\"".to_owned(), "\"[::1]:9\"".to_owned()],
        Kind::Or(word, kind) => [vec![format!("\"{word}\"")], samples(*kind)].concat(),
        Kind::Table(settings) => vec![table(settings)],
        Kind::Statuses => vec!["\"100\"".to_owned(), "\"204-599\"".to_owned()],
        Kind::KeyOrTable(words, _) => {
            let times = "every = \"2s\", timeout = \"1s\", fall = 3, rise = 2";
            words.iter().map(|word| format!("{{ {word} = true, {times} }}")).collect()
        }
        Kind::List(of) => lists(*of),
        Kind::Share => ["9", "0.001", "2.5", "1000000"].map(str::to_owned).into(),
        // More is a problem for `admin_mode`.
        Kind::Mode => ["0000", "0660"].map(|mode| format!("\"{mode}\"")).into(),
        Kind::PerTime => vec!["\"20/s\"".to_owned(), "\"1/h\"".to_owned()],
        Kind::ByteRate { .. } => vec!["\"64KiB/s\"".to_owned(), "\"1TiB/s\"".to_owned()],
        Kind::PrefixLengths => vec!["[1, 1]".to_owned(), "[32, 128]".to_owned()],
        Kind::Name
        | Kind::Listen
        | Kind::TargetAddress
        | Kind::Target(_)
        | Kind::Prefix
        | Kind::TrustedPeer
        | Kind::Network
        | Kind::Source
        | Kind::Admin
        | Kind::ServerName
        | Kind::Route(_) => {
            panic!("{kind:?} has no field")
        }
    }
}

fn of_text(content: Content) -> &'static str {
    match content {
        Content::HttpPath => "\"/x\"",
        Content::Instance | Content::StoreUser | Content::Host | Content::Name | Content::Bytes => {
            "\"x\""
        }
        Content::Protocol => panic!("{content:?} has no field"),
    }
}

/// A table with the last sample of each key.
fn table(settings: &[Setting]) -> String {
    let value = |it: &Setting| samples(it.kind).pop().unwrap();
    let entries = settings.iter().map(|it| format!("{} = {}", it.key, value(it)));
    format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
}

/// Sample lists of a kind as TOML.
fn lists(of: Kind) -> Vec<String> {
    let lists: &[&str] = match of {
        Kind::Prefix | Kind::Network => {
            &["[]", "\"10.0.0.0/8\"", "[\"10.0.0.7\", \"2001:db8::/32\"]"]
        }
        Kind::Admin => &[
            "\"auto\"",
            "\"off\"",
            "\"unix:/x\"",
            "\"127.0.0.1:9\"",
            "[\"auto\", \"127.0.0.1:9\"]",
            "[\"unix:/x\", \"[::1]:9\"]",
        ],
        Kind::Source => &["[]", "\"10.0.0.9\"", "[\"10.0.0.9-10.0.0.12\", \"2001:db8::1\"]"],
        Kind::TrustedPeer => &["\"unix\"", "[\"10.0.0.0/8\", \"2001:db8::1\"]"],
        other => panic!("{other:?} has no list"),
    };
    lists.iter().map(ToString::to_string).collect()
}

#[test]
fn each_value_of_each_setting_reaches_its_field() {
    for setting in with_a_field() {
        for sample in samples(setting.kind) {
            let plan = plan_of(&file(setting, &sample));
            assert_eq!(written(&plan, setting), Some(sample), "{}", setting.key);
        }
    }
}

#[test]
fn a_default_can_be_given_explicitly() {
    let typed = (Process::default(), Log::default(), ForwardSettings::default());
    for setting in with_a_field() {
        let Some(default) = setting.default() else { continue };
        let plan = plan_of(&file(setting, &default));
        let parts = (plan.process.clone(), plan.log.clone(), plan.forwards[0].settings.clone());
        // Without these tables there is no check, and no header.
        if !matches!(
            setting.section,
            Section::Inside("check" | "accept_proxy" | "per_client" | "rate")
        ) {
            assert_eq!(parts, typed, "{}", setting.key);
        }
        assert_eq!(written(&plan, setting), Some(default), "{}", setting.key);
    }
}

#[test]
fn a_setting_of_a_later_version_says_so() {
    struct Later {
        old: bool,
        new: bool,
    }
    rows! { Section::Log, Later {
        /// Old.
        old = false, Kind::Bool => AtOnce;

        /// New.
        new = false, Kind::Bool => AtOnce, since (1, 2, 3);
    } }
    let since = Later::SETTINGS.iter().map(|setting| setting.since.to_string());
    assert_eq!(since.collect::<Vec<_>>(), ["0.2.0", "1.2.3"]);
    let later = Later::defaults();
    assert_eq!((later.old, later.new), (false, false));
    assert!(settings().iter().all(|setting| setting.since.to_string() == "0.2.0"));
}

#[test]
fn keys_are_unique_within_a_table() {
    let mut seen = HashSet::new();
    for setting in settings() {
        let section = match setting.section {
            Section::ForwardDefaults => Section::Forward,
            section => section,
        };
        assert!(seen.insert((section, setting.key)), "{}", setting.key);
        assert!(setting.doc.ends_with('.') && !setting.doc.contains("  "), "{}", setting.doc);
    }
}

#[test]
fn the_settings_of_an_inline_table_follow_it() {
    let keys: Vec<_> = settings().iter().map(|setting| setting.key).collect();
    let at = keys.iter().position(|key| *key == "keepalive").unwrap();
    assert_eq!(keys[at..at + 5], ["keepalive", "idle", "interval", "count", "user_timeout"]);
}
