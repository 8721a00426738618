//! Source addresses as values of settings.

use crate::field::AsValue;
use crate::source_address::{SourceAddresses, SourceRange};
use crate::value::{ParsedValue, Value};

impl AsValue for SourceAddresses {
    fn to_value(&self) -> Value {
        let parsed =
            |range: &SourceRange| Some(ParsedValue { value: Value::Source(*range), range: 0..0 });
        Value::List(self.0.iter().map(parsed).collect())
    }

    fn from_value(value: Value, _: Option<&Self>) -> Option<Self> {
        let Value::List(list) = value else { return None };
        let range = |parsed: ParsedValue| match parsed.value {
            Value::Source(range) => Some(range),
            _ => None,
        };
        Some(Self(list.into_iter().flatten().filter_map(range).collect()))
    }
}
