//! What a listener leads to.

/// What a listener leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The admin interface.
    Admin,
    /// The metrics and probes, without a token.
    Metrics,
}

impl Door {
    /// The setting that names its addresses.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Metrics => "metrics",
        }
    }
}
