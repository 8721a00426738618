//! Server end of the verification.

use std::collections::HashMap;

use rustix::fd::BorrowedFd;
use sys::Errno;

use super::duplex::{Duplex, Scratch, Standing, Totals};
use super::script::Script;
use super::wire::{Hello, LENGTH};
use crate::hub::{Next, Service};

/// `serve verify`: plays the server's part of every script, and keeps the totals of every run.
pub(crate) struct Server {
    scratch: Scratch,
    runs: HashMap<u64, Totals>,
}

/// State of one connection.
pub(crate) enum Session {
    /// Its first bytes are still to come.
    Greets { bytes: [u8; LENGTH], length: usize },
    /// It plays its script.
    Plays { run: u64, duplex: Box<Duplex> },
}

impl Server {
    /// A server without runs.
    pub(crate) fn new() -> Self {
        Self { scratch: Scratch::new(), runs: HashMap::new() }
    }

    /// Sends the observations of a run, in one write that fits every socket buffer.
    fn report(&self, run: u64, socket: BorrowedFd<'_>) -> Next {
        let totals = self.runs.get(&run).map_or_else(|| Totals::default().json(), Totals::json);
        // If the client is gone, no answer is needed.
        let _ = sys::stream::send(socket, totals.to_string().as_bytes());
        Next::Close
    }
}

impl Service for Server {
    type Session = Session;

    fn open(&mut self) -> Session {
        Session::Greets { bytes: [0; LENGTH], length: 0 }
    }

    fn ready(&mut self, socket: BorrowedFd<'_>, session: &mut Session, _mark: bool) -> Next {
        while let Session::Greets { bytes, length } = session {
            match sys::stream::receive(socket, &mut bytes[*length..]) {
                Ok(0) => return Next::Close,
                Ok(count) => *length += count,
                Err(Errno::AGAIN) => return Next::Keep,
                Err(_) => return Next::Close,
            }
            if *length == LENGTH {
                match Hello::decode(bytes) {
                    Some(Hello::Session { run, seed }) => {
                        self.runs.entry(run).or_default().open += 1;
                        let duplex = Box::new(Duplex::server(seed, &Script::of(seed)));
                        *session = Session::Plays { run, duplex };
                    }
                    Some(Hello::Report { run }) => return self.report(run, socket),
                    None => return Next::Reset,
                }
            }
        }
        let Session::Plays { run, duplex } = session else { return Next::Keep };
        let standing = duplex.step(socket, &mut self.scratch);
        self.runs.entry(*run).or_default().add(duplex, &standing);
        next(&standing)
    }
}

/// What the hub shall do with a session in this standing.
pub(super) fn next(standing: &Standing) -> Next {
    match standing {
        Standing::Waits => Next::Keep,
        Standing::At(time) => Next::At(*time),
        Standing::Again => Next::Again,
        Standing::Complete | Standing::WasReset => Next::Close,
        Standing::Resets | Standing::Wrong(_) => Next::Reset,
    }
}
