//! Failures of one member.

use std::path::PathBuf;
use std::time::Duration;

use plan::units::format_duration;

use crate::file_fault::FileFault;
use crate::store::StoreError;

/// The failure of a request at one member.
#[derive(Debug)]
pub(super) enum Failure {
    /// The name of the member has no address.
    LookUp(String),
    /// No connection, so nothing was sent.
    Connect(String),
    /// The TLS handshake failed, or TLS ended the exchange.
    Tls(String),
    /// A file of the configuration cannot be used.
    File { path: PathBuf, fault: FileFault },
    /// The request was sent, and the connection ended without a complete answer.
    Lost(String),
    /// The request was sent, and no complete answer came within this time.
    Silent(Duration),
    /// The member works, and has no quorum.
    NoQuorum,
    /// An answer that is not one of etcd's.
    NotEtcd(String),
    /// An answer longer than this many bytes.
    TooLong(usize),
    /// An error of etcd.
    Refused {
        /// The gRPC code.
        code: u32,
        /// The message.
        message: String,
    },
}

// https://grpc.io/docs/guides/status-codes/
const INVALID_ARGUMENT: u32 = 3;
const NOT_FOUND: u32 = 5;
const PERMISSION_DENIED: u32 = 7;
const RESOURCE_EXHAUSTED: u32 = 8;
const FAILED_PRECONDITION: u32 = 9;
const OUT_OF_RANGE: u32 = 11;
const UNIMPLEMENTED: u32 = 12;
const UNAVAILABLE: u32 = 14;
const UNAUTHENTICATED: u32 = 16;

impl Failure {
    /// A watch from a revision whose changes are not kept any more.
    pub(super) fn compacted(oldest: i64) -> Self {
        let message = format!(
            "the changes before revision {oldest} of the store are compacted: read the keys again"
        );
        Self::Refused { code: OUT_OF_RANGE, message }
    }

    /// A watch that the member has ended; its reason holds the code as a word.
    pub(super) fn canceled(reason: String) -> Self {
        if reason.contains("no leader") {
            return Self::NoQuorum;
        }
        let code =
            if reason.contains("permission denied") { PERMISSION_DENIED } else { UNAVAILABLE };
        Self::Refused { code, message: reason }
    }

    /// Whether the other members would answer the same.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::File { .. } => true,
            // A member that starts or stops is one of several; the rest is a decision of the cluster. Without the prefix of
            // etcd's own messages, a proxy or another server has answered in the place of a member.
            Self::Refused { code, message } => {
                *code != UNAVAILABLE
                    && message.starts_with("etcdserver: ")
                    && self.is_refusal_before_the_act()
            }
            _ => false,
        }
    }

    /// Whether the failure passes by itself, as an election does, so that the call should be repeated within its limit.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::NoQuorum)
            || matches!(self, Self::Refused { code: UNAVAILABLE, .. } if !self.is_server_only_certificate())
    }

    /// Whether a new login may help: the token has expired, or the rights have changed since.
    pub(super) fn wants_login(&self) -> bool {
        match self {
            Self::Refused { code: UNAUTHENTICATED, .. } => true,
            Self::Refused { message, .. } => {
                message.contains("user name is empty")
                    || message.contains("revision of auth store is old")
                    || message.contains("invalid auth token")
            }
            _ => false,
        }
    }

    /// Whether the store has no logins at all.
    pub(super) fn is_without_logins(&self) -> bool {
        self.says("authentication is not enabled")
    }

    /// Whether a lease does not exist (any more).
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { code: NOT_FOUND, .. })
    }

    /// Whether the change of a failed transaction has certainly not been made.
    pub(super) fn left_no_change(&self) -> bool {
        match self {
            Self::LookUp(_) | Self::Connect(_) | Self::File { .. } | Self::NoQuorum => true,
            Self::Refused { .. } => self.is_refusal_before_the_act(),
            Self::Tls(_)
            | Self::Lost(_)
            | Self::Silent(_)
            | Self::NotEtcd(_)
            | Self::TooLong(_) => false,
        }
    }

    /// Whether etcd has checked a request and not begun it, by its code.
    fn is_refusal_before_the_act(&self) -> bool {
        let Self::Refused { code, .. } = self else { return false };
        [
            INVALID_ARGUMENT,
            NOT_FOUND,
            PERMISSION_DENIED,
            RESOURCE_EXHAUSTED,
            FAILED_PRECONDITION,
            OUT_OF_RANGE,
            UNIMPLEMENTED,
            UNAUTHENTICATED,
        ]
        .contains(code)
    }

    fn says(&self, words: &str) -> bool {
        matches!(self, Self::Refused { message, .. } if message.contains(words))
    }

    /// Whether the member's gateway cannot connect to its own member: with `--client-cert-auth` it shows the member's
    /// certificate as a client, and that may be good for servers only.
    fn is_server_only_certificate(&self) -> bool {
        // The refusal meets the gateway at any point of its handshake.
        let words = [
            "bad certificate",
            "certificate required",
            "authentication handshake failed",
            "connection closed",
            "failed to write client preface",
            "error reading server preface",
        ];
        matches!(self, Self::Refused { code: UNAVAILABLE, message }
            if words.iter().any(|words| message.contains(words)))
    }

    /// As the error of a call about `key` to the member at `endpoint`.
    pub(super) fn into_error(self, endpoint: &str, tls: bool, key: &str) -> StoreError {
        let is_server_only = tls && self.is_server_only_certificate();
        let endpoint = endpoint.to_owned();
        match self {
            Self::Connect(cause) => StoreError::Unreachable(vec![(endpoint, cause)]),
            Self::LookUp(_) | Self::Lost(_) | Self::Silent(_) => {
                let cause = self.cause();
                StoreError::Unreachable(vec![(endpoint, cause)])
            }
            Self::NoQuorum => StoreError::NoQuorum { endpoint },
            Self::File { path, fault } => StoreError::File { path, fault },
            Self::Tls(message) => StoreError::Tls { endpoint, message },
            Self::NotEtcd(message) => StoreError::NotEtcd { endpoint, message },
            Self::TooLong(_) => StoreError::TooLong { endpoint, message: self.cause() },
            Self::Refused { message, .. } if is_server_only => {
                StoreError::Tls { endpoint, message: server_only_certificate(&message) }
            }
            Self::Refused { code, message } => refused(endpoint, key, code, message),
        }
    }

    /// The remedy of a failure whose error has none.
    pub(super) fn remedy(&self) -> Option<&'static str> {
        Some(match self {
            Self::LookUp(_) => {
                "write the member's address in `from`, or give its name one: a line in /etc/hosts, or another server in \
                 /etc/resolv.conf"
            }
            Self::Connect(_) => {
                "start etcd there, open its port in the firewalls between, or correct `from`: clients of etcd have port \
                 2379 unless its `--listen-client-urls` names another"
            }
            Self::Lost(_) | Self::Silent(_) => {
                "look at the log of etcd there, and restart it if it hangs; or correct `from`: clients of etcd have port \
                 2379 unless its `--listen-client-urls` names another"
            }
            Self::NotEtcd(_) => {
                "correct `from`: clients of etcd have port 2379 unless its `--listen-client-urls` names another; port 2380 is \
                 for members only"
            }
            _ => return None,
        })
    }

    /// In a list of endpoints that failed.
    pub(super) fn cause(&self) -> String {
        match self {
            Self::Connect(cause) | Self::Tls(cause) | Self::Lost(cause) | Self::NotEtcd(cause) => {
                cause.clone()
            }
            Self::LookUp(cause) => format!("look-up: {cause}"),
            Self::File { fault, .. } => fault.to_string(),
            Self::Refused { message, .. } => message.clone(),
            Self::Silent(limit) => {
                let millis = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
                format!("no answer within {}", format_duration(Duration::from_millis(millis)))
            }
            Self::NoQuorum => "no quorum".to_owned(),
            Self::TooLong(limit) => format!("an answer of more than {} MiB", limit >> 20),
        }
    }
}

fn refused(endpoint: String, key: &str, code: u32, message: String) -> StoreError {
    let login = ["authentication failed", "user name is empty", "auth token", "auth store is old"];
    if code == UNAUTHENTICATED || login.iter().any(|words| message.contains(words)) {
        StoreError::Login { message }
    } else if code == PERMISSION_DENIED || message.contains("permission denied") {
        StoreError::Denied { key: key.to_owned(), message }
    } else if message.contains("database space exceeded") {
        StoreError::Full
    } else if message.contains("received message larger than max (") && code == RESOURCE_EXHAUSTED {
        // By the gateway of etcd's answer, or by etcd of the request; the caller knows which.
        StoreError::TooLong { endpoint, message }
    } else if message.contains("request is too large") {
        StoreError::TooLarge { endpoint, message }
    } else {
        StoreError::Refused { endpoint, message }
    }
}

fn server_only_certificate(message: &str) -> String {
    format!(
        "the member's JSON gateway cannot log in to its own member ({message}): with `--client-cert-auth`, etcd's \
         certificate (`--cert-file`) must be good for clients, too: add `clientAuth` to its extended key usage"
    )
}

/// The most specific of the failures of all endpoints that a call has tried.
pub(super) fn most_specific(failures: Vec<(String, Failure)>, tls: bool, key: &str) -> StoreError {
    let weight = |failure: &Failure| match failure {
        _ if failure.is_final() => 0,
        Failure::TooLong(_) => 0,
        Failure::NoQuorum => 1,
        Failure::Refused { .. } => 2,
        Failure::Tls(_) => 3,
        Failure::NotEtcd(_) => 4,
        _ => 5,
    };
    let lightest = failures.iter().map(|(_, failure)| weight(failure)).min();
    if lightest.is_none_or(|lightest| lightest == 5) {
        let causes = failures.into_iter().map(|(endpoint, it)| (endpoint, it.cause()));
        return StoreError::Unreachable(causes.collect());
    }
    let worst = failures.into_iter().find(|(_, failure)| Some(weight(failure)) == lightest);
    match worst {
        Some((endpoint, failure)) => failure.into_error(&endpoint, tls, key),
        None => StoreError::Unreachable(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A member that is asked late, because another one is silent, has less time than a second.
    #[test]
    fn the_time_of_a_silent_member_has_its_milliseconds() {
        let cause = |micros| Failure::Silent(Duration::from_micros(micros)).cause();
        assert_eq!(cause(3_000_000), "no answer within 3s");
        assert_eq!(cause(503_400), "no answer within 503ms");
        assert_eq!(cause(2_500_000), "no answer within 2s500ms");
    }

    /// Messages of etcd 3.4 and 3.5.
    #[test]
    fn a_server_only_certificate_is_recognised_at_each_point_of_a_handshake() {
        let is_server_only = |code, message: &str| {
            let failure = Failure::Refused { code, message: message.to_owned() };
            matches!(failure.into_error("a:1", true, ""), StoreError::Tls { message, .. }
                if message.contains("clientAuth"))
        };
        for message in [
            "connection closed",
            "connection error: desc = \"transport: authentication handshake failed: remote error: tls: bad certificate\"",
            "connection error: desc = \"transport: failed to write client preface: write tcp 127.0.0.1:47366->\
             127.0.0.1:33645: write: broken pipe\"",
            "connection error: desc = \"error reading server preface: remote error: tls: certificate required\"",
        ] {
            assert!(is_server_only(UNAVAILABLE, message), "{message}");
            assert!(!is_server_only(PERMISSION_DENIED, message), "{message}");
        }
        let stops =
            "connection error: desc = \"transport: Error while dialing: connection refused\"";
        assert!(!is_server_only(UNAVAILABLE, stops));
    }
}
