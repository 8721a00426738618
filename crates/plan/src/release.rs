//! Versions of this program, as far as they decide which settings it knows.

use std::fmt;
use std::str::FromStr;

/// A released version: `MAJOR.MINOR.PATCH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Release {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Release {
    /// The first version with published configurations: it has every setting without another version.
    pub const FIRST: Self = Self::new(0, 2, 0);

    /// The version with these numbers.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A text that is no version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotARelease;

impl fmt::Display for NotARelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a version such as 0.2.0")
    }
}

impl std::error::Error for NotARelease {}

impl FromStr for Release {
    type Err = NotARelease;

    /// Reads the three numbers. A suffix such as `-rc1` or `+abc` is left out: the settings are those of the version.
    fn from_str(text: &str) -> Result<Self, NotARelease> {
        let numbers = text.split(['-', '+', ' ']).next().unwrap_or_default();
        let mut numbers = numbers.split('.').map(|number| match number.as_bytes() {
            [b'0'..=b'9', ..] => number.parse().map_err(|_| NotARelease),
            _ => Err(NotARelease),
        });
        let mut next = || numbers.next().unwrap_or(Err(NotARelease));
        let version = Self::new(next()?, next()?, next()?);
        if numbers.next().is_none() { Ok(version) } else { Err(NotARelease) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let read = |text: &str| text.parse::<Release>();
        assert_eq!(read("0.2.0"), Ok(Release::FIRST));
        assert_eq!(read("0.10.3-rc1"), Ok(Release::new(0, 10, 3)));
        assert!(Release::new(0, 10, 0) > Release::new(0, 9, 9));
        assert!(Release::new(1, 0, 0) > Release::FIRST);
        assert_eq!(Release::new(1, 20, 3).to_string(), "1.20.3");
        for text in
            ["", "1", "1.2", "1.2.3.4", "a.b.c", "1.2.x", "+1.2.3", "1.2.+3", "1.2.99999999999"]
        {
            assert_eq!(read(text), Err(NotARelease), "{text}");
        }
    }
}
