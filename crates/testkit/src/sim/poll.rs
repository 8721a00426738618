//! Readiness as poll(2) has it, and the wake-ups of waiters.

/// `EPOLLIN` and so on: a set of conditions.
pub(super) type Mask = u32;

pub(super) const IN: Mask = 0x001;
pub(super) const PRI: Mask = 0x002;
pub(super) const OUT: Mask = 0x004;
pub(super) const ERR: Mask = 0x008;
pub(super) const HUP: Mask = 0x010;
pub(super) const RDHUP: Mask = 0x2000;

/// A wake-up that concerns every waiter: the state of the socket changed.
pub(super) const ANY: Mask = 0;
/// Bytes or a connection have arrived (`sock_def_readable`).
pub(super) const DATA: Mask = IN | PRI;
/// There is room to send again (`sk_stream_write_space`).
pub(super) const SPACE: Mask = OUT;
