//! Settings whose value is one of a few words.

use std::fmt;

use flow::{AtLimit, Balance, NoneUp, OnDown, PathChoice, SendProxy};

use crate::health_check::Method;
use crate::plan::{Level, LogFormat, OnRefusal};

/// An enum whose values are words in the configuration.
pub trait Word: Copy + Sized + 'static {
    /// Every value, in the order of the documentation.
    const ALL: &'static [Self];

    /// The words, in the same order as `ALL`.
    const WORDS: &'static [&'static str];

    /// The word in the configuration.
    fn as_str(self) -> &'static str;

    /// The value for a word.
    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|value| value.as_str() == word)
    }
}

macro_rules! words {
    ($type:ident { $($value:ident = $word:literal),+ $(,)? }) => {
        impl Word for $type {
            const ALL: &'static [Self] = &[$(Self::$value),+];
            const WORDS: &'static [&'static str] = &[$($word),+];

            fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $word),+
                }
            }
        }
    };
}

words! { Level { Error = "error", Warn = "warn", Info = "info", Debug = "debug", Trace = "trace" } }
words! { LogFormat { Text = "text", Json = "json" } }
words! { AtLimit { Refuse = "refuse", Wait = "wait" } }
words! { OnRefusal { Reset = "reset", Fin = "fin" } }
words! { Balance {
    Least = "least", RoundRobin = "round_robin", Source = "source", First = "first",
} }
words! { NoneUp { Try = "try", Refuse = "refuse" } }
words! { OnDown { Keep = "keep", Reset = "reset" } }
words! { SendProxy { Off = "off", V1 = "v1", V2 = "v2" } }
words! { Method { Get = "GET", Head = "HEAD", Options = "OPTIONS" } }
words! { PathChoice { Auto = "auto", Copy = "copy", Splice = "splice" } }

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
