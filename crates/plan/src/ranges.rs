//! Ranges of values, of settings whose kind is not in their row.

use std::time::Duration;

use crate::setting::Kind::{self, Count};
use crate::setting::LONGEST;

pub(crate) const MILLISECOND: Duration = Duration::from_millis(1);
const MICROSECOND: Duration = Duration::from_micros(1);
const SECOND: Duration = Duration::from_secs(1);

/// The kernel's own minimum is some 2 KiB; twice the maximum is the largest size it knows.
pub(crate) const BUFFER: Kind = Kind::Size { min: 1 << 12, max: 1 << 29 };

/// With more, a worker polls for a good part of the time in which there is little to do.
pub(crate) const SPIN: Kind =
    Kind::Duration { min: MICROSECOND, max: Duration::from_millis(10), step: MICROSECOND };

/// A duration that may be zero.
pub(crate) const WAIT: Kind =
    Kind::Duration { min: Duration::ZERO, max: LONGEST, step: MILLISECOND };

pub(crate) const SESSIONS: Kind = Count { min: 1, max: u32::MAX };

/// Range of `TCP_KEEPIDLE` and `TCP_KEEPINTVL` in whole seconds (`MAX_TCP_KEEPIDLE` in the kernel).
pub(crate) const KEEPALIVE_TIME: Kind =
    Kind::Duration { min: SECOND, max: Duration::from_secs(32_767), step: SECOND };

/// Range of `TCP_USER_TIMEOUT`: milliseconds in an `int`.
pub(crate) const USER_TIMEOUT: Kind = Kind::Duration {
    min: MILLISECOND,
    max: Duration::from_millis(i32::MAX.unsigned_abs() as u64),
    step: MILLISECOND,
};

/// A lane keeps the time of its last progress in 32 bits of milliseconds, and is checked eight times within the
/// limit.
pub(crate) const STALL_TIMEOUT: Kind = Kind::Duration {
    min: Duration::from_millis(100),
    max: Duration::from_secs(7 * 86_400),
    step: MILLISECOND,
};

/// The minimum is the size of a few records.
pub(crate) const ROTATE_SIZE: Kind = Kind::Size { min: 1 << 10, max: 1 << 40 };

pub(crate) const ROTATE_AGE: Kind =
    Kind::Duration { min: Duration::from_secs(60), max: LONGEST, step: MILLISECOND };

/// Shorter pauses would be load, and longer ones no check.
pub(crate) const CHECK_TIME: Kind = Kind::Duration {
    min: Duration::from_millis(100),
    max: Duration::from_secs(3600),
    step: MILLISECOND,
};

/// A check that waits occupies one of the few that run at once.
pub(crate) const CHECK_TIMEOUT: Kind = Kind::Duration {
    min: Duration::from_millis(10),
    max: Duration::from_secs(60),
    step: MILLISECOND,
};
