//! Values of settings: what text, number or word means for a kind of setting, and where a checked
//! value goes in the plan.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use crate::plan::{ForwardSettings, Keepalive, Log, Process, Word};
use crate::problem::Fault;
use crate::settings::Kind;
use crate::text::{Piece, cut, quoted};
use crate::units::{format_duration, parse_duration};

const NAME_MAX: usize = 128;

/// A value that has been checked against the kind of its setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// `"off"` or `"auto"`: the plan holds `None`.
    Nothing,
    Duration(Duration),
    Count(u32),
    Bool(bool),
    Word(String),
    /// The keys that were given.
    Keepalive(Vec<(&'static str, Value)>),
}

/// Reads a value that is written as a string.
pub(crate) fn from_text(kind: Kind, text: &str) -> Result<Value, Fault> {
    let piece = Piece::new(text);
    match kind {
        Kind::Duration { off: true, .. } | Kind::Keepalive if text == "off" => Ok(Value::Nothing),
        Kind::Count { auto: true, .. } if text == "auto" => Ok(Value::Nothing),
        Kind::Duration { off: false, .. } if text == "off" => {
            Err(piece.fault("this cannot be switched off").hint("give a duration, as in `30s`"))
        }
        Kind::Duration { min, max, step, .. } => {
            let duration = parse_duration(text)?;
            check_duration(duration, min, max, step)
                .map_err(|why| piece.fault(format!("{} is {why}", quoted(text))))
        }
        Kind::Choice(words) if words.contains(&text) => Ok(Value::Word(text.to_owned())),
        Kind::Choice(words) => {
            let fault = piece.fault(format!("{} is none of {}", quoted(text), words.join(", ")));
            Err(match nearest(text, words) {
                Some(word) => fault.hint(format!("did you mean `{word}`?")),
                None => fault,
            })
        }
        _ => {
            let fault = piece.fault(format!("{} is not {}", quoted(text), describe(kind)));
            let unquoted = text.parse::<u32>().is_ok() || text.parse::<bool>().is_ok();
            Err(if unquoted {
                fault.hint(format!("write {} without quotes", cut(text)))
            } else {
                fault
            })
        }
    }
}

/// Checks a whole number; `None` is one that does not even fit.
pub(crate) fn from_number(kind: Kind, number: Option<i128>, text: &str) -> Result<Value, Fault> {
    let fault = |message: String| Err(Fault::new(0..text.len(), message));
    match kind {
        Kind::Count { min, max, .. } => {
            let count = number.and_then(|number| u32::try_from(number).ok());
            match count.filter(|count| (min..=max).contains(count)) {
                Some(count) => Ok(Value::Count(count)),
                None => fault(format!("{} is not {}", quoted(text), describe(kind))),
            }
        }
        Kind::Duration { .. } => parse_duration(text).map(Value::Duration),
        _ => fault(format!("{} is a number and not {}", quoted(text), describe(kind))),
    }
}

fn check_duration(
    duration: Duration,
    min: Duration,
    max: Duration,
    step: Duration,
) -> Result<Value, String> {
    if duration < min {
        Err(format!("shorter than {}", format_duration(min)))
    } else if duration > max {
        Err(format!("longer than {}", format_duration(max)))
    } else if !duration.as_nanos().is_multiple_of(step.as_nanos()) {
        Err(format!("not a multiple of {}", format_duration(step)))
    } else {
        Ok(Value::Duration(duration))
    }
}

/// Checks a forward's name.
pub(crate) fn check_name(name: &str) -> Result<(), Fault> {
    let fault = |message: &str| Err(Fault::new(0..name.len(), message));
    if name.is_empty() {
        fault("the name is empty")
    } else if name.len() > NAME_MAX {
        fault("the name is longer than 128 bytes")
    } else if name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        fault(&format!("the name {} contains white space or control characters", quoted(name)))
    } else {
        Ok(())
    }
}

/// What a value of this kind is, for "expected ...".
pub(crate) fn describe(kind: Kind) -> String {
    match kind {
        Kind::Duration { off: true, .. } => "a duration such as \"30s\", or \"off\"".to_owned(),
        Kind::Duration { off: false, .. } => "a duration such as \"30s\"".to_owned(),
        Kind::Count { auto, min, max } => {
            let range = match max {
                u32::MAX => format!("a whole number from {min} up"),
                _ => format!("a whole number from {min} to {max}"),
            };
            if auto { format!("{range}, or \"auto\"") } else { range }
        }
        Kind::Bool => "true or false".to_owned(),
        Kind::Choice(words) => format!("one of \"{}\"", words.join("\", \"")),
        Kind::Name => "a name".to_owned(),
        Kind::Listen => "an address such as \":5432\", or a list of addresses".to_owned(),
        Kind::Target => "an address such as \"db.internal:5432\"".to_owned(),
        Kind::Keepalive => "a table such as { idle = \"60s\" }, or \"off\"".to_owned(),
    }
}

/// The word that was probably meant, if one is near enough.
pub(crate) fn nearest<'w>(text: &str, words: &[&'w str]) -> Option<&'w str> {
    // Comparing takes the product of both lengths, and nothing this long is a slip of the pen.
    let words = words.iter().filter(|word| text.len() <= 2 * word.len());
    let near = words.map(|word| (strsim::damerau_levenshtein(text, word), *word));
    near.filter(|(edits, word)| *edits <= word.len().div_ceil(3)).min().map(|(_, word)| word)
}

pub(crate) fn set_process(process: &mut Process, key: &str, value: Value) {
    match (key, value) {
        ("workers", value) => {
            process.workers = count(&value).and_then(|count| {
                NonZeroUsize::new(usize::try_from(count.get()).unwrap_or(usize::MAX))
            });
        }
        ("max_sessions", value) => process.max_sessions = count(&value),
        ("shutdown_timeout", Value::Duration(time)) => process.shutdown_timeout = time,
        _ => {}
    }
}

pub(crate) fn set_log(log: &mut Log, key: &str, value: Value) {
    match (key, value) {
        ("level", Value::Word(word)) => set_word(&mut log.level, &word),
        ("format", Value::Word(word)) => set_word(&mut log.format, &word),
        ("sessions", Value::Bool(sessions)) => log.sessions = sessions,
        _ => {}
    }
}

pub(crate) fn set_forward(settings: &mut ForwardSettings, key: &str, value: Value) {
    match (key, value) {
        ("connect_timeout", Value::Duration(time)) => settings.connect_timeout = time,
        ("idle_timeout", value) => settings.idle_timeout = duration(&value),
        ("half_close_timeout", value) => settings.half_close_timeout = duration(&value),
        ("max_age", value) => settings.max_age = duration(&value),
        ("max_sessions", value) => {
            settings.max_sessions = count(&value).unwrap_or(settings.max_sessions);
        }
        ("at_limit", Value::Word(word)) => set_word(&mut settings.at_limit, &word),
        ("on_refusal", Value::Word(word)) => set_word(&mut settings.on_refusal, &word),
        ("keepalive", Value::Nothing) => settings.keepalive = None,
        ("keepalive", Value::Keepalive(given)) => {
            let mut keepalive = settings.keepalive.unwrap_or_default();
            for (key, value) in given {
                set_keepalive(&mut keepalive, key, &value);
            }
            settings.keepalive = Some(keepalive);
        }
        ("user_timeout", value) => settings.user_timeout = duration(&value),
        ("path", Value::Word(word)) => set_word(&mut settings.path, &word),
        _ => {}
    }
}

fn set_keepalive(keepalive: &mut Keepalive, key: &str, value: &Value) {
    match (key, value) {
        ("idle", Value::Duration(time)) => keepalive.idle = *time,
        ("interval", Value::Duration(time)) => keepalive.interval = *time,
        ("count", Value::Count(count)) => keepalive.count = *count,
        _ => {}
    }
}

fn set_word<W: Word>(place: &mut W, word: &str) {
    *place = W::from_word(word).unwrap_or(*place);
}

fn duration(value: &Value) -> Option<Duration> {
    if let Value::Duration(time) = value { Some(*time) } else { None }
}

fn count(value: &Value) -> Option<NonZeroU32> {
    if let Value::Count(count) = value { NonZeroU32::new(*count) } else { None }
}
