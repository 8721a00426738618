//! Words of closed sets, which may come from a process of another version.

use flow::Words;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use utoipa::openapi::{ObjectBuilder, Type};

/// A word of the set `T`, or the word of another version of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word<T> {
    /// A word of this version's set.
    Known(T),
    /// The text of a word unknown to this version.
    Other(String),
}

impl<T: Words> Word<T> {
    /// The schema of a field in the OpenAPI document: the words of this version.
    pub(crate) fn schema() -> ObjectBuilder {
        let words = T::ALL.iter().map(|value| value.as_str());
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words))
    }

    /// Parses a word. Never fails: an unknown text is kept.
    pub fn of(text: &str) -> Self {
        let known = T::ALL.iter().find(|value| value.as_str() == text);
        known.map_or_else(|| Self::Other(text.to_owned()), |value| Self::Known(*value))
    }

    /// The text of the word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(value) => value.as_str(),
            Self::Other(text) => text,
        }
    }
}

impl<T: Words> From<T> for Word<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<T: Words> PartialEq<T> for Word<T> {
    fn eq(&self, other: &T) -> bool {
        matches!(self, Self::Known(value) if value == other)
    }
}

impl<T: Words> fmt::Display for Word<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<T: Words> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de, T: Words> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer).map(|text| Self::of(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow::By;

    #[test]
    fn a_known_word_is_its_value_and_another_keeps_its_text() {
        let read = |json| serde_json::from_str::<Word<By>>(json).unwrap();
        assert_eq!(read("\"client\""), By::Client);
        assert_eq!(read("\"clie\\u006et\""), By::Client);
        assert_eq!(read("\"gateway\""), Word::Other("gateway".to_owned()));
        assert!(serde_json::from_str::<Word<By>>("7").is_err());
    }

    #[test]
    fn a_word_is_written_as_it_was_read() {
        for json in ["\"client\"", "\"gateway\""] {
            let word: Word<By> = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&word).unwrap(), json);
            assert_eq!(format!("{word:?}").is_empty(), format!("{word}").is_empty());
        }
        assert_eq!(format!("{:>8}", Word::from(By::Limit)), "   limit");
    }
}
