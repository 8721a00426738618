//! The client's end of a session.

use std::time::{Duration, Instant};

use rustix::fd::BorrowedFd;
use sys::Errno;

use super::stream::{ADDRESS, Hello, PIECE, address, compare};
use crate::fleet::texts::Texts;
use crate::random::{Random, fill};
use crate::stats::{size, wide};

/// Messages have up to `2^MESSAGE_BITS` bytes.
pub(super) const MESSAGE_BITS: u64 = 13;
/// Time between two messages of a long session.
const PAUSE: Duration = Duration::from_secs(1);
/// Time without an answer after which a session is stuck.
pub(super) const STUCK: Duration = Duration::from_secs(15);

/// A session of a client.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) hello: Hello,
    pub(super) forward: usize,
    /// It goes on until the end of the run.
    pub(super) is_long: bool,
    /// No message follows the present one.
    pub(super) is_last: bool,
    random: Random,
    has_greeted: bool,
    answer: [u8; ADDRESS],
    answered: usize,
    /// The end of the present message, in the client's stream.
    goal: u64,
    sent: u64,
    received: u64,
    phase: Phase,
    moved_at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A message is under way.
    Exchanges,
    /// The next message is due at this time.
    Pauses(Instant),
    /// The client has sent its FIN, and waits for that of the target.
    Ends,
    Complete,
}

/// The state of a session after a step.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Waits,
    /// The next message is due at this time.
    Pauses(Instant),
    /// It has ended as it should.
    Complete,
}

/// The results of a step.
#[derive(Debug, Default)]
pub(super) struct Moved {
    /// Bytes that were compared.
    pub(super) bytes: u64,
    /// The target's address has arrived.
    pub(super) is_greeted: bool,
    pub(super) messages: u64,
}

impl Session {
    pub(super) fn new(hello: Hello, forward: usize, is_long: bool) -> Self {
        let mut random = Random::new(hello.seed);
        let goal = random.size(MESSAGE_BITS);
        Self {
            hello,
            forward,
            is_long,
            is_last: !is_long,
            random,
            has_greeted: false,
            answer: [0; ADDRESS],
            answered: 0,
            goal,
            sent: 0,
            received: 0,
            phase: Phase::Exchanges,
            moved_at: Instant::now(),
        }
    }

    /// Whether the target's address has arrived.
    pub(super) fn is_open(&self) -> bool {
        self.answered == ADDRESS
    }

    /// Goes on until it has to wait. The error describes the fault.
    pub(super) fn step(
        &mut self,
        socket: BorrowedFd<'_>,
        texts: Texts,
        moved: &mut Moved,
    ) -> Result<Standing, String> {
        let now = Instant::now();
        loop {
            self.send(socket).map_err(|error| self.words(&error.to_string()))?;
            if self.receive(socket, texts, moved)? {
                self.moved_at = now;
                continue;
            }
            if self.phase == Phase::Exchanges && self.is_open() && self.received == self.goal {
                moved.messages += 1;
                self.phase = Phase::Pauses(now + PAUSE);
            }
            match self.phase {
                Phase::Complete => return Ok(Standing::Complete),
                Phase::Pauses(_) if self.is_last => {
                    let shut = sys::socket::shut_write(socket);
                    shut.map_err(|error| self.words(&error.to_string()))?;
                    (self.phase, self.moved_at) = (Phase::Ends, now);
                }
                Phase::Pauses(time) if now < time => return Ok(Standing::Pauses(time)),
                Phase::Pauses(_) => {
                    self.goal += self.random.size(MESSAGE_BITS);
                    (self.phase, self.moved_at) = (Phase::Exchanges, now);
                }
                Phase::Exchanges | Phase::Ends if self.moved_at.elapsed() > STUCK => {
                    return Err(self.words(&format!("no answer for {STUCK:?}")));
                }
                Phase::Exchanges | Phase::Ends => return Ok(Standing::Waits),
            }
        }
    }

    fn words(&self, what: &str) -> String {
        let (forward, sent, received) = (self.forward, self.sent, self.received);
        let kind = if self.is_long { "long" } else { "short" };
        format!(
            "{kind} session of forward {forward}: {what}, {sent} bytes sent, {received} received"
        )
    }

    fn send(&mut self, socket: BorrowedFd<'_>) -> sys::Result<()> {
        if !self.has_greeted {
            match sys::stream::send(socket, &self.hello.encode()) {
                Ok(_) => self.has_greeted = true,
                Err(Errno::AGAIN | Errno::NOTCONN) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        while self.sent < self.goal {
            let mut piece = [0; PIECE];
            let piece = &mut piece[..size(self.goal - self.sent).min(PIECE)];
            fill(self.hello.up(), self.sent, piece);
            match sys::stream::send(socket, piece) {
                Ok(count) => self.sent += wide(count),
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Receives and compares a piece. Returns whether another may follow.
    fn receive(
        &mut self,
        socket: BorrowedFd<'_>,
        texts: Texts,
        moved: &mut Moved,
    ) -> Result<bool, String> {
        let mut piece = [0; PIECE];
        let room = if self.is_open() { &mut piece[..] } else { &mut piece[self.answered..ADDRESS] };
        let count = match sys::stream::receive(socket, room) {
            Ok(count) => count,
            Err(Errno::AGAIN | Errno::NOTCONN) => return Ok(false),
            Err(error) => return Err(self.words(&error.to_string())),
        };
        if count == 0 {
            return match self.phase {
                Phase::Ends | Phase::Complete => {
                    self.phase = Phase::Complete;
                    Ok(false)
                }
                Phase::Exchanges | Phase::Pauses(_) => Err(self.words("an early end")),
            };
        }
        if self.is_open() {
            let compared = compare(self.hello.down(), self.received, &piece[..count]);
            compared.map_err(|difference| self.words(&difference))?;
            self.received += wide(count);
            moved.bytes += wide(count);
            if self.received > self.goal {
                return Err(self.words("bytes that were never sent"));
            }
            return Ok(true);
        }
        let end = self.answered + count;
        self.answer[self.answered..end].copy_from_slice(&piece[self.answered..end]);
        self.answered = end;
        if self.is_open() {
            let target = address(self.answer);
            if !texts.is_target(self.forward, target) {
                return Err(
                    self.words(&format!("served by the target of another forward, {target}"))
                );
            }
            moved.is_greeted = true;
        }
        Ok(true)
    }
}
