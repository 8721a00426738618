//! Values of settings: what text, number or word means for a kind of setting.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use crate::address::{ListenAddress, Ranged, Target};
use crate::address_text::{parse_listen, parse_target};
use crate::admin_text::parse_admin;
use crate::plan::Admin;
use crate::problem::ParseError;
use crate::setting::{Kind, Setting};
use crate::sizes::{format_size, parse_size};
use crate::text::{Fragment, cut, nearest, quoted};
use crate::units::{format_duration, parse_duration};
use crate::values_text::describe;

const NAME_MAX: usize = 128;

/// `PATH_MAX`, less its final NUL.
const PATH_MAX: usize = 4095;

/// A value that has been checked against the kind of its setting.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Duration(Duration),
    Count(u32),
    Size(u64),
    Bool(bool),
    /// One of the words that the kind names.
    Word(&'static str),
    Text(String),
    Path(PathBuf),
    Admin(Admin),
    Listen(Ranged<ListenAddress>),
    Target(Ranged<Target>),
    /// `None` for each value that could not be read: its problem has been reported.
    List(Vec<Option<ParsedValue>>),
    /// The keys that were given.
    Table(Vec<(&'static Setting, Value)>),
}

/// A value and its byte range in the source.
#[derive(Clone, Debug)]
pub(crate) struct ParsedValue {
    pub(crate) value: Value,
    pub(crate) range: Range<usize>,
}

/// Reads a value that is written as a string.
pub(crate) fn from_text(kind: Kind, text: &str) -> Result<Value, ParseError> {
    if let Some(word) = kind.word().filter(|word| *word == text) {
        return Ok(Value::Word(word));
    }
    let fragment = Fragment::new(text);
    match kind.without_word() {
        Kind::Duration { .. } if text == "off" => {
            Err(fragment.fault("this cannot be switched off").hint("give a duration, as in `30s`"))
        }
        Kind::Duration { min, max, step } => {
            // What is too short in every unit needs none.
            let is_bare_zero = text.parse() == Ok(0u32) && !min.is_zero();
            let duration = if is_bare_zero { Duration::ZERO } else { parse_duration(text)? };
            check_duration(duration, min, max, step).map_err(|why| {
                let fault = fragment.fault(format!("{} is {why}", quoted(text)));
                if duration.is_zero() {
                    fault.hint(format!("give {}", describe(kind)))
                } else {
                    fault
                }
            })
        }
        Kind::Size { min, max } => check_size(parse_size(text)?, min, max)
            .map_err(|why| fragment.fault(format!("{} is {why}", quoted(text)))),
        Kind::Path(_) => check_path(fragment).map(Value::Path),
        Kind::Account => check_account(fragment).map(Value::Text),
        Kind::Admin => parse_admin(fragment).map(Value::Admin),
        Kind::Name => check_name(text).map(|()| Value::Text(text.to_owned())),
        Kind::Listen => parse_listen(fragment).map(Value::Listen),
        Kind::Target => parse_target(fragment).map(Value::Target),
        Kind::Choice(words) => match words.iter().find(|word| **word == text) {
            Some(word) => Ok(Value::Word(word)),
            None => Err(none_of(fragment, words)),
        },
        Kind::Count { .. } | Kind::Bool | Kind::List(_) | Kind::Table(_) | Kind::Or(..) => {
            let fault = fragment.fault(format!("{} is not {}", quoted(text), describe(kind)));
            let unquoted = text.parse::<u32>().is_ok() || text.parse::<bool>().is_ok();
            Err(if unquoted {
                fault.hint(format!("write {} without quotes", cut(text)))
            } else {
                fault
            })
        }
    }
}

fn none_of(fragment: Fragment<'_>, words: &[&str]) -> ParseError {
    let fault =
        fragment.fault(format!("{} is none of {}", quoted(fragment.text), words.join(", ")));
    match nearest(fragment.text, words) {
        Some(word) => fault.hint(format!("did you mean `{word}`?")),
        None => fault,
    }
}

/// Checks a whole number; `None` is one that does not even fit.
pub(crate) fn from_number(
    kind: Kind,
    number: Option<i128>,
    text: &str,
) -> Result<Value, ParseError> {
    let fault = |message: String| Err(ParseError::new(0..text.len(), message));
    match kind.without_word() {
        Kind::Count { min, max } => {
            let count = number.and_then(|number| u32::try_from(number).ok());
            match count.filter(|count| (min..=max).contains(count)) {
                Some(count) => Ok(Value::Count(count)),
                None => fault(format!("{} is not {}", quoted(text), describe(kind))),
            }
        }
        Kind::Duration { .. } | Kind::Size { .. } => from_text(kind, text),
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

fn check_size(size: u64, min: u64, max: u64) -> Result<Value, String> {
    if size < min {
        Err(format!("less than {}", format_size(min)))
    } else if size > max {
        Err(format!("more than {}", format_size(max)))
    } else {
        Ok(Value::Size(size))
    }
}

/// Checks the form of a file's path; whether the file is there is found out when it is needed.
fn check_path(path: Fragment<'_>) -> Result<PathBuf, ParseError> {
    if path.text.is_empty() {
        Err(path.fault("the path is empty"))
    } else if path.text.len() > PATH_MAX {
        Err(path.fault(format!("the path {} is longer than {PATH_MAX} bytes", quoted(path.text))))
    } else if path.text.ends_with('/') {
        Err(path.fault(format!("{} is a directory, and a file is needed", quoted(path.text))))
    } else if path.text.chars().any(char::is_control) {
        let message = format!("the path {} contains control characters", quoted(path.text));
        Err(path.fault(message))
    } else {
        Ok(PathBuf::from(path.text))
    }
}

/// Checks the form of a user's or group's name; whether there is one is found out at the start.
fn check_account(name: Fragment<'_>) -> Result<String, ParseError> {
    check_name(name.text)?;
    if name.text.contains(':') {
        let message = format!("{} is one name, and the group has its own key", quoted(name.text));
        return Err(name.fault(message).hint("write `user = \"NAME\"` and `group = \"NAME\"`"));
    }
    Ok(name.text.to_owned())
}

/// Checks a forward's name.
fn check_name(name: &str) -> Result<(), ParseError> {
    let fault = |message: &str| Err(ParseError::new(0..name.len(), message));
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
