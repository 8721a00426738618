//! Values that are one word out of a few.

use std::fmt;

use crate::plan::{AtLimit, Level, LogFormat, OnRefusal, PathChoice};

/// A value that is one word out of a few in the configuration.
pub trait Word: Copy + Sized + 'static {
    /// Every value, in the order of the documentation.
    const ALL: &'static [Self];

    /// The word as it is written.
    fn as_str(self) -> &'static str;

    /// The value that is written like this.
    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|value| value.as_str() == word)
    }
}

impl Word for Level {
    const ALL: &'static [Self] = &[Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl Word for LogFormat {
    const ALL: &'static [Self] = &[Self::Text, Self::Json];

    fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

impl Word for AtLimit {
    const ALL: &'static [Self] = &[Self::Refuse, Self::Wait];

    fn as_str(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Wait => "wait",
        }
    }
}

impl Word for OnRefusal {
    const ALL: &'static [Self] = &[Self::Reset, Self::Fin];

    fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Fin => "fin",
        }
    }
}

impl Word for PathChoice {
    const ALL: &'static [Self] = &[Self::Auto, Self::Copy, Self::Splice];

    fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Copy => "copy",
            Self::Splice => "splice",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
