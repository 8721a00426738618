use rustix::fd::BorrowedFd;
use sys::Errno;

use super::FAIR;
use super::sink::drain;
use crate::hub::{Next, Service};

/// Bytes per write.
const CHUNK: usize = 256 * 1024;

/// Sends without end, and discards received bytes.
pub(super) struct Source {
    bytes: Vec<u8>,
    scratch: Vec<u8>,
}

impl Source {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; CHUNK], scratch: vec![0; CHUNK] }
    }
}

impl Service for Source {
    type Session = ();

    fn open(&mut self) {}

    fn ready(&mut self, socket: BorrowedFd<'_>, (): &mut (), mark: bool) -> Next {
        let received = drain(socket, &mut self.scratch, mark);
        if matches!(received, Next::Close) {
            return Next::Close;
        }
        for _ in 0..FAIR {
            match sys::stream::send(socket, &self.bytes) {
                Ok(_) => {}
                Err(Errno::AGAIN) => return received,
                Err(_) => return Next::Close,
            }
        }
        Next::Again
    }
}
