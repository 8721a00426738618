//! Parsing and checking of setting values by kind.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use flow::{NamePattern, NotAPattern, NotAPrefix, Prefix, Share};

use crate::accept_proxy::TrustedPeer;
use crate::address::{ListenAddress, Ranged, Target};
use crate::address_text::{parse_listen, parse_target};
use crate::admin::{AdminValue, MetricsAddress};
use crate::admin_text::{parse_admin, parse_metrics};
use crate::byte_rate::{ByteRate, parse_byte_rate};
use crate::checked_text::{check_account, check_name, check_path, check_text};
use crate::file_mode::FileMode;
use crate::health_check::{StatusRange, parse_statuses};
use crate::hints;
use crate::per_client::{PerTime, PrefixLengths, parse_per_time};
use crate::prefix_list::{PrefixEntry, PrefixFile};
use crate::problem::ParseError;
use crate::route_entry::RouteEntry;
use crate::setting::{Kind, Role, Setting};
use crate::sizes::{format_size, parse_size};
use crate::source_address::SourceRange;
use crate::store_url::{StoreUrl, parse_store_url};
use crate::target::TargetRange;
use crate::text::{Fragment, cut, nearest, quoted};
use crate::units::{format_duration, parse_duration};
use crate::values_text::describe;

/// A value checked against the kind of its setting.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Duration(Duration),
    Count(u32),
    Size(u64),
    Bool(bool),
    /// One of the words of the setting's kind.
    Word(&'static str),
    Text(String),
    Path(PathBuf),
    Prefix(PrefixEntry),
    Admin(AdminValue),
    Metrics(MetricsAddress),
    Statuses(StatusRange),
    StoreUrl(StoreUrl),
    Mode(FileMode),
    TrustedPeer(TrustedPeer),
    Source(SourceRange),
    ServerName(NamePattern),
    Route(RouteEntry),
    Network(Prefix),
    Share(Share),
    PerTime(PerTime),
    ByteRate(ByteRate),
    PrefixLengths(PrefixLengths),
    Listen(Ranged<ListenAddress>),
    TargetAddress(Ranged<Target>),
    Target(TargetRange),
    /// `None` for each invalid value, which has been reported.
    List(Vec<Option<ParsedValue>>),
    /// The keys given in the inline table.
    Table(Vec<(&'static Setting, Value)>),
}

/// A value with its byte range in the source.
#[derive(Clone, Debug)]
pub(crate) struct ParsedValue {
    pub(crate) value: Value,
    pub(crate) range: Range<usize>,
}

/// Parses a value given as a string.
pub(crate) fn from_text(kind: Kind, text: &str) -> Result<Value, ParseError> {
    if let Some(word) = kind.word().filter(|word| *word == text) {
        return Ok(Value::Word(word));
    }
    let fragment = Fragment::new(text);
    match kind.without_word() {
        Kind::Duration { .. } if text == "off" => {
            Err(fragment.error("this cannot be switched off").hint("give a duration, as in `30s`"))
        }
        Kind::Duration { min, max, step } => duration_within(kind, fragment, [min, max, step]),
        Kind::Size { min, max } => size(fragment, min, max),
        Kind::Prefix => prefix(fragment).map(Value::Prefix),
        Kind::Path(role) => check_path(fragment, role).map(Value::Path),
        Kind::Account => check_account(fragment).map(Value::Text),
        Kind::Mode => mode(fragment).map(Value::Mode),
        Kind::Admin => parse_admin(fragment).map(Value::Admin),
        Kind::Metrics => parse_metrics(fragment).map(Value::Metrics),
        Kind::Text(content) => check_text(fragment, content).map(Value::Text),
        Kind::Statuses => statuses(kind, text).map(Value::Statuses),
        Kind::StoreUrl => parse_store_url(fragment).map(Value::StoreUrl),
        Kind::TrustedPeer => trusted_peer(fragment).map(Value::TrustedPeer),
        Kind::Source => source(fragment).map(Value::Source),
        Kind::ServerName => server_name(fragment).map(Value::ServerName),
        Kind::Network => network(fragment).map(Value::Network),
        Kind::PerTime => parse_per_time(fragment).map(Value::PerTime),
        Kind::ByteRate { min, max } => parse_byte_rate(fragment, min, max).map(Value::ByteRate),
        Kind::KeyOrTable(words, keys) => {
            key_as_table(text, words, keys).ok_or_else(|| not_a_word(fragment, words, kind))
        }
        Kind::Name => check_name(text).map(|()| Value::Text(text.to_owned())),
        Kind::Listen => parse_listen(fragment).map(Value::Listen),
        Kind::TargetAddress => target(fragment).map(Value::TargetAddress),
        Kind::Target(_) => target(fragment).map(TargetRange::new).map(Value::Target),
        Kind::Choice(words) => match words.iter().find(|word| **word == text) {
            Some(word) => Ok(Value::Word(word)),
            None => Err(not_a_word(fragment, words, kind)),
        },
        Kind::Count { .. }
        | Kind::Bool
        | Kind::List(_)
        | Kind::Table(_)
        | Kind::Route(_)
        | Kind::Or(..)
        | Kind::Share
        | Kind::PrefixLengths => Err(no_text(fragment, kind)),
    }
}

/// Parses a duration within these bounds, a multiple of the third.
fn duration_within(
    kind: Kind,
    text: Fragment<'_>,
    [min, max, step]: [Duration; 3],
) -> Result<Value, ParseError> {
    let duration = duration(text.text, min)?;
    check_duration(duration, min, max, step).map_err(|why| {
        let error = text.error(format!("{} is {why}", quoted(text.text)));
        if duration.is_zero() { error.hint(format!("give {}", describe(kind))) } else { error }
    })
}

/// The error of a text in place of a value that is none.
fn no_text(fragment: Fragment<'_>, kind: Kind) -> ParseError {
    let text = fragment.text;
    let error = fragment.error(format!("{} is not {}", quoted(text), describe(kind)));
    let is_number = text.parse::<u32>().is_ok() || Share::of_decimal(text).is_some();
    let unquoted = is_number || text.parse::<bool>().is_ok();
    if unquoted { error.hint(format!("write {} without quotes", cut(text))) } else { error }
}

/// Parses a size within these bounds.
fn size(text: Fragment<'_>, min: u64, max: u64) -> Result<Value, ParseError> {
    check_size(parse_size(text.text)?, min, max)
        .map_err(|why| text.error(format!("{} is {why}", quoted(text.text))))
}

/// Parses statuses, with a hint where they are a list or a class such as `2xx`.
fn statuses(kind: Kind, text: &str) -> Result<StatusRange, ParseError> {
    parse_statuses(text).map_err(|error| error.hint_if(hints::of_value(kind, text)))
}

/// Parses the address of a target, with a hint where it is a list or has a prefix in another form.
fn target(text: Fragment<'_>) -> Result<Ranged<Target>, ParseError> {
    parse_target(text).map_err(|error| {
        let hint = hints::of_prefix(text.text).or_else(|| hints::of_target_list(text.text));
        error.hint_if(hint)
    })
}

/// A duration with its unit. A bare zero needs none where it is too short in all of them.
fn duration(text: &str, min: Duration) -> Result<Duration, ParseError> {
    let is_bare_zero = text.parse() == Ok(0u32) && !min.is_zero();
    if is_bare_zero { Ok(Duration::ZERO) } else { parse_duration(text) }
}

/// The table in which only this key is set, if it is one of `words`.
fn key_as_table(text: &str, words: &[&str], settings: &'static [Setting]) -> Option<Value> {
    let is_it = |setting: &&Setting| setting.key == text && words.contains(&text);
    let setting = settings.iter().find(is_it)?;
    Some(Value::Table(vec![(setting, Value::Bool(true))]))
}

/// The error of a text that is none of the words of a kind.
fn not_a_word(fragment: Fragment<'_>, words: &[&str], kind: Kind) -> ParseError {
    let words = &[words, kind.word().as_slice()].concat();
    let error =
        fragment.error(format!("{} is none of {}", quoted(fragment.text), words.join(", ")));
    let near = hints::of_word(fragment.text, words).or_else(|| nearest(fragment.text, words));
    match (hints::of_value(kind, fragment.text), near) {
        (Some(hint), _) => error.hint(hint),
        (None, Some(word)) => error.hint(format!("did you mean `{word}`?")),
        (None, None) => error,
    }
}

/// Checks a whole number; `None` is one that overflows.
pub(crate) fn from_number(
    kind: Kind,
    number: Option<i128>,
    text: &str,
) -> Result<Value, ParseError> {
    let error = |message: String| Err(ParseError::new(0..text.len(), message));
    match kind.without_word() {
        Kind::Count { min, max } => {
            let count = number.and_then(|number| u32::try_from(number).ok());
            match count.filter(|count| (min..=max).contains(count)) {
                Some(count) => Ok(Value::Count(count)),
                None => error(format!("{} is not {}", quoted(text), describe(kind))),
            }
        }
        Kind::Share => share(kind, text),
        Kind::Duration { .. } | Kind::Size { .. } | Kind::Statuses => from_text(kind, text),
        _ => error(format!("{} is a number and not {}", quoted(text), describe(kind))),
    }
}

/// The bound that a value breaks.
#[derive(Debug)]
enum OutOfRange {
    Shorter(Duration),
    Longer(Duration),
    NoMultiple(Duration),
    Less(u64),
    More(u64),
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Shorter(min) => write!(f, "shorter than {}", format_duration(min)),
            Self::Longer(max) => write!(f, "longer than {}", format_duration(max)),
            Self::NoMultiple(step) => write!(f, "not a multiple of {}", format_duration(step)),
            Self::Less(min) => write!(f, "less than {}", format_size(min)),
            Self::More(max) => write!(f, "more than {}", format_size(max)),
        }
    }
}

fn check_duration(
    duration: Duration,
    min: Duration,
    max: Duration,
    step: Duration,
) -> Result<Value, OutOfRange> {
    if duration < min {
        Err(OutOfRange::Shorter(min))
    } else if duration > max {
        Err(OutOfRange::Longer(max))
    } else if !duration.as_nanos().is_multiple_of(step.as_nanos()) {
        Err(OutOfRange::NoMultiple(step))
    } else {
        Ok(Value::Duration(duration))
    }
}

fn check_size(size: u64, min: u64, max: u64) -> Result<Value, OutOfRange> {
    if size < min {
        Err(OutOfRange::Less(min))
    } else if size > max {
        Err(OutOfRange::More(max))
    } else {
        Ok(Value::Size(size))
    }
}

/// Before the path of a file of prefixes.
pub(crate) const FILE: &str = "file:";

/// Parses an entry of a list of prefixes.
fn prefix(text: Fragment<'_>) -> Result<PrefixEntry, ParseError> {
    if let Some(path) = text.strip_prefix(FILE) {
        return Ok(PrefixEntry::File(PrefixFile::unread(check_path(path, Role::Prefixes)?)));
    }
    match text.text.parse() {
        Ok(prefix) => Ok(PrefixEntry::Prefix(prefix)),
        Err(NotAPrefix::Address) if text.text.starts_with(['/', '.']) => {
            let error = text.error(format!("{} is no prefix", quoted(text.text)));
            Err(error.hint(format!("write \"{FILE}{}\" for a file of prefixes", cut(text.text))))
        }
        Err(error) => Err(not_a_prefix(text, error)),
    }
}

/// The error of a text that is no prefix.
fn not_a_prefix(text: Fragment<'_>, error: NotAPrefix) -> ParseError {
    let error = text.error(format!("{}: {error}", quoted(text.text)));
    error.hint_if(hints::of_prefixes(text.text))
}

/// Parses an address that connections come from, or a range of them.
fn source(text: Fragment<'_>) -> Result<SourceRange, ParseError> {
    text.text.parse().map_err(|mistake| text.error(format!("{} {mistake}", quoted(text.text))))
}

/// Parses permission bits.
fn mode(text: Fragment<'_>) -> Result<FileMode, ParseError> {
    text.text.parse().map_err(|mistake| text.error(format!("{} {mistake}", quoted(text.text))))
}

/// Checks a fair share, as written.
pub(crate) fn share(kind: Kind, text: &str) -> Result<Value, ParseError> {
    Share::of_decimal(text).map(Value::Share).ok_or_else(|| {
        let message = format!("{} is not {}", quoted(text), describe(kind));
        let values = format!("give {}", kind.values().replace('`', ""));
        ParseError::new(0..text.len(), message).hint(values)
    })
}

/// Checks the lengths of a list; `None` is one that is no number.
pub(crate) fn prefix_lengths(lengths: &[Option<u32>], text: &str) -> Result<Value, ParseError> {
    let lengths = match lengths {
        [Some(v4), Some(v6)] => PrefixLengths::of(*v4, *v6),
        _ => None,
    };
    lengths.map(Value::PrefixLengths).ok_or_else(|| {
        let message = format!("{} is not {}", quoted(text), describe(Kind::PrefixLengths));
        let hint = "the first is for IPv4, 1 to 32, and the second for IPv6, 1 to 128";
        ParseError::new(0..text.len(), message).hint(hint)
    })
}

/// Parses a prefix, or an address.
fn network(text: Fragment<'_>) -> Result<Prefix, ParseError> {
    text.text.parse().map_err(|error| not_a_prefix(text, error))
}

/// Parses a peer whose PROXY header is trusted.
fn trusted_peer(text: Fragment<'_>) -> Result<TrustedPeer, ParseError> {
    text.text.parse().map_err(|error| text.error(format!("{}: {error}", quoted(text.text))))
}

/// Parses a server name of a route.
fn server_name(text: Fragment<'_>) -> Result<NamePattern, ParseError> {
    if text.text.parse::<std::net::IpAddr>().is_ok() {
        let error = text.error(format!("{} is an address, and not a name", quoted(text.text)));
        return Err(error.hint("clients send no addresses as server names (RFC 6066)"));
    }
    text.text.parse().map_err(|error: NotAPattern| match error {
        NotAPattern::Empty => text.error(error.to_string()),
        NotAPattern::AllNames => {
            let error = text.error(format!("{}: {error}", quoted(text.text)));
            error.hint("clients that no route takes go to the forward's own `to`")
        }
        _ => text.error(format!("{}: {error}", quoted(text.text))),
    })
}
