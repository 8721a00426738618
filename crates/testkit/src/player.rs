//! Plays a script on one socket and writes down what happened.

use std::fmt;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use socket2::Socket;

use crate::addr::Connected;
use crate::script::{Script, ScriptStep};
use crate::stream::{Checker, Difference, Source};
use crate::transcript::{Failure, Transcript};
use crate::wait;
use crate::wire::{self, End};

/// How much is moved by one call.
const CHUNK: usize = 64 * 1024;

/// Nothing is taken for this long: all buffers on the way are full.
const FULL: Duration = Duration::from_millis(200);

/// Plays `script` to its end or to its first failure. `stop` makes whatever blocks time out.
pub(crate) fn play(
    name: &str,
    connected: Connected,
    script: &Script,
    stop: &AtomicBool,
) -> Transcript {
    let mut player = Player {
        socket: Some(connected.socket),
        unreported: connected.reset.then_some(End::Reset),
        limit: script.limit,
        stop,
        source: Source::new(script.sends),
        checker: script.expects.map(Checker::new),
        buffer: vec![0; CHUNK],
        transcript: Transcript { peer: name.to_owned(), ..Transcript::default() },
    };
    for (step, number) in script.steps.iter().zip(1..) {
        if let Err(why) = player.step(step) {
            let which = format!("step {number} of {}, {step:?}", script.steps.len());
            player.transcript.failure = Some(Failure { step: which, why: why.to_string() });
            break;
        }
    }
    player.transcript
}

struct Player<'a> {
    /// `None` after `Reset` and `Close`.
    socket: Option<Socket>,
    /// Reported by the first write, or by the read after the last byte; see [`Connected`].
    unreported: Option<End>,
    limit: Duration,
    stop: &'a AtomicBool,
    source: Source,
    checker: Option<Checker>,
    buffer: Vec<u8>,
    transcript: Transcript,
}

/// Why a step cannot go on.
enum Stop {
    Ended(End),
    Wrong(Difference),
    Unexpected(String),
}

impl Stop {
    fn closed() -> Self {
        Self::Unexpected("the script has closed the socket".to_owned())
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(end) => end.fmt(f),
            Self::Wrong(difference) => difference.fmt(f),
            Self::Unexpected(what) => f.write_str(what),
        }
    }
}

impl From<End> for Stop {
    fn from(end: End) -> Self {
        Self::Ended(end)
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Ended(error.into())
    }
}

type Done = Result<(), Stop>;

impl Player<'_> {
    fn step(&mut self, step: &ScriptStep) -> Done {
        match step {
            ScriptStep::Write(n) => self.write_stream(*n, self.limit),
            ScriptStep::TryWrite(n) => match self.write_stream(*n, self.limit) {
                Err(Stop::Ended(_)) => Ok(()),
                other => other,
            },
            ScriptStep::WriteWithFin(n) => {
                self.socket()?.set_tcp_cork(true)?;
                self.write_stream(*n, self.limit)?;
                Ok(self.socket()?.shutdown(Shutdown::Write)?)
            }
            ScriptStep::Fill => self.fill(),
            ScriptStep::WriteBytes(bytes) => self.write_all(bytes),
            ScriptStep::UrgentByte(byte) => self.urgent(*byte),
            ScriptStep::ReadExactly(n) => self.read_exactly(*n),
            ScriptStep::ReadSlowly { chunk, times, pause } => {
                self.read_slowly(*chunk, *times, *pause)
            }
            ScriptStep::ReadTo(end) => self.read_to(|found| found == *end),
            ScriptStep::Drain => self.read_to(|found| found != End::Timeout),
            ScriptStep::Expect(end) => self.expect(*end, self.limit),
            ScriptStep::ExpectSilence(duration) => self.expect(End::Timeout, *duration),
            ScriptStep::ShutdownWrite => Ok(self.socket()?.shutdown(Shutdown::Write)?),
            ScriptStep::Reset => {
                self.socket()?.set_linger(Some(Duration::ZERO))?;
                self.close()
            }
            ScriptStep::Close => self.close(),
            ScriptStep::Stall(gate) => self.pass(self.limit, || gate.is_open()),
            ScriptStep::Signal(gate) => {
                gate.open();
                Ok(())
            }
            ScriptStep::Pause(duration) => {
                wait::poll(*duration, || self.stop.load(Ordering::Relaxed).then_some(()));
                Ok(())
            }
        }
    }

    fn socket(&self) -> Result<&Socket, Stop> {
        self.socket.as_ref().ok_or_else(Stop::closed)
    }

    fn close(&mut self) -> Done {
        self.socket()?;
        self.socket = None;
        Ok(())
    }

    fn pass(&self, limit: Duration, open: impl Fn() -> bool) -> Done {
        let stopped = || self.stop.load(Ordering::Relaxed);
        wait::poll(limit, || (open() || stopped()).then_some(()));
        if open() { Ok(()) } else { Err(End::Timeout.into()) }
    }

    // === sending ===

    fn fill(&mut self) -> Done {
        match self.write_stream(u64::MAX - self.source.offset(), FULL) {
            Err(Stop::Ended(End::Timeout)) => {
                self.transcript.write_end = None;
                Ok(())
            }
            other => other,
        }
    }

    fn write_stream(&mut self, n: u64, limit: Duration) -> Done {
        let end = self.source.offset() + n;
        let mut chunk = vec![0; CHUNK];
        while self.source.offset() < end {
            let left = end - self.source.offset();
            let chunk = &mut chunk[..at_most(left)];
            self.source.peek(chunk);
            let written = self.send(chunk, limit)?;
            self.source.advance(written);
        }
        Ok(())
    }

    fn write_all(&mut self, bytes: &[u8]) -> Done {
        let mut left = bytes;
        while !left.is_empty() {
            left = &left[self.send(left, self.limit)?..];
        }
        Ok(())
    }

    fn send(&mut self, bytes: &[u8], limit: Duration) -> Result<usize, Stop> {
        let sent = match self.unreported.take() {
            Some(end) => Err(end),
            None if self.stop.load(Ordering::Relaxed) => Err(End::Timeout),
            None => wire::write(self.socket()?, bytes, limit, self.stop),
        };
        match sent {
            Ok(n) => self.transcript.sent += n as u64,
            Err(end) => self.transcript.write_end = Some(end),
        }
        Ok(sent?)
    }

    fn urgent(&mut self, byte: u8) -> Done {
        let sent = self.socket()?.send_out_of_band(&[byte])?;
        self.transcript.sent += sent as u64;
        Ok(())
    }

    // === reading ===

    fn read_exactly(&mut self, n: u64) -> Done {
        let mut left = n;
        while left > 0 {
            left -= self.receive(at_most(left), self.limit)? as u64;
        }
        Ok(())
    }

    fn read_slowly(&mut self, chunk: usize, times: usize, pause: Duration) -> Done {
        for _ in 0..times {
            self.receive(chunk.min(CHUNK), self.limit)?;
            self.step(&ScriptStep::Pause(pause))?;
        }
        Ok(())
    }

    fn read_to(&mut self, wanted: impl Fn(End) -> bool) -> Done {
        loop {
            match self.receive(CHUNK, self.limit) {
                Ok(_) => {}
                Err(Stop::Ended(end)) if wanted(end) => return Ok(()),
                Err(stop) => return Err(stop),
            }
        }
    }

    fn expect(&mut self, wanted: End, limit: Duration) -> Done {
        match self.receive(CHUNK, limit) {
            Ok(n) => Err(Stop::Unexpected(format!("{n} bytes came"))),
            Err(Stop::Ended(end)) if end == wanted => Ok(()),
            Err(stop) => Err(stop),
        }
    }

    fn receive(&mut self, at_most: usize, limit: Duration) -> Result<usize, Stop> {
        let Some(socket) = &self.socket else { return Err(Stop::closed()) };
        // Bytes that arrived before an RST are read first, also when the error is consumed.
        let read = wire::read(socket, &mut self.buffer[..at_most], limit, self.stop)
            .map_err(|end| self.unreported.take().unwrap_or(end));
        let n = read.inspect_err(|end| self.transcript.read_end = Some(*end))?;
        self.transcript.received += n as u64;
        let kept = &mut self.transcript.bytes;
        kept.extend(&self.buffer[..n.min(Transcript::KEPT - kept.len())]);
        let checker = self.checker.as_mut();
        if let Some(wrong) = checker.and_then(|it| it.check(&self.buffer[..n]).err()) {
            self.transcript.wrong = Some(wrong);
            return Err(Stop::Wrong(wrong));
        }
        Ok(n)
    }
}

fn at_most(left: u64) -> usize {
    usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK))
}
