//! Descriptions of a setting's kind for error messages, the reference and the manual page.

use std::time::Duration;

use flow::Share;

use crate::byte_rate::ByteRate;
use crate::setting::{Content, Kind, Role, Setting};
use crate::sizes::format_size;
use crate::units::format_duration;

const SECOND: Duration = Duration::from_secs(1);

/// A noun phrase for a value of this kind, to follow "expected ".
pub(crate) fn describe(kind: Kind) -> String {
    match kind {
        Kind::Duration { .. } => "a duration such as \"30s\"".to_owned(),
        Kind::Count { min, max: u32::MAX } => format!("a whole number from {min} up"),
        Kind::Count { min, max } => format!("a whole number from {min} to {max}"),
        Kind::Size { .. } => "a size such as \"10MiB\"".to_owned(),
        Kind::Bool => "true or false".to_owned(),
        Kind::Choice(words) => format!("one of \"{}\"", words.join("\", \"")),
        Kind::Name | Kind::Text(Content::Instance | Content::StoreUser) => "a name".to_owned(),
        Kind::Listen => "an address such as \":5432\"".to_owned(),
        Kind::TargetAddress | Kind::Target(_) => {
            "an address such as \"db.internal:5432\"".to_owned()
        }
        Kind::Source => "an address such as \"10.0.0.9\"".to_owned(),
        Kind::Prefix | Kind::TrustedPeer | Kind::Network => {
            "a prefix such as \"10.0.0.0/8\"".to_owned()
        }
        Kind::Share => "a number such as 9".to_owned(),
        Kind::PerTime => "a number per time such as \"20/s\"".to_owned(),
        Kind::ByteRate { .. } => "a rate such as \"10MiB/s\"".to_owned(),
        Kind::PrefixLengths => "two lengths such as [32, 64]".to_owned(),
        Kind::Path(role) => format!("the path of a {}", file_or_directory(role)),
        Kind::Account => "a name or a number in quotes".to_owned(),
        Kind::Mode => "a mode such as \"0660\"".to_owned(),
        Kind::Admin => {
            "\"auto\", \"off\", \"unix:/path\" or an address such as \"127.0.0.1:9180\"".to_owned()
        }
        Kind::Metrics => "an address such as \"0.0.0.0:9180\"".to_owned(),
        Kind::Or(word, kind) => format!("{}, or \"{word}\"", describe(*kind)),
        Kind::List(kind) => format!("{}, or a list of {}", describe(*kind), plural(*kind)),
        Kind::Text(Content::HttpPath) => "a path such as \"/health\"".to_owned(),
        Kind::Text(Content::Host) => "a host such as \"db.internal\"".to_owned(),
        Kind::Text(Content::Name) => "a name such as \"eth0\"".to_owned(),
        Kind::Text(Content::Bytes) => "a text".to_owned(),
        Kind::Text(Content::Protocol) => "a protocol such as \"h2\"".to_owned(),
        Kind::ServerName => "a server name such as \"db.example.com\"".to_owned(),
        Kind::Route(_) => {
            "a table such as { sni = \"db.example.com\", to = \"10.0.0.5:5432\" }".to_owned()
        }
        Kind::StoreUrl => "an address such as \"etcd://10.0.0.1:2379/edge\"".to_owned(),
        Kind::Statuses => "statuses such as \"200-399\"".to_owned(),
        Kind::KeyOrTable(words, _) => format!("\"{}\", a table", words.join("\", \"")),
        Kind::Table(settings) => format!("a table such as {{ {} }}", example(settings)),
    }
}

/// A plural noun for values of this kind.
pub(crate) fn plural(kind: Kind) -> &'static str {
    match kind {
        Kind::Listen | Kind::TargetAddress | Kind::Source | Kind::Admin => "addresses",
        Kind::Target(_) => "targets",
        Kind::Name | Kind::ServerName => "names",
        Kind::Text(Content::Protocol) => "protocols",
        Kind::Route(_) => "routes",
        Kind::Path(_) => "paths",
        Kind::Prefix | Kind::TrustedPeer | Kind::Network => "prefixes",
        _ => "values",
    }
}

/// The first key of an inline table with a value for a message.
fn example(settings: &[Setting]) -> String {
    let value = |setting: &Setting| {
        let default = setting.default().filter(|it| *it != "\"off\"");
        default.or_else(|| setting.kind.example().map(str::to_owned))
    };
    let first = settings.iter().find_map(|setting| Some((setting.key, value(setting)?)));
    first.map(|(key, value)| format!("{key} = {value}")).unwrap_or_default()
}

fn file_or_directory(role: Role) -> &'static str {
    if role.is_directory() { "directory" } else { "file" }
}

/// Words with commas between them.
fn listed(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

const INSTANCE_NAMES: &str = "1 to 64 letters, digits, `.`, `-` or `_`";

const PREFIX_LENGTHS: &str = "a list of two lengths: `1` to `32` for IPv4, `1` to `128` for IPv6";

fn byte_rates(min: ByteRate, max: ByteRate) -> String {
    format!("a rate from `{min}` to `{max}`")
}

impl Kind {
    /// A value for a message, of settings without a default.
    fn example(self) -> Option<&'static str> {
        match self {
            Self::List(Self::TrustedPeer) => Some("\"10.0.0.0/24\""),
            Self::Or(_, Self::ByteRate { .. }) => Some("\"10MiB/s\""),
            Self::Count { .. } => Some("100"),
            _ => None,
        }
    }

    /// The allowed values, with literals in backticks.
    pub fn values(self) -> String {
        match self {
            Self::Duration { min, max, step } => {
                let unit = if step == SECOND { " in whole seconds" } else { "" };
                let (min, max) = (format_duration(min), format_duration(max));
                format!("a duration from `{min}` to `{max}`{unit}")
            }
            Self::Count { min, max: u32::MAX } => format!("{min} or more"),
            Self::Count { min, max } => format!("{min} to {max}"),
            Self::Size { min, max } => {
                let (min, max) = (format_size(min), format_size(max));
                format!("a size from `{min}` to `{max}`")
            }
            Self::Bool => "`true`, `false`".to_owned(),
            Self::Choice(words) => listed(words.iter().map(|word| format!("`\"{word}\"`"))),
            Self::Name => "1 to 128 bytes without white space".to_owned(),
            Self::Listen | Self::TargetAddress => "an address".to_owned(),
            Self::Target(_) => "an address, a table".to_owned(),
            Self::Prefix => "a prefix, an address, `\"file:/path\"`".to_owned(),
            Self::Path(role) => format!("the path of a {}", file_or_directory(role)),
            Self::Account => "a name, or a number in quotes".to_owned(),
            Self::Mode => "permissions from `\"0000\"` to `\"0777\"`".to_owned(),
            Self::Admin => "`\"auto\"`, `\"off\"`, a Unix socket, or a loopback address".to_owned(),
            Self::Metrics => "an address with a port".to_owned(),
            Self::Or(word, kind) => format!("{}, or `\"{word}\"`", kind.values()),
            Self::List(kind) => format!("{}, or a list of them", kind.values()),
            Self::Text(content) => content.values().to_owned(),
            Self::Source => "an address, a range such as `\"10.0.0.9-10.0.0.12\"`".to_owned(),
            Self::StoreUrl => "`\"etcd://HOST:PORT,.../PREFIX\"`, or `etcds://` for TLS".to_owned(),
            Self::ServerName => "a name, or `*.` and a domain".to_owned(),
            Self::Network => "a prefix, or an address".to_owned(),
            Self::Share => format!("a number from `0.001` to `{}`", Share::MAX),
            Self::PerTime => "a number per time, with `s`, `m` or `h`".to_owned(),
            Self::ByteRate { min, max } => byte_rates(ByteRate(min), ByteRate(max)),
            Self::PrefixLengths => PREFIX_LENGTHS.to_owned(),
            Self::TrustedPeer => "a prefix, an address, or `\"unix\"`".to_owned(),
            Self::Statuses => "a status or a range from `100` to `599`".to_owned(),
            Self::KeyOrTable(words, settings) => {
                format!("{}, {}", Self::Choice(words).values(), Self::Table(settings).values())
            }
            Self::Table(settings) | Self::Route(settings) => {
                let keys = settings.iter().map(|setting| format!("`{}`", setting.key));
                format!("a table of {}", listed(keys))
            }
        }
    }
}

impl Content {
    /// The allowed texts.
    fn values(self) -> &'static str {
        match self {
            Self::HttpPath => "a path from `/` on",
            Self::Host => "a host, or a host and a port",
            Self::Name => "a name of at most 15 bytes",
            Self::Bytes => "1 to 1024 bytes of text",
            Self::Instance => INSTANCE_NAMES,
            Self::StoreUser => "a name of at most 1024 bytes",
            Self::Protocol => "a protocol of 1 to 255 bytes",
        }
    }
}
