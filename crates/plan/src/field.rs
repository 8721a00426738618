//! Conversion between [`Value`]s of settings and the typed fields of the plan.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use flow::{AtLimit, PathChoice};

use crate::plan::{Admin, Level, LogFormat, OnRefusal};
use crate::value::Value;
use crate::words::Word;

/// A field of the plan that is a setting.
pub(crate) trait Field {
    /// The current value; `None` for a field that is `None`.
    fn value(&self) -> Option<Value>;

    /// Stores a value of the right kind. `None` resets an `Option` to `None`.
    fn put(&mut self, value: Option<Value>);
}

/// A type that a setting's [`Value`] converts to and from.
pub(crate) trait AsValue: Sized {
    fn to_value(&self) -> Value;

    /// `None` if the value's kind does not match the type. `before` is the replaced value, for types
    /// that can be set in part.
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

/// Implements [`AsValue`] for types that a variant of [`Value`] holds unchanged.
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

/// Implements [`AsValue`] for enums written as one word.
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
