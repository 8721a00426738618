//! What epoll reports with an event: a listener, the mailbox, or one of a session's two sockets.

use crate::slots::Key;
use flow::End;

/// Tokens of epoll below 2^32 are not sessions: listeners by number, and this one.
pub(crate) const MAILBOX: u64 = u32::MAX as u64;

/// The highest bit of a session's index: set for events of the target's socket.
const TARGET_BIT: u64 = 1 << 31;

pub(crate) fn token(key: Key, end: End) -> u64 {
    key.to_bits() | if end == End::Target { TARGET_BIT } else { 0 }
}

pub(crate) fn session_of(token: u64) -> Option<(Key, End)> {
    let end = if token & TARGET_BIT == 0 { End::Client } else { End::Target };
    Key::from_bits(token & !TARGET_BIT).map(|key| (key, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_name_the_session_and_its_end() {
        let key = Key::from_bits(0x0005_0000_004d).unwrap();
        for end in [End::Client, End::Target] {
            assert_eq!(session_of(token(key, end)), Some((key, end)));
        }
        assert_eq!(session_of(MAILBOX), None);
        assert_eq!(session_of(0), None);
    }
}
