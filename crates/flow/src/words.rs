//! Closed sets of words, shared by logs, metric labels and the documentation.

/// A closed set of words, as [`words!`](crate::words!) defines it.
pub trait Words: Copy + PartialEq + 'static {
    /// Every value, in the order of the documentation.
    const ALL: &'static [Self];

    /// The word used in logs, metric labels, the API and the documentation.
    fn as_str(self) -> &'static str;
}

/// Defines a closed set of words: one line gives a variant, its text in logs and labels, and its
/// sentence in the documentation.
#[macro_export]
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

            /// The value of `word`; `None` if there is none.
            pub fn of(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word)
            }

            /// The meaning in one sentence.
            pub const fn explanation(self) -> &'static str {
                match self { $(Self::$variant => $doc,)+ }
            }
        }

        impl $crate::Words for $name {
            const ALL: &'static [Self] = Self::ALL;

            fn as_str(self) -> &'static str {
                self.as_str()
            }
        }
    };
}

pub(crate) use words;
