//! The key `current`, which decides what every instance runs.

use super::TextHash;
use super::json::{parse_versioned, to_json};
use serde::{Deserialize, Deserializer, Serialize};
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// The format of `current` that this version writes, and the only one that it reads.
pub const FORMAT: u32 = 1;
/// The most entries of [`Current::earlier`]. Their texts are kept in the store.
pub const HISTORY: usize = 20;
/// The longest hold. A value from the store must not overflow a point in time.
pub const HOLD_MAX: Duration = Duration::from_secs(24 * 3600);
/// The highest revision: integers above it are not exact in every JSON reader (RFC 8259, section 6).
pub const REVISION_MAX: u64 = (1 << 53) - 1;

/// One revision: the stable text, and the one on trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Current {
    /// [`FORMAT`].
    pub format: u32,
    /// Grows by at least one with each change, up to [`REVISION_MAX`].
    #[serde(deserialize_with = "revision")]
    pub revision: u64,
    /// The text of instances that are not on trial; `None` until the first trial is confirmed.
    pub stable: Option<TextHash>,
    /// The text on trial, if there is one.
    pub trial: Option<Trial>,
    /// The user and host of the publisher, as the command finds them.
    pub by: String,
    /// The publisher's note; may be empty.
    pub note: String,
    /// Time of the publication in RFC 3339, for people: no decision depends on it.
    pub at: String,
    /// `stable` and the stable texts before it, the latest first, at most [`HISTORY`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Earlier>,
}

/// A text on trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// The text.
    pub text: TextHash,
    /// The instances that run it.
    pub on: On,
    /// Time for which the instances run it before the next step, at most [`HOLD_MAX`].
    #[serde(with = "hold")]
    pub hold: Duration,
}

/// The instances of a trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum On {
    /// Every instance; `"all"` in JSON.
    All(All),
    /// Instances by name.
    Named(Vec<String>),
}

/// The word `"all"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum All {
    /// The only word.
    #[serde(rename = "all")]
    All,
}

/// A text that was stable once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earlier {
    /// The revision with which it became stable.
    pub revision: u64,
    /// The text.
    pub text: TextHash,
    /// As in [`Current`].
    pub by: String,
    /// As in [`Current`].
    pub note: String,
    /// As in [`Current`].
    pub at: String,
}

impl On {
    /// Every instance.
    pub const ALL: Self = Self::All(All::All);

    /// Whether the instance `name` is among them.
    pub fn names(&self, name: &str) -> bool {
        match self {
            Self::All(_) => true,
            Self::Named(names) => names.iter().any(|it| it == name),
        }
    }
}

/// Why a value of `current` cannot be followed.
#[derive(Debug)]
pub enum CurrentError {
    /// Not the JSON of a `current`.
    NotJson(serde_json::Error),
    /// Written by a version with another format.
    Format(u32),
}

impl fmt::Display for CurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(error) => write!(
                f,
                "the key `current` is not what `traffic-forwarder publish` writes ({error}): publish again"
            ),
            Self::Format(format) => write!(
                f,
                "the key `current` has format {format}, and this version knows format {FORMAT}: upgrade this instance"
            ),
        }
    }
}

impl Error for CurrentError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotJson(error) => Some(error),
            Self::Format(_) => None,
        }
    }
}

impl Current {
    /// Parses the value of the key.
    ///
    /// # Errors
    ///
    /// It is not the JSON of a `current`, or in the format of another version.
    pub fn parse(json: &[u8]) -> Result<Self, CurrentError> {
        let parsed = parse_versioned(json, FORMAT).map_err(CurrentError::NotJson)?;
        parsed.map_err(CurrentError::Format)
    }

    /// The value of the key.
    pub fn to_json(&self) -> Vec<u8> {
        to_json(self)
    }

    /// The revision with which the stable text became stable; the present one if [`earlier`](Self::earlier) does not
    /// have it.
    pub fn stable_revision(&self) -> Option<u64> {
        let stable = self.stable?;
        let entry = self.earlier.iter().find(|earlier| earlier.text == stable);
        Some(entry.map_or(self.revision, |entry| entry.revision))
    }

    /// The trial that the instance `name` is part of.
    pub fn trial_for(&self, name: &str) -> Option<&Trial> {
        self.trial.as_ref().filter(|trial| trial.on.names(name))
    }

    /// The text for the instance `name`: that of the trial, if it is part of it.
    pub fn text_for(&self, name: &str) -> Option<TextHash> {
        self.trial_for(name).map(|trial| trial.text).or(self.stable)
    }
}

/// Reads a revision, and refuses one above [`REVISION_MAX`].
pub(super) fn revision<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let revision = u64::deserialize(from)?;
    if revision > REVISION_MAX {
        let message = format!("revision {revision} is above {REVISION_MAX}");
        return Err(serde::de::Error::custom(message));
    }
    Ok(revision)
}

/// A duration as humans write it, `"60s"`.
mod hold {
    use super::HOLD_MAX;
    use plan::units::{format_duration, parse_duration};
    use serde::{Deserialize, Deserializer, Serializer};
    use std::time::Duration;

    pub(super) fn serialize<S: Serializer>(hold: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format_duration(*hold))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        let hold =
            parse_duration(&text).map_err(|error| serde::de::Error::custom(error.message))?;
        if hold > HOLD_MAX {
            return Err(serde::de::Error::custom(format_args!("hold {text:?} is longer than 24h")));
        }
        Ok(hold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn current_is_read_as_the_documentation_shows_it() {
        let (stable, trial) = (TextHash::of("a"), TextHash::of("b"));
        let json = format!(
            r#"{{"format":1,"revision":42,"stable":"{stable}","trial":{{"text":"{trial}","on":["edge-1"],"hold":"1m"}},"by":"alice@ops1","note":"new db","at":"2026-11-29T20:00:00Z"}}"#
        );
        let current = Current::parse(json.as_bytes()).unwrap();
        assert_eq!(current.text_for("edge-1"), Some(trial));
        assert_eq!(current.text_for("edge-2"), Some(stable));
        assert_eq!(String::from_utf8(current.to_json()).unwrap(), json);
        let all = json.replace(r#"["edge-1"]"#, r#""all""#);
        let current = Current::parse(all.as_bytes()).unwrap();
        assert_eq!(current.text_for("edge-2"), Some(trial));
        assert_eq!(String::from_utf8(current.to_json()).unwrap(), all);
    }

    #[test]
    fn values_that_would_overflow_are_refused() {
        let json = |revision: &str, hold: &str| {
            let text = TextHash::of("b");
            format!(
                r#"{{"format":1,"revision":{revision},"stable":null,"trial":{{"text":"{text}","on":"all","hold":"{hold}"}},"by":"a","note":"","at":""}}"#
            )
        };
        let parse = |json: String| Current::parse(json.as_bytes());
        parse(json("9007199254740991", "24h")).unwrap();
        for (revision, hold) in [
            ("9007199254740992", "1s"),
            ("18446744073709551615", "1s"),
            ("1", "86401s"),
            ("1", "18446744073709551615s"),
        ] {
            let error = parse(json(revision, hold)).unwrap_err();
            assert!(matches!(error, CurrentError::NotJson(_)), "{error}");
        }
    }

    #[test]
    fn another_format_is_named_even_if_its_fields_differ() {
        let error = Current::parse(br#"{"format":2,"steps":[]}"#).unwrap_err();
        assert!(matches!(error, CurrentError::Format(2)), "{error}");
        let error = Current::parse(b"{}").unwrap_err();
        assert!(matches!(error, CurrentError::NotJson(_)), "{error}");
    }
}
