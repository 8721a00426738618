//! Why the look-up of a name failed.

use std::fmt;

/// Why a name has no addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookUpError {
    /// The name does not exist (NXDOMAIN).
    NotFound,
    /// The name exists, without an address.
    NoAddress,
    /// The name exists, without an SRV record.
    NoService,
    /// The name servers or a module of the C library failed; the reason as a sentence.
    Failed(String),
    /// The name servers did not answer in time.
    Timeout,
    /// The text cannot be a name in DNS.
    NoName,
}

impl LookUpError {
    /// The errors without a reason.
    const WITHOUT_REASON: [Self; 5] =
        [Self::NotFound, Self::NoAddress, Self::NoService, Self::Timeout, Self::NoName];

    /// The key and the reason for [`Self::restored`].
    pub fn saved(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::NotFound => ("not_found", None),
            Self::NoAddress => ("no_address", None),
            Self::NoService => ("no_service", None),
            Self::Failed(why) => ("failed", Some(why)),
            Self::Timeout => ("timeout", None),
            Self::NoName => ("no_name", None),
        }
    }

    /// The error that [`Self::saved`] has written.
    pub fn restored(key: &str, why: Option<&str>) -> Self {
        let known = Self::WITHOUT_REASON.into_iter().find(|it| it.saved().0 == key);
        known.unwrap_or_else(|| Self::Failed(why.unwrap_or("the look-up failed").to_owned()))
    }

    /// All words of [`Self::word`].
    pub(super) const WORDS: [&'static str; 4] = ["not_found", "no_address", "failed", "timeout"];

    /// The word in the label `result` of metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotFound | Self::NoName => "not_found",
            Self::NoAddress | Self::NoService => "no_address",
            Self::Failed(_) => "failed",
            Self::Timeout => "timeout",
        }
    }
}

impl fmt::Display for LookUpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("the name does not exist"),
            Self::NoAddress => f.write_str("the name has no address"),
            Self::NoService => f.write_str("the name has no SRV record"),
            Self::Failed(why) => f.write_str(why),
            Self::Timeout => f.write_str("the name servers did not answer in time"),
            Self::NoName => f.write_str("this cannot be a name in DNS"),
        }
    }
}

impl std::error::Error for LookUpError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// The next variant. A new one does not compile until it is in this chain.
    fn next(error: &LookUpError) -> Option<LookUpError> {
        match error {
            LookUpError::NotFound => Some(LookUpError::NoAddress),
            LookUpError::NoAddress => Some(LookUpError::NoService),
            LookUpError::NoService => Some(LookUpError::Failed("no route".to_owned())),
            LookUpError::Failed(_) => Some(LookUpError::Timeout),
            LookUpError::Timeout => Some(LookUpError::NoName),
            LookUpError::NoName => None,
        }
    }

    #[test]
    fn every_error_outlives_an_upgrade() {
        let errors = std::iter::successors(Some(LookUpError::NotFound), next);
        for error in errors {
            let (key, why) = error.saved();
            assert_eq!(LookUpError::restored(key, why), error);
        }
        let unknown = LookUpError::restored("of a later version", None);
        assert_eq!(unknown.to_string(), "the look-up failed");
    }
}
