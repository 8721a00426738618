//! The words of close reasons. One table gives log fields, metric labels and the documentation.

use crate::words::words;
use std::num::NonZeroU16;

words! {
    /// The party that ended a session.
    By {
        Client = "client": "The client's side ended it.",
        Target = "target": "The target's side ended it, or could not be reached.",
        Limit = "limit": "A limit or timeout of the configuration ended it.",
        Operator = "operator": "An operator ended it, or changed the configuration.",
        Shutdown = "shutdown": "The process was shutting down.",
        Resource = "resource": "This host had no resources left for it.",
    }
}

words! {
    /// The part of its way that a session was on when it ended.
    Phase {
        Admit = "admit": "Accepted, not yet admitted under the limits.",
        Greet = "greet": "Reading the first bytes of its client: a PROXY header, or a TLS ClientHello.",
        Connect = "connect": "Resolving the target's name or connecting to it.",
        Relay = "relay": "Forwarding bytes.",
        Drain = "drain": "Forwarding bytes while its forward or the process was draining.",
    }
}

words! {
    /// The event that ended a session.
    Cause {
        Fin = "fin": "Both directions ended in order; `by` sent its FIN first.",
        Reset = "reset": "`by` reset the connection (RST), or it was found broken when written to.",
        TimedOut = "timed_out": "The kernel gave the connection up: no acknowledgement (keepalive, retransmission or `user_timeout`).",
        IoError = "io_error": "The socket failed in another way; `errno` names it.",
        Refused = "refused": "The target refused the connection.",
        Unreachable = "unreachable": "No route to the target, or its network or host is down.",
        Loop = "loop": "The target's address is one of this process's own listeners.",
        Denied = "denied": "The connection to the target was not permitted here (firewall, security module).",
        NameError = "name_error": "The target's name could not be resolved.",
        NoTarget = "no_target": "No target was up, and `none_up` is `refuse`.",
        TargetDown = "target_down": "A check took the target down, and `on_down` is `reset`.",
        NameTimeout = "name_timeout": "No answer from the name servers within their own timeout or `connect_timeout`.",
        ConnectTimeout = "connect_timeout": "No connection to the target within `connect_timeout`.",
        IdleTimeout = "idle_timeout": "No byte in either direction for `idle_timeout`.",
        HalfCloseTimeout = "half_close_timeout": "One direction had ended, and the other was silent for `half_close_timeout`.",
        Stalled = "stalled": "Bytes waited for a peer that took none for `stall_timeout`.",
        MaxAge = "max_age": "The session reached `max_age`.",
        Killed = "killed": "An operator ended this session.",
        Drained = "drained": "It was still open when `shutdown_timeout` or `removed_timeout` ended.",
        OverLimit = "over_limit": "The forward, the process, or every target that may serve was at `max_sessions`.",
        NotAllowed = "not_allowed": "`allow` and `deny` of the forward refuse the client's address, or `accept_proxy` does not trust it.",
        ClientLimit = "client_limit": "The client had its `share` of the forward's places, or `sessions` of `per_client`.",
        RateLimit = "rate_limit": "The client opened sessions faster than `new` of `per_client` allows.",
        BadHeader = "bad_header": "The client did not begin with a PROXY header, or its header was malformed, incomplete or longer than 4 KiB.",
        HeaderTimeout = "header_timeout": "The PROXY header did not arrive within `timeout` of `accept_proxy`.",
        HelloTimeout = "hello_timeout": "The TLS ClientHello had begun, and was not complete within `hello_timeout`.",
        NoRoute = "no_route": "No `route` takes the client, and its forward has no `to`.",
        NoFiles = "no_files": "No file descriptor was left (EMFILE, ENFILE).",
        NoPorts = "no_ports": "No local port was left for a connection to this target (EADDRNOTAVAIL), or its `local_address`, `interface` or `mark` is not granted any more.",
        NoMemory = "no_memory": "The kernel had no memory for it (ENOMEM, ENOBUFS).",
        Lost = "lost": "An upgrade in place could not take it over.",
    }
}

impl Cause {
    /// A resource of this host was used up: neither the client nor the target caused it.
    pub fn is_of_resources(self) -> bool {
        matches!(self, Self::NoFiles | Self::NoPorts | Self::NoMemory)
    }

    /// The cause in a sentence about a target. `refused` alone would not say by which side: a client may be
    /// refused as well, by a limit.
    pub fn of_target(self) -> &'static str {
        match self {
            Self::Refused => "connection refused",
            cause => cause.as_str(),
        }
    }
}

/// The kernel's error number behind a cause, if there is one (errno(3)).
type Errno = Option<NonZeroU16>;

/// The failure of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketFailure {
    /// The cause as a close reason names it.
    pub cause: Cause,
    /// The kernel's error number, if there is one.
    pub errno: Errno,
    /// The error leaves open whether the peer had sent its FIN before (EPIPE, ENOTCONN). It is no
    /// proof of a FIN: the report of a reset may have gone to an earlier call.
    pub fin_unknown: bool,
}

/// The reason for the end of a session: exactly one each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseReason {
    /// The party that ended it.
    pub by: By,
    /// The part of its way that the session was on.
    pub phase: Phase,
    /// The event that ended it.
    pub cause: Cause,
    /// The kernel's error number behind the cause, if there is one.
    pub errno: Errno,
}

impl CloseReason {
    /// A reason without a kernel error.
    pub const fn new(by: By, phase: Phase, cause: Cause) -> Self {
        Self { by, phase, cause, errno: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn assert_distinct(words: &[&str]) {
        assert_eq!(words.iter().collect::<HashSet<_>>().len(), words.len(), "{words:?}");
        assert!(words.iter().all(|word| word.bytes().all(|b| b == b'_' || b.is_ascii_lowercase())));
    }

    #[test]
    fn every_word_is_distinct_and_fit_for_a_metric_label() {
        assert_distinct(&By::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>());
        assert_distinct(&Phase::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>());
        assert_distinct(&Cause::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>());
    }

    #[test]
    fn every_word_is_explained_in_a_sentence() {
        for explanation in Cause::ALL.iter().map(|cause| cause.explanation()) {
            assert!(explanation.ends_with('.'), "{explanation}");
        }
    }
}
