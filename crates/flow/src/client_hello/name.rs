//! Server names: those in hellos, and patterns of them in the configuration.

use std::fmt;
use std::str::FromStr;

/// Longest name, in bytes (RFC 1035 section 2.3.4, without the final dot).
const MOST: usize = 253;

/// Longest label of a name.
const MOST_IN_LABEL: usize = 63;

/// In front of the labels that a pattern has in common with its names.
const WILDCARD: &str = "*.";

/// A name in the form in which names are compared; `None` if it is none.
pub(super) fn normalized(name: &[u8]) -> Option<String> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    let is_name = (1..=MOST).contains(&name.len()) && name.iter().all(u8::is_ascii_graphic);
    is_name.then(|| name.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect())
}

/// A server name, or `*.` and a domain: all names with one more label.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NamePattern(Box<str>);

/// Why a text is not a [`NamePattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAPattern {
    /// It is empty.
    Empty,
    /// It is longer than a name can be.
    TooLong,
    /// It has characters beyond ASCII, which are encoded in names.
    NotAscii,
    /// It ends with a dot.
    FinalDot,
    /// It has a `*` which is not its whole first label.
    Wildcard,
    /// It is a `*` alone.
    AllNames,
    /// A label is empty.
    EmptyLabel,
    /// A label is longer than 63 bytes.
    LongLabel,
    /// It has another character than letters, digits, `-` and `_`.
    Character(char),
}

impl NamePattern {
    /// Whether the name, in lower case, is one of its names.
    pub fn matches(&self, name: &str) -> bool {
        match self.0.strip_prefix('*') {
            Some(domain) => {
                let label = name.strip_suffix(domain);
                label.is_some_and(|label| !label.is_empty() && !label.contains('.'))
            }
            None => *self.0 == *name,
        }
    }

    /// Whether all names of the other pattern are names of this one.
    pub fn covers(&self, other: &Self) -> bool {
        self == other || !other.0.starts_with('*') && self.matches(&other.0)
    }

    /// The pattern, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NamePattern {
    type Err = NotAPattern;

    fn from_str(text: &str) -> Result<Self, NotAPattern> {
        let domain = text.strip_prefix(WILDCARD).unwrap_or(text);
        match text {
            "" => return Err(NotAPattern::Empty),
            "*" => return Err(NotAPattern::AllNames),
            _ if text.len() > MOST => return Err(NotAPattern::TooLong),
            _ if !text.is_ascii() => return Err(NotAPattern::NotAscii),
            _ if domain.contains('*') => return Err(NotAPattern::Wildcard),
            _ if domain.ends_with('.') => return Err(NotAPattern::FinalDot),
            _ => {}
        }
        for label in domain.split('.') {
            if label.is_empty() {
                return Err(NotAPattern::EmptyLabel);
            }
            if label.len() > MOST_IN_LABEL {
                return Err(NotAPattern::LongLabel);
            }
            let is_other = |c: &char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_');
            if let Some(other) = label.chars().find(is_other) {
                return Err(NotAPattern::Character(other));
            }
        }
        Ok(Self(text.to_ascii_lowercase().into()))
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for NotAPattern {
    /// What is wrong with the text, which the caller names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the name is empty"),
            Self::TooLong => write!(f, "it is longer than {MOST} bytes"),
            Self::NotAscii => f.write_str("it has characters beyond ASCII: write it as `xn--...`"),
            Self::FinalDot => f.write_str("it ends with a dot, which names in TLS do not have"),
            Self::Wildcard => f.write_str("`*` stands for one whole label, the first one"),
            Self::AllNames => f.write_str("`*` is followed by a domain, as in `*.example.com`"),
            Self::EmptyLabel => f.write_str("a label between two dots is empty"),
            Self::LongLabel => write!(f, "a label is longer than {MOST_IN_LABEL} bytes"),
            Self::Character(c) => {
                write!(f, "{c:?} is in no name: labels have letters, digits, `-` and `_`")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> NamePattern {
        text.parse().unwrap()
    }

    #[test]
    fn a_wildcard_is_one_label() {
        let db = pattern("*.DB.example.com");
        assert_eq!(db.to_string(), "*.db.example.com");
        for (name, matches) in [
            ("a.db.example.com", true),
            ("db.example.com", false),
            (".db.example.com", false),
            ("a.b.db.example.com", false),
            ("adb.example.com", false),
            ("*.db.example.com", true),
        ] {
            assert_eq!(db.matches(name), matches, "{name}");
        }
        assert!(pattern("a_1.Test").matches("a_1.test"));
        assert!(!pattern("a.test").matches("b.test"));
        assert!(db.covers(&pattern("x.db.example.com")) && db.covers(&db));
        assert!(!db.covers(&pattern("*.x.db.example.com")) && !pattern("a.test").covers(&db));
    }

    #[test]
    fn texts_that_no_hello_can_name_are_rejected() {
        let long = [["a"; 63].concat().as_str(); 5].join(".");
        for (text, error) in [
            ("", NotAPattern::Empty),
            ("*", NotAPattern::AllNames),
            (&long, NotAPattern::TooLong),
            ("münchen.de", NotAPattern::NotAscii),
            ("*.a.*", NotAPattern::Wildcard),
            ("a*.test", NotAPattern::Wildcard),
            ("a.test.", NotAPattern::FinalDot),
            ("a..test", NotAPattern::EmptyLabel),
            ("*..test", NotAPattern::EmptyLabel),
            (&["a"; 64].concat(), NotAPattern::LongLabel),
            ("a.test:443", NotAPattern::Character(':')),
            ("https://a", NotAPattern::Character(':')),
        ] {
            assert_eq!(text.parse::<NamePattern>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a_name_in_a_hello_that_cannot_be_shown_is_none() {
        assert_eq!(normalized(b"A.Test."), Some("a.test".to_owned()));
        assert_eq!(normalized(b"10.0.0.1"), Some("10.0.0.1".to_owned()));
        for none in [&b""[..], b".", b"a b", b"a\n", b"a\x80", &[b'a'; 254]] {
            assert_eq!(normalized(none), None, "{none:?}");
        }
    }
}
