//! What a setting's value may be, in words: for the reference and for the manual page.

use std::time::Duration;

use crate::settings::Kind;
use crate::sizes::format_size;
use crate::units::format_duration;

const SECOND: Duration = Duration::from_secs(1);

impl Kind {
    /// What a value may be, with what is written in the file between backticks.
    pub fn values(self) -> String {
        match self {
            Self::Duration { off, min, max, step } => {
                let unit = if step == SECOND { " in whole seconds" } else { "" };
                let (min, max) = (format_duration(min), format_duration(max));
                format!("a duration from `{min}` to `{max}`{unit}{}", or("off", off))
            }
            Self::Count { auto, min, max: u32::MAX } => {
                format!("{min} or more{}", or("auto", auto))
            }
            Self::Count { auto, min, max } => format!("{min} to {max}{}", or("auto", auto)),
            Self::Size { off, min, max } => {
                let (min, max) = (format_size(min), format_size(max));
                format!("a size from `{min}` to `{max}`{}", or("off", off))
            }
            Self::Bool => "`true`, `false`".to_owned(),
            Self::Choice(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
                words.join(", ")
            }
            Self::Name => "1 to 128 bytes without white space".to_owned(),
            Self::Listen => "an address, or a list of them".to_owned(),
            Self::Target => "an address".to_owned(),
            Self::Path => "the path of a file".to_owned(),
            Self::Account => "a name, or a number in quotes".to_owned(),
            Self::Admin => "`\"auto\"`, `\"off\"`, a Unix socket, or a loopback address".to_owned(),
            Self::Keepalive => "a table of `idle`, `interval`, `count`, or `\"off\"`".to_owned(),
        }
    }
}

/// The word that may stand in a value's place.
fn or(word: &str, allowed: bool) -> String {
    if allowed { format!(", or `\"{word}\"`") } else { String::new() }
}
