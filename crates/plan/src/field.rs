//! Conversion between [`Value`]s of settings and typed fields of the plan.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use flow::{AtLimit, Balance, NoneUp, OnDown, PathChoice, SendProxy, Share};

use crate::accept_proxy::TrustedPeers;
use crate::admin::{Admin, AdminValue, MetricsAddress};
use crate::byte_rate::ByteRate;
use crate::file_mode::FileMode;
use crate::health_check::{Method, StatusRange};
use crate::per_client::{Networks, PerTime, PrefixLengths};
use crate::plan::{Level, LogFormat, OnRefusal};
use crate::store_url::StoreUrl;
use crate::value::{ParsedValue, Value};
use crate::words::Word;

/// A field of the plan that holds a setting.
pub(crate) trait Field {
    /// The current value; `None` for an `Option` that is `None`.
    fn value(&self) -> Option<Value>;

    /// Stores a value of the matching kind. `None` resets an `Option`.
    fn put(&mut self, value: Option<Value>);
}

/// A type that converts to and from a [`Value`].
pub(crate) trait AsValue: Sized {
    fn to_value(&self) -> Value;

    /// Converts from a value; `None` if its kind does not match. `before` is the replaced value,
    /// for types of which only a part may be set.
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

/// Implements [`AsValue`] for types with a [`Value`] variant of the same type.
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
    StatusRange: Statuses,
    FileMode: Mode,
    Share: Share,
    PerTime: PerTime,
    ByteRate: ByteRate,
    PrefixLengths: PrefixLengths,
    MetricsAddress: Metrics,
    StoreUrl: StoreUrl
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

words!(
    Level, LogFormat, AtLimit, OnRefusal, PathChoice, Balance, NoneUp, OnDown, Method, SendProxy
);

impl AsValue for TrustedPeers {
    fn to_value(&self) -> Value {
        let values = self
            .0
            .iter()
            .map(|peer| Some(ParsedValue { value: Value::TrustedPeer(*peer), range: 0..0 }));
        Value::List(values.collect())
    }

    fn from_value(value: Value, _: Option<&Self>) -> Option<Self> {
        let Value::List(values) = value else { return None };
        let peer = |parsed: ParsedValue| match parsed.value {
            Value::TrustedPeer(peer) => Some(peer),
            _ => None,
        };
        Some(Self(values.into_iter().flatten().filter_map(peer).collect()))
    }
}

impl AsValue for Networks {
    fn to_value(&self) -> Value {
        let values =
            self.0.iter().map(|it| Some(ParsedValue { value: Value::Network(*it), range: 0..0 }));
        Value::List(values.collect())
    }

    fn from_value(value: Value, _: Option<&Self>) -> Option<Self> {
        let Value::List(values) = value else { return None };
        let network = |parsed: ParsedValue| match parsed.value {
            Value::Network(prefix) => Some(prefix),
            _ => None,
        };
        Some(Self(values.into_iter().flatten().filter_map(network).collect()))
    }
}

impl AsValue for Admin {
    fn to_value(&self) -> Value {
        let socket = self.socket.clone().map(AdminValue::Socket);
        let values = socket.into_iter().chain(self.port.map(AdminValue::Port));
        let off = self.is_off().then_some(AdminValue::Off);
        let values = values.chain(off).map(Value::Admin);
        Value::List(values.map(|value| Some(ParsedValue { value, range: 0..0 })).collect())
    }

    fn from_value(value: Value, _: Option<&Self>) -> Option<Self> {
        let Value::List(values) = value else { return None };
        let mut admin = Self::OFF;
        for parsed in values.into_iter().flatten() {
            match parsed.value {
                Value::Admin(AdminValue::Socket(socket)) => admin.socket = Some(socket),
                Value::Admin(AdminValue::Port(address)) => admin.port = Some(address),
                _ => {}
            }
        }
        Some(admin)
    }
}
