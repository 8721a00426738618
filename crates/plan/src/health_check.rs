//! Active health checks of a forward's targets, as configured.

use std::fmt;
use std::time::Duration;

use crate::problem::ParseError;
use crate::text::quoted;

/// An active check of the targets of a forward. Each field is a setting with a row in `settings.rs`.
///
/// Exactly one of `connect`, `tls`, `http` and `expect` is set in a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// The target accepts a connection.
    pub connect: bool,
    /// The target answers a TLS ClientHello.
    pub tls: bool,
    /// The target answers an HTTP/1.1 request for this path.
    pub http: Option<String>,
    /// Method of the HTTP request.
    pub method: Method,
    /// `Host` of the HTTP request, or the server name of the ClientHello; `None` is that of the target.
    pub host: Option<String>,
    /// Statuses of an HTTP answer that are a success.
    pub status: StatusRange,
    /// Text to send after the connect.
    pub send: Option<String>,
    /// Text that the answer must contain.
    pub expect: Option<String>,
    /// Port to connect to instead of the target's. At least 1.
    pub port: Option<u32>,
    /// Time between two checks of a target.
    pub every: Duration,
    /// Time limit of one check.
    pub timeout: Duration,
    /// Failed checks in a row that take the target down.
    pub fall: u32,
    /// Successful checks in a row that bring it back.
    pub rise: u32,
}

/// Method of an HTTP check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `OPTIONS`
    Options,
}

/// HTTP statuses from the first to the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRange {
    /// At least 100.
    pub first: u16,
    /// At most 599, and not less than `first`.
    pub last: u16,
}

impl HealthCheck {
    /// Whether the answer says that the target may serve, and not only that it is reachable. Such a target is
    /// down until a check succeeds, and its sessions end when it goes down.
    pub fn reads_answer(&self) -> bool {
        self.http.is_some() || self.expect.is_some()
    }
}

/// Parses `200` or `200-399`.
pub(crate) fn parse_statuses(text: &str) -> Result<StatusRange, ParseError> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let status = |text: &str| text.parse::<u16>().ok().filter(|it| (100..=599).contains(it));
    let range = status(first).zip(status(last)).filter(|(first, last)| first <= last);
    let range = range.map(|(first, last)| StatusRange { first, last });
    range.ok_or_else(|| {
        let message = format!("{} is not a range of statuses from 100 to 599", quoted(text));
        ParseError::new(0..text.len(), message).hint("write it as in `200` or `200-399`")
    })
}

impl fmt::Display for StatusRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, last } = self;
        if first == last { write!(f, "{first}") } else { write!(f, "{first}-{last}") }
    }
}
