//! The conditions of a socket, as epoll and poll(2) report them.

use std::fmt;

/// Conditions of one socket, as [`sys::Event`] has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Readiness {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    pub(crate) mark: bool,
    pub(crate) error: bool,
}

impl Readiness {
    /// The conditions of `POLLIN` and so on, as in [`sys::Events`].
    pub(crate) fn from_flags(flags: u32) -> Self {
        let [readable, mark, writable, error, hang_up, peer_shut] =
            [0x001, 0x002, 0x004, 0x008, 0x010, 0x2000].map(|flag| flags & flag != 0);
        let ended = error || hang_up;
        let mark = mark || peer_shut;
        Self {
            readable: ended || readable || mark,
            writable: ended || writable,
            mark: ended || mark,
            error,
        }
    }
}

impl From<&sys::Event> for Readiness {
    fn from(event: &sys::Event) -> Self {
        Self {
            readable: event.readable,
            writable: event.writable,
            mark: event.mark,
            error: event.error,
        }
    }
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            (self.readable, "in"),
            (self.writable, "out"),
            (self.mark, "mark"),
            (self.error, "error"),
        ];
        let holding: Vec<_> =
            all.iter().filter(|(holds, _)| *holds).map(|(_, word)| *word).collect();
        f.write_str(&if holding.is_empty() { "none".to_owned() } else { holding.join("+") })
    }
}
