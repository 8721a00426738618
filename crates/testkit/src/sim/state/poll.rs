//! Readiness as poll(2) has it, and the wake-ups of waiters.

/// `EPOLLIN` and so on: a set of conditions.
pub(crate) type Mask = u32;

pub(crate) const IN: Mask = 0x001;
pub(crate) const PRI: Mask = 0x002;
pub(crate) const OUT: Mask = 0x004;
pub(crate) const ERR: Mask = 0x008;
pub(crate) const HUP: Mask = 0x010;
pub(crate) const RDHUP: Mask = 0x2000;

/// A wake-up that concerns every waiter: the state of the socket changed.
pub(crate) const ANY: Mask = 0;
/// Bytes or a connection have arrived (`sock_def_readable`).
pub(crate) const DATA: Mask = IN | PRI;
/// There is room to send again (`sk_stream_write_space`).
pub(crate) const SPACE: Mask = OUT;
