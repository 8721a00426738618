//! Values of settings: what text, number or word means for a kind of setting.

use std::path::PathBuf;
use std::time::Duration;

use crate::problem::Fault;
use crate::process_table::{AdminAddress, parse_admin};
use crate::settings::Kind;
use crate::sizes::{format_size, parse_size};
use crate::text::{Piece, cut, quoted};
use crate::units::{format_duration, parse_duration};

const NAME_MAX: usize = 128;

/// `PATH_MAX`, less its final NUL.
const PATH_MAX: usize = 4095;

/// A value that has been checked against the kind of its setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// `"off"` or `"auto"`, or a key without default that is not set: the plan holds `None`.
    Nothing,
    Duration(Duration),
    Count(u32),
    Size(u64),
    Bool(bool),
    Word(String),
    Path(PathBuf),
    Admin(AdminAddress),
    /// The keys that were given.
    Keepalive(Vec<(&'static str, Value)>),
}

/// Reads a value that is written as a string.
pub(crate) fn from_text(kind: Kind, text: &str) -> Result<Value, Fault> {
    let piece = Piece::new(text);
    match kind {
        Kind::Duration { off: true, .. } | Kind::Size { off: true, .. } | Kind::Keepalive
            if text == "off" =>
        {
            Ok(Value::Nothing)
        }
        Kind::Count { auto: true, .. } if text == "auto" => Ok(Value::Nothing),
        Kind::Duration { off: false, .. } if text == "off" => {
            Err(piece.fault("this cannot be switched off").hint("give a duration, as in `30s`"))
        }
        Kind::Duration { min, max, step, .. } => {
            // What is too short in every unit needs none.
            let is_bare_zero = text.parse() == Ok(0u32) && !min.is_zero();
            let duration = if is_bare_zero { Duration::ZERO } else { parse_duration(text)? };
            check_duration(duration, min, max, step).map_err(|why| {
                let fault = piece.fault(format!("{} is {why}", quoted(text)));
                if duration.is_zero() {
                    fault.hint(format!("give {}", describe(kind)))
                } else {
                    fault
                }
            })
        }
        Kind::Size { min, max, .. } => check_size(parse_size(text)?, min, max)
            .map_err(|why| piece.fault(format!("{} is {why}", quoted(text)))),
        Kind::Path => check_path(piece).map(Value::Path),
        Kind::Account => check_account(piece).map(Value::Word),
        Kind::Admin => parse_admin(piece).map(Value::Admin),
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
fn check_path(path: Piece<'_>) -> Result<PathBuf, Fault> {
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
fn check_account(name: Piece<'_>) -> Result<String, Fault> {
    check_name(name.text)?;
    if name.text.contains(':') {
        let message = format!("{} is one name, and the group has its own key", quoted(name.text));
        return Err(name.fault(message).hint("write `user = \"NAME\"` and `group = \"NAME\"`"));
    }
    Ok(name.text.to_owned())
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
        Kind::Size { off: true, .. } => "a size such as \"10MiB\", or \"off\"".to_owned(),
        Kind::Size { off: false, .. } => "a size such as \"10MiB\"".to_owned(),
        Kind::Bool => "true or false".to_owned(),
        Kind::Choice(words) => format!("one of \"{}\"", words.join("\", \"")),
        Kind::Name => "a name".to_owned(),
        Kind::Listen => "an address such as \":5432\", or a list of addresses".to_owned(),
        Kind::Target => "an address such as \"db.internal:5432\"".to_owned(),
        Kind::Path => "the path of a file".to_owned(),
        Kind::Account => "a name or a number in quotes".to_owned(),
        Kind::Admin => {
            "\"auto\", \"off\", \"unix:/path\" or an address such as \"127.0.0.1:9180\"".to_owned()
        }
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
