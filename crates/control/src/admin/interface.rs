//! The interfaces of a process.

/// The interface that a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// The admin interface.
    Admin,
    /// The metrics and probes, without a token.
    Metrics,
}

impl Interface {
    /// The setting that names its addresses.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Metrics => "metrics",
        }
    }
}
