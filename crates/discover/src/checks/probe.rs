//! What a check does, and its result.

use flow::Outbound;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// One check of one target.
#[derive(Clone)]
pub struct Probe {
    /// Where to connect.
    pub to: ProbeAddress,
    /// Header of the PROXY protocol that precedes the request; empty without one.
    pub header: Vec<u8>,
    /// The options of the connection, as a session's.
    pub outbound: Outbound,
    /// What happens after the connect.
    pub kind: Arc<ProbeKind>,
    /// For all of it.
    pub timeout: Duration,
}

/// The way to a target, as a session takes it.
#[derive(Clone)]
pub enum ProbeAddress {
    /// The addresses of the target, in the order of the attempts.
    Tcp(Arc<[SocketAddr]>),
    /// The addresses behind a name, which are looked up for each check.
    Name(Arc<dyn Addresses>),
    /// A Unix socket.
    Unix(PathBuf),
}

/// Finds the addresses behind a name.
pub trait Addresses: Send + Sync {
    /// The addresses in the order of the attempts; none if there is no answer.
    fn find(&self) -> Pin<Box<dyn Future<Output = Vec<SocketAddr>> + Send>>;
}

/// What a target has to do for its check to succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// Accept the connection.
    Connect,
    /// Answer a ClientHello with a ServerHello or an alert. Nothing is verified.
    Tls {
        /// For the extension `server_name`.
        server_name: Option<String>,
    },
    /// Answer an HTTP/1.1 request.
    Http {
        /// `GET`, `HEAD` or `OPTIONS`.
        method: String,
        /// The target of the request, from `/` on.
        path: String,
        /// The value of `Host`.
        host: String,
        /// The first and the last status that is a success.
        status: (u16, u16),
    },
    /// Answer some bytes.
    Exchange {
        /// Bytes to send; may be empty.
        send: Vec<u8>,
        /// Bytes that the first [`MOST_BYTES`] of the answer contain.
        expect: Vec<u8>,
    },
}

impl ProbeKind {
    /// Whether the target speaks first.
    pub(crate) fn awaits_greeting(&self) -> bool {
        matches!(self, Self::Exchange { send, .. } if send.is_empty())
    }
}

/// Bytes of an answer that are read.
pub const MOST_BYTES: usize = 16 * 1024;

/// Result of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckResult {
    /// Why it failed; `Ok` if it succeeded.
    pub outcome: Result<(), CheckFailure>,
    /// Time from its beginning to its result.
    pub took: Duration,
}

/// Why a check failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckFailure {
    /// The target has no address.
    NoAddress,
    /// The connect failed, with the kernel's error.
    Connect(String),
    /// The connection broke, with the kernel's error.
    Broken(String),
    /// Nothing, or not enough, within the timeout.
    Timeout(Excerpt),
    /// The target closed the connection before its answer was complete.
    Closed,
    /// The HTTP status is not one of the expected ones.
    Status(u16),
    /// The answer is not HTTP or TLS, or does not contain the expected bytes.
    Unexpected(Excerpt),
}

/// The beginning of an answer as text; empty if nothing came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Excerpt(String);

impl Excerpt {
    /// Bytes that are shown.
    const LENGTH: usize = 60;

    pub(crate) fn of(answer: &[u8]) -> Self {
        let shown = &answer[..answer.len().min(Self::LENGTH)];
        let more = if shown.len() < answer.len() { "..." } else { "" };
        Self(if answer.is_empty() {
            String::new()
        } else {
            format!("\"{}{more}\"", shown.escape_ascii())
        })
    }
}

impl fmt::Display for CheckFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => f.write_str("the name has no address"),
            Self::Connect(error) => write!(f, "cannot connect: {error}"),
            Self::Broken(error) => write!(f, "the connection broke: {error}"),
            Self::Timeout(Excerpt(seen)) if seen.is_empty() => f.write_str("no answer in time"),
            Self::Timeout(Excerpt(seen)) => {
                write!(f, "not the expected answer in time, but {seen}")
            }
            Self::Closed => f.write_str("closed before its answer was complete"),
            Self::Status(status) => write!(f, "HTTP status {status}"),
            Self::Unexpected(Excerpt(seen)) => write!(f, "not the expected answer, but {seen}"),
        }
    }
}

impl std::error::Error for CheckFailure {}
