//! A target that never answers a SYN.

use std::net::SocketAddr;
use std::time::Duration;

use crate::addr::{Addr, Buffers, Connected, Listener, Place, connect_with};

/// A listener whose queue is full for ever, so that connecting to it hangs.
#[derive(Debug)]
pub struct BlackHole {
    listener: Listener,
    /// Connections that fill the accept queue; they are never accepted.
    _queued: Vec<Connected>,
}

impl BlackHole {
    /// Opens one on `127.0.0.1`.
    pub fn open() -> Self {
        Self::open_at(Place::V4)
    }

    /// Opens one at `place`.
    ///
    /// # Panics
    ///
    /// If this kernel still answers after a few connections.
    pub fn open_at(place: Place) -> Self {
        const PLACES: usize = 8;
        /// On loopback an answer takes microseconds.
        const ANSWER: Duration = Duration::from_millis(200);
        let listener = Listener::bind_with(place, Buffers::default(), 0);
        let connect = || connect_with(None, listener.addr(), Buffers::default(), ANSWER).ok();
        let queued: Vec<_> = (0..PLACES).map_while(|_| connect()).collect();
        assert!(queued.len() < PLACES, "{} answers though its queue is full", listener.addr());
        Self { listener, _queued: queued }
    }

    /// Address that swallows connections.
    pub fn addr(&self) -> SocketAddr {
        self.listener.addr().tcp()
    }
}

impl From<&BlackHole> for Addr {
    fn from(hole: &BlackHole) -> Self {
        Self::Tcp(hole.addr())
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::time::Instant;

    use super::*;

    #[test]
    fn connecting_hangs_every_time() {
        let hole = BlackHole::open();
        for _ in 0..3 {
            // Longer than the first retransmission of the SYN, after one second.
            let limit = Duration::from_millis(1200);
            let start = Instant::now();
            let error = connect_with(None, &(&hole).into(), Buffers::default(), limit).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            // The time limit of a connect counts whole milliseconds.
            assert!(start.elapsed() + Duration::from_millis(1) >= limit);
        }
    }
}
