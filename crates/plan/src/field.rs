//! How values become fields of the plan, and fields values, by their types.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use flow::{AtLimit, PathChoice};

use crate::plan::{Admin, Level, LogFormat, OnRefusal};
use crate::value::Value;
use crate::words::Word;

/// A field of the plan that is a setting.
pub(crate) trait Field {
    /// The field's value; `None` for a field that is `None`.
    fn value(&self) -> Option<Value>;

    /// Takes over a value of the right kind. `None` makes a field that is an `Option` `None`.
    fn put(&mut self, value: Option<Value>);
}

/// A type whose values are values of settings.
pub(crate) trait AsValue: Sized {
    fn to_value(&self) -> Value;

    /// Nothing if the kind of the value does not go with the type. `before` is the value that this
    /// one replaces, for types of which a part can be set.
    fn from_value(value: Value, before: Option<&Self>) -> Option<Self>;
}

impl<T: AsValue> Field for T {
    fn value(&self) -> Option<Value> {
        Some(self.to_value())
    }

    fn put(&mut self, value: Option<Value>) {
        if let Some(new) = value.and_then(|value| T::from_value(value, Some(self))) {
            *self = new;
        }
    }
}

impl<T: AsValue> Field for Option<T> {
    fn value(&self) -> Option<Value> {
        self.as_ref().map(T::to_value)
    }

    fn put(&mut self, value: Option<Value>) {
        *self = value.and_then(|value| T::from_value(value, self.as_ref()));
    }
}

/// Types that are held by a value as they are.
macro_rules! held {
    ($($type:ty: $value:ident),+) => {$(
        impl AsValue for $type {
            fn to_value(&self) -> Value {
                Value::$value(self.clone())
            }

            fn from_value(value: Value, _: Option<&Self>) -> Option<Self> {
                if let Value::$value(value) = value { Some(value) } else { None }
            }
        }
    )+};
}

held!(
    Duration: Duration,
    u32: Count,
    u64: Size,
    bool: Bool,
    String: Text,
    PathBuf: Path,
    Admin: Admin
);

impl AsValue for NonZeroU32 {
    fn to_value(&self) -> Value {
        Value::Count(self.get())
    }

    fn from_value(value: Value, _: Option<&Self>) -> Option<Self> {
        if let Value::Count(count) = value { Self::new(count) } else { None }
    }
}

/// Types that are one word out of a few.
macro_rules! words {
    ($($type:ty),+) => {$(
        impl AsValue for $type {
            fn to_value(&self) -> Value {
                Value::Word(self.as_str())
            }

            fn from_value(value: Value, _: Option<&Self>) -> Option<Self> {
                if let Value::Word(word) = value { Self::from_word(word) } else { None }
            }
        }
    )+};
}

words!(Level, LogFormat, AtLimit, OnRefusal, PathChoice);
