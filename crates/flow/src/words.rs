//! Closed sets of words that logs, metric labels and the documentation share.

/// Defines a closed set of words: each variant's text in logs and labels, and its sentence in the
/// documentation, stand in one place.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $word:literal: $doc:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $(#[doc = $doc] $variant,)+ }

        impl $name {
            /// Every value, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word used in logs, metric labels and the documentation.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The value of a word; `None` if there is no such word.
            pub fn of(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word)
            }

            /// What it means, in one sentence.
            pub const fn explanation(self) -> &'static str {
                match self { $(Self::$variant => $doc,)+ }
            }
        }
    };
}

pub(crate) use words;
