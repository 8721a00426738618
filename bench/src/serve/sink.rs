use rustix::fd::BorrowedFd;
use sys::Errno;

use super::FAIR;
use crate::hub::{Next, Service};
use crate::socket::discard;

/// Discarded at once; nothing is copied.
const CHUNK: usize = 1024 * 1024;

/// Receives and discards bytes.
pub(super) struct Sink {
    scratch: Vec<u8>,
}

impl Sink {
    pub(super) fn new() -> Self {
        Self { scratch: vec![0; CHUNK] }
    }
}

impl Service for Sink {
    type Session = ();

    fn open(&mut self) {}

    fn ready(&mut self, socket: BorrowedFd<'_>, (): &mut (), mark: bool) -> Next {
        drain(socket, &mut self.scratch, mark)
    }
}

/// Discards what waits, up to a fair share.
pub(super) fn drain(socket: BorrowedFd<'_>, scratch: &mut [u8], mark: bool) -> Next {
    for _ in 0..FAIR {
        match discard(socket, scratch) {
            Ok(0) => return Next::Close,
            Ok(count) if count < scratch.len() && !mark => return Next::Keep,
            Ok(_) => {}
            Err(Errno::AGAIN) => return Next::Keep,
            Err(_) => return Next::Close,
        }
    }
    Next::Again
}
