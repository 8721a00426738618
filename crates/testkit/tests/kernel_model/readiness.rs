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
