//! The version of a program together with its build.

use std::fmt;
use std::sync::OnceLock;

static PROGRAM: OnceLock<Version> = OnceLock::new();

/// A version number and its build. As text: `0.2.0 (abc1234)`, or the number alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The version in Cargo.toml.
    pub number: String,
    /// The commit that the program was built from, with a `+` if the sources had local changes.
    pub build: Option<String>,
}

impl Version {
    /// An empty build counts as unknown.
    pub fn new(number: &str, build: Option<&str>) -> Self {
        let build = build.filter(|build| !build.is_empty()).map(str::to_owned);
        Self { number: number.to_owned(), build }
    }

    /// Reads what `Display` writes. Text of any other form becomes the number.
    pub fn parse(text: &str) -> Self {
        let split = text.strip_suffix(')').and_then(|rest| rest.split_once(" ("));
        match split {
            Some((number, build)) => Self::new(number, Some(build)),
            None => Self::new(text, None),
        }
    }

    /// Sets the version of the running program. Only the first call has an effect; the default is
    /// this crate's version without a build.
    pub fn set(version: Self) {
        let _ = PROGRAM.set(version);
    }

    /// The version set by [`Self::set`].
    pub fn of_program() -> &'static Self {
        PROGRAM.get_or_init(|| Self::new(env!("CARGO_PKG_VERSION"), None))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.number)?;
        match &self.build {
            Some(build) => write!(f, " ({build})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_includes_a_known_build() {
        assert_eq!(Version::new("0.2.0", Some("abc1234+")).to_string(), "0.2.0 (abc1234+)");
        assert_eq!(Version::new("0.2.0", Some("")).to_string(), "0.2.0");
    }

    #[test]
    fn text_round_trips() {
        for version in [Version::new("0.2.0", Some("abc1234+")), Version::new("0.2.0", None)] {
            assert_eq!(Version::parse(&version.to_string()), version);
        }
        for odd in ["", "(", "a (b", "b)", "0.1.0 ()"] {
            assert!(Version::parse(odd).build.is_none(), "{odd}");
        }
    }
}
