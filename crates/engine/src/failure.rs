//! Maps the kernel's error numbers to causes of close reasons.

use flow::{By, Cause, CloseReason, Phase, SocketFailure};
use std::num::NonZeroU16;
use sys::Errno;

/// The error number as stored in a close reason.
fn number(errno: Errno) -> Option<NonZeroU16> {
    u16::try_from(errno.raw_os_error()).ok().and_then(NonZeroU16::new)
}

/// The resource that this host lacks, if `errno` says so. An immediate retry would fail again.
pub(crate) fn exhausted(errno: Errno) -> Option<Cause> {
    match errno {
        Errno::MFILE | Errno::NFILE => Some(Cause::NoFiles),
        Errno::NOMEM | Errno::NOBUFS | Errno::NOSPC => Some(Cause::NoMemory),
        Errno::ADDRNOTAVAIL | Errno::ADDRINUSE => Some(Cause::NoPorts),
        _ => None,
    }
}

/// The failure of an established connection.
pub(crate) fn of_connection(errno: Errno) -> SocketFailure {
    let cause = match errno {
        // EPIPE and ENOTCONN: another call has reported the reset.
        Errno::CONNRESET | Errno::PIPE | Errno::NOTCONN | Errno::CONNABORTED => Cause::Reset,
        Errno::TIMEDOUT => Cause::TimedOut,
        Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::HOSTDOWN | Errno::NETDOWN => {
            Cause::Unreachable
        }
        Errno::NOMEM | Errno::NOBUFS => Cause::NoMemory,
        _ => Cause::IoError,
    };
    let fin_unknown = matches!(errno, Errno::PIPE | Errno::NOTCONN);
    SocketFailure { cause, errno: number(errno), fin_unknown }
}

/// The failure of an attempt to connect.
pub(crate) fn of_attempt(errno: Errno) -> SocketFailure {
    let cause = exhausted(errno).unwrap_or(match errno {
        // connect(2) to a missing Unix socket fails with ENOENT.
        Errno::CONNREFUSED | Errno::NOENT => Cause::Refused,
        Errno::TIMEDOUT => Cause::ConnectTimeout,
        Errno::ACCESS | Errno::PERM => Cause::Denied,
        Errno::HOSTUNREACH
        | Errno::NETUNREACH
        | Errno::HOSTDOWN
        | Errno::NETDOWN
        | Errno::AFNOSUPPORT => Cause::Unreachable,
        Errno::CONNRESET => Cause::Reset,
        _ => Cause::IoError,
    });
    SocketFailure { cause, errno: number(errno), fin_unknown: false }
}

/// The failure of an attempt. With `has_options`, EINVAL, ENODEV and EPERM (bind(2), socket(7), ip(7)) mean that
/// this host does not grant the source, interface or mark: no failure of the target.
pub(crate) fn of_attempt_with(errno: Errno, has_options: bool) -> SocketFailure {
    match errno {
        Errno::INVAL | Errno::NODEV | Errno::PERM if has_options => {
            SocketFailure { cause: Cause::NoPorts, errno: number(errno), fin_unknown: false }
        }
        _ => of_attempt(errno),
    }
}

/// Whether splice(2) is unavailable for these sockets, in this kernel or sandbox. No byte has moved.
pub(crate) fn says_unsupported(errno: Errno) -> bool {
    matches!(errno, Errno::INVAL | Errno::NOSYS | Errno::NOTSUP | Errno::PERM | Errno::ACCESS)
}

/// Whether the connection was established before it broke. An RST in answer to a SYN gives
/// ECONNREFUSED; ECONNRESET and EPIPE occur after the handshake only (tcp_reset() in Linux).
pub(crate) fn came_after_connecting(errno: Errno) -> bool {
    matches!(errno, Errno::CONNRESET | Errno::PIPE)
}

/// Close reason of a session whose target could not be connected.
pub(crate) fn reason_of_attempt(failure: SocketFailure) -> CloseReason {
    let by = match failure.cause {
        cause if cause.is_of_resources() => By::Resource,
        Cause::ConnectTimeout | Cause::NameTimeout => By::Limit,
        _ => By::Target,
    };
    CloseReason { by, phase: Phase::Connect, cause: failure.cause, errno: failure.errno }
}

/// Whether an error of accept(2) concerns the queued connection alone, so that the next one may
/// succeed (accept(2), "Error handling").
pub(crate) fn is_of_one_connection(errno: Errno) -> bool {
    matches!(
        errno,
        // Refused by a firewall or security module, closed meanwhile, or received with an error.
        Errno::PERM
            | Errno::CONNABORTED
            | Errno::INTR
            | Errno::NETDOWN
            | Errno::PROTO
            | Errno::NOPROTOOPT
            | Errno::HOSTDOWN
            | Errno::NONET
            | Errno::HOSTUNREACH
            | Errno::NOTSUP
            | Errno::NETUNREACH
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_is_gone_is_a_failure_of_this_host() {
        let by = |errno, has_options| reason_of_attempt(of_attempt_with(errno, has_options)).by;
        for errno in [Errno::INVAL, Errno::NODEV, Errno::PERM] {
            assert_eq!(by(errno, true), By::Resource, "{errno:?}");
            assert_eq!(by(errno, false), By::Target, "{errno:?}");
        }
        assert_eq!(by(Errno::CONNREFUSED, true), By::Target);
    }
}
