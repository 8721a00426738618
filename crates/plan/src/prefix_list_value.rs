//! Lists of prefixes as values of settings.

use crate::field::AsValue;
use crate::prefix_list::{PrefixEntry, PrefixList};
use crate::value::{ParsedValue, Value};

impl AsValue for PrefixList {
    fn to_value(&self) -> Value {
        let parsed = |entry: &PrefixEntry| {
            Some(ParsedValue { value: Value::Prefix(entry.clone()), range: 0..0 })
        };
        Value::List(self.entries().iter().map(parsed).collect())
    }

    fn from_value(value: Value, _: Option<&Self>) -> Option<Self> {
        let Value::List(list) = value else { return None };
        let entry = |parsed: ParsedValue| match parsed.value {
            Value::Prefix(entry) => Some(entry),
            _ => None,
        };
        Some(Self::new(list.into_iter().flatten().filter_map(entry).collect()))
    }
}
