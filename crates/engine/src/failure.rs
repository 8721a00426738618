//! From the kernel's error numbers to our causes.

use flow::{By, Cause, CloseReason, Failure, Phase};
use std::num::NonZeroU16;
use sys::Errno;

/// The number, in the form that a close reason keeps.
fn number(errno: Errno) -> Option<NonZeroU16> {
    u16::try_from(errno.raw_os_error()).ok().and_then(NonZeroU16::new)
}

/// Resources that this host has run out of. Waiting helps; trying again at once does not.
pub(crate) fn exhausted(errno: Errno) -> Option<Cause> {
    match errno {
        Errno::MFILE | Errno::NFILE => Some(Cause::NoFiles),
        Errno::NOMEM | Errno::NOBUFS | Errno::NOSPC => Some(Cause::NoMemory),
        Errno::ADDRNOTAVAIL | Errno::ADDRINUSE => Some(Cause::NoPorts),
        _ => None,
    }
}

/// How an established connection failed.
pub(crate) fn of_connection(errno: Errno) -> Failure {
    let cause = match errno {
        // EPIPE and ENOTCONN: the reset was reported earlier, or by another call.
        Errno::CONNRESET | Errno::PIPE | Errno::NOTCONN | Errno::CONNABORTED => Cause::Reset,
        Errno::TIMEDOUT => Cause::TimedOut,
        Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::HOSTDOWN | Errno::NETDOWN => {
            Cause::Unreachable
        }
        Errno::NOMEM | Errno::NOBUFS => Cause::NoMemory,
        _ => Cause::IoError,
    };
    let fin_unknown = matches!(errno, Errno::PIPE | Errno::NOTCONN);
    Failure { cause, errno: number(errno), fin_unknown }
}

/// How an attempt to connect failed.
pub(crate) fn of_attempt(errno: Errno) -> Failure {
    let cause = exhausted(errno).unwrap_or(match errno {
        // A Unix socket that is not there refuses in its own words.
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
    Failure { cause, errno: number(errno), fin_unknown: false }
}

/// These sockets cannot be spliced: not by this kernel, or not in this sandbox. No byte has moved.
pub(crate) fn says_unsupported(errno: Errno) -> bool {
    matches!(errno, Errno::INVAL | Errno::NOSYS | Errno::NOTSUP | Errno::PERM | Errno::ACCESS)
}

/// The connection was there, and is broken. An attempt that is answered by an RST says
/// ECONNREFUSED; ECONNRESET and EPIPE come after the handshake only (tcp_reset() in Linux).
pub(crate) fn came_after_connecting(errno: Errno) -> bool {
    matches!(errno, Errno::CONNRESET | Errno::PIPE)
}

/// Why a session ends whose target could not be connected to.
pub(crate) fn reason_of_attempt(failure: Failure) -> CloseReason {
    let by = match failure.cause {
        cause if cause.is_of_resources() => By::Resource,
        Cause::ConnectTimeout => By::Limit,
        _ => By::Target,
    };
    CloseReason { by, phase: Phase::Connect, cause: failure.cause, errno: failure.errno }
}

/// The error of accept(2) was the waiting connection's own: the next one may be sound.
/// (accept(2), "Error handling".)
pub(crate) fn is_of_one_connection(errno: Errno) -> bool {
    matches!(
        errno,
        // A firewall or security module refused it, it was gone again, or it came with an error.
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
