//! All targets: one socket at every address.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::fd::{BorrowedFd, OwnedFd};
use sys::Errno;

use super::stream::{HELLO, Hello, PIECE, compare};
use crate::failure::{Context, Result};
use crate::fleet::ledger::Ledger;
use crate::hub::{Hub, Next, Service};
use crate::random::fill;
use crate::stats::{size, wide};

/// Time between two looks at the end of the run.
const LOOK: Duration = Duration::from_millis(100);

/// Serves the sessions of a socket until the run is over.
pub(in crate::fleet) fn serve(listener: OwnedFd, ledger: &Arc<Ledger>) -> Result<()> {
    let mut hub = Hub::new(Targets { ledger: Arc::clone(ledger) }, Some(listener))?;
    while !ledger.targets_end.load(Ordering::SeqCst) {
        hub.turn(Some(LOOK))?;
    }
    Ok(())
}

/// A socket at this port of every address.
pub(in crate::fleet) fn listen(port: u16) -> Result<OwnedFd> {
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    crate::socket::listen(address).context(&format!("listen on {address}"))
}

struct Targets {
    ledger: Arc<Ledger>,
}

/// The target's end of a session.
struct Session {
    hello: [u8; HELLO],
    /// Bytes of the introduction that have arrived.
    greeted: usize,
    /// The answer to the introduction, until it is sent.
    address: Option<[u8; 4]>,
    /// Bytes that arrived and were right.
    received: u64,
    sent: u64,
    has_ended: bool,
}

impl Service for Targets {
    type Session = Session;

    fn open(&mut self) -> Session {
        Session {
            hello: [0; HELLO],
            greeted: 0,
            address: None,
            received: 0,
            sent: 0,
            has_ended: false,
        }
    }

    fn ready(&mut self, socket: BorrowedFd<'_>, session: &mut Session, _mark: bool) -> Next {
        match session.step(socket, &self.ledger) {
            Ok(next) => next,
            // A health check, or the client gave up before its first byte.
            Err(_) if session.greeted < HELLO => Next::Close,
            Err(words) => {
                self.ledger.ended(Hello::decode(session.hello).begun, "target", &words);
                Next::Reset
            }
        }
    }
}

impl Session {
    /// Receives and answers until it has to wait.
    fn step(
        &mut self,
        socket: BorrowedFd<'_>,
        ledger: &Ledger,
    ) -> std::result::Result<Next, String> {
        while self.greeted < HELLO {
            match sys::stream::receive(socket, &mut self.hello[self.greeted..]) {
                Ok(0) => return Ok(Next::Close),
                Ok(count) => self.greeted += count,
                Err(Errno::AGAIN) => return Ok(Next::Keep),
                Err(error) => return Err(self.words(error)),
            }
            if self.greeted == HELLO {
                self.address = Some(local(socket));
            }
        }
        loop {
            if !self.answer(socket).map_err(|error| self.words(error))? {
                return Ok(Next::Keep);
            }
            if self.has_ended {
                return Ok(Next::Close);
            }
            let mut piece = [0; PIECE];
            match sys::stream::receive(socket, &mut piece) {
                Ok(0) => self.has_ended = true,
                Ok(count) => {
                    let seed = Hello::decode(self.hello).up();
                    compare(seed, self.received, &piece[..count])?;
                    self.received += wide(count);
                    ledger.bytes.fetch_add(wide(count), Ordering::Relaxed);
                }
                Err(Errno::AGAIN) => return Ok(Next::Keep),
                Err(error) => return Err(self.words(error)),
            }
        }
    }

    fn words(&self, error: Errno) -> String {
        format!("{error} after {} bytes", self.received)
    }

    /// Sends all that is owed. Returns whether the kernel had room for it.
    fn answer(&mut self, socket: BorrowedFd<'_>) -> sys::Result<bool> {
        if let Some(address) = self.address {
            // A new connection has room for four bytes.
            sys::stream::send(socket, &address)?;
            self.address = None;
        }
        while self.sent < self.received {
            let mut piece = [0; PIECE];
            let piece = &mut piece[..size(self.received - self.sent).min(PIECE)];
            fill(Hello::decode(self.hello).down(), self.sent, piece);
            match sys::stream::send(socket, piece) {
                Ok(count) => self.sent += wide(count),
                Err(Errno::AGAIN) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

/// The address at which the session arrived.
fn local(socket: BorrowedFd<'_>) -> [u8; 4] {
    match sys::listen::local_address(socket) {
        Ok(Some(SocketAddr::V4(address))) => address.ip().octets(),
        _ => [0; 4],
    }
}
