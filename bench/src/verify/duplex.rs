//! A session at one of its ends: a sender and a checker that share a socket.

use std::time::Instant;

use rustix::fd::BorrowedFd;
use serde_json::{Value, json};
use sys::Errno;

use super::lane::{Checker, Got, Sender, Sent};
use super::pieces::ROOM;
use super::script::Script;

/// Pieces before others have their turn.
const FAIR: usize = 16;

/// Differences described in words; further ones are only counted.
const TOLD_MAX: usize = 20;

/// What a session is owed is what the script says; anything else is a difference.
#[derive(Debug)]
pub(crate) struct Duplex {
    pub(super) seed: u64,
    sender: Sender,
    checker: Checker,
    /// The other end is going to reset the connection.
    expects_reset: bool,
    pub(super) moved_at: Instant,
}

/// Where a session stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It waits for an event.
    Waits,
    /// It can go on at this time.
    At(Instant),
    /// It can go on at once.
    Again,
    /// Both lanes ended as they should.
    Complete,
    /// This end resets it now, as it should.
    Resets,
    /// The other end has reset it, as it should.
    WasReset,
    /// It did not go as it should.
    Wrong(String),
}

/// Memory that all sessions of a thread share.
pub(super) struct Scratch {
    bytes: Vec<u8>,
    expected: Vec<u8>,
}

impl Scratch {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; ROOM], expected: vec![0; ROOM] }
    }
}

impl Duplex {
    /// The end of the client.
    pub(super) fn client(seed: u64, script: &Script) -> Self {
        let (sender, checker) = (Sender::new(script.up.clone()), Checker::new(&script.down));
        Self::new(seed, sender, checker, script.down.reset_at.is_some())
    }

    /// The end of the server.
    pub(super) fn server(seed: u64, script: &Script) -> Self {
        let (sender, checker) = (Sender::new(script.down.clone()), Checker::new(&script.up));
        Self::new(seed, sender, checker, script.up.reset_at.is_some())
    }

    fn new(seed: u64, sender: Sender, checker: Checker, expects_reset: bool) -> Self {
        Self { seed, sender, checker, expects_reset, moved_at: Instant::now() }
    }

    /// Bytes sent, and bytes received and found right.
    pub(super) fn moved(&self) -> (u64, u64) {
        (self.sender.at, self.checker.at)
    }

    /// Goes on until it has to wait, or for a fair share.
    pub(super) fn step(&mut self, socket: BorrowedFd<'_>, scratch: &mut Scratch) -> Standing {
        let now = Instant::now();
        let before = self.moved();
        let mut standing = Standing::Again;
        for _ in 0..FAIR {
            standing = match self.once(socket, now, scratch) {
                Ok(standing) => standing,
                Err(error) => self.failed(error),
            };
            if standing != Standing::Again {
                break;
            }
        }
        if self.moved() != before {
            self.moved_at = now;
        }
        standing
    }

    /// One piece each way.
    fn once(
        &mut self,
        socket: BorrowedFd<'_>,
        now: Instant,
        scratch: &mut Scratch,
    ) -> sys::Result<Standing> {
        let mut pause = None;
        let mut progress = false;
        if !self.checker.ended {
            match self.checker.step(socket, now, &mut scratch.bytes, &mut scratch.expected) {
                Ok(Got::Some | Got::Ended) => progress = true,
                Ok(Got::Paused(time)) => pause = Some(time),
                Ok(Got::Wrong(words)) => return Ok(Standing::Wrong(words)),
                Err(Errno::AGAIN) => {}
                Err(error) => return Err(error),
            }
        }
        if !self.sender.ended {
            match self.sender.step(socket, self.checker.ended, now, &mut scratch.bytes) {
                Ok(Sent::Some | Sent::Ended) => progress = true,
                Ok(Sent::Paused(time)) => pause = Some(pause.map_or(time, |other| other.min(time))),
                Ok(Sent::Reset) => return Ok(Standing::Resets),
                Ok(Sent::Held) | Err(Errno::AGAIN) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(match (self.checker.ended && self.sender.ended, progress, pause) {
            (true, ..) => Standing::Complete,
            (false, true, _) => Standing::Again,
            (false, false, Some(time)) => Standing::At(time),
            (false, false, None) => Standing::Waits,
        })
    }

    fn failed(&self, error: Errno) -> Standing {
        let reset = matches!(error, Errno::CONNRESET | Errno::PIPE | Errno::NOTCONN);
        if reset && self.expects_reset {
            return Standing::WasReset;
        }
        Standing::Wrong(format!(
            "{error} with {} bytes sent and {} received",
            self.sender.at, self.checker.at
        ))
    }
}

/// Observations of one end over a run.
#[derive(Debug, Default)]
pub(super) struct Totals {
    /// Sessions that have not ended.
    pub(super) open: u64,
    pub(super) complete: u64,
    pub(super) resets: u64,
    pub(super) bytes_sent: u64,
    pub(super) bytes_received: u64,
    pub(super) differences: u64,
    pub(super) told: Vec<String>,
}

impl Totals {
    /// Adds a session that has ended; `false` if it has not.
    pub(super) fn add(&mut self, duplex: &Duplex, standing: &Standing) -> bool {
        match standing {
            Standing::Complete => self.complete += 1,
            Standing::Resets | Standing::WasReset => self.resets += 1,
            Standing::Wrong(words) => self.differ(format!("session {:#x}: {words}", duplex.seed)),
            Standing::Waits | Standing::At(_) | Standing::Again => return false,
        }
        self.open = self.open.saturating_sub(1);
        let (sent, received) = duplex.moved();
        self.bytes_sent += sent;
        self.bytes_received += received;
        true
    }

    /// Records a difference.
    pub(super) fn differ(&mut self, words: String) {
        self.differences += 1;
        if self.told.len() < TOLD_MAX {
            self.told.push(words);
        }
    }

    /// An object of all figures.
    pub(super) fn json(&self) -> Value {
        json!({
            "open": self.open, "complete": self.complete, "resets": self.resets,
            "bytes_sent": self.bytes_sent, "bytes_received": self.bytes_received, "differences": self.differences,
            "told": self.told,
        })
    }
}
