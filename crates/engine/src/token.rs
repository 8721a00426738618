//! Tokens of epoll events: a listener, the mailbox, or one of a session's two sockets.

use crate::slots::Key;
use flow::{MOST_ATTEMPTS, Peer};

/// Token of the mailbox. Tokens below 2^32 are not sessions; the others are listeners by number.
pub(crate) const MAILBOX: u64 = u32::MAX as u64;

/// The highest bit of a session's index, set in tokens of the target's socket.
const TARGET_BIT: u64 = 1 << 31;

/// The bits below it hold the number of the attempt to connect. They limit a worker to 2^28 sessions, which
/// is more than the kernel's limit on descriptors allows.
const ATTEMPT_SHIFT: u32 = 28;
const ATTEMPT_BITS: u64 = (MOST_ATTEMPTS as u64 - 1) << ATTEMPT_SHIFT;

pub(crate) fn token(key: Key, peer: Peer) -> u64 {
    key.to_bits() | if peer == Peer::Target { TARGET_BIT } else { 0 }
}

/// The token of a socket that is being connected. That of the first attempt is also the token of the
/// connected target.
pub(crate) fn attempt_token(key: Key, attempt: usize) -> u64 {
    token(key, Peer::Target) | (attempt as u64) << ATTEMPT_SHIFT
}

/// The source of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A session's socket, and the number of the attempt to connect it.
    Session(Key, Peer, usize),
    Mailbox,
    /// A listener, by number.
    Listener(u32),
}

impl Source {
    /// The source that was registered with `token`.
    pub(crate) fn of(token: u64) -> Self {
        let peer = if token & TARGET_BIT == 0 { Peer::Client } else { Peer::Target };
        let attempt = ((token & ATTEMPT_BITS) >> ATTEMPT_SHIFT) as usize;
        match Key::from_bits(token & !(TARGET_BIT | ATTEMPT_BITS)) {
            Some(key) => Self::Session(key, peer, attempt),
            None if token == MAILBOX => Self::Mailbox,
            #[expect(clippy::cast_possible_truncation, reason = "only a key has an upper half")]
            None => Self::Listener(token as u32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_name_the_session_and_its_peer() {
        let key = Key::from_bits(0x0005_0000_004d).unwrap();
        for peer in [Peer::Client, Peer::Target] {
            assert_eq!(Source::of(token(key, peer)), Source::Session(key, peer, 0));
        }
        for attempt in 0..MOST_ATTEMPTS {
            let source = Source::Session(key, Peer::Target, attempt);
            assert_eq!(Source::of(attempt_token(key, attempt)), source);
        }
        assert_eq!(Source::of(MAILBOX), Source::Mailbox);
        for listener in [0, 7, u32::MAX - 1] {
            assert_eq!(Source::of(listener.into()), Source::Listener(listener));
        }
    }
}
