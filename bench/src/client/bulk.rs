//! Maximum throughput: up to a sink, down from a source, or both ways with a source.
//!
//! Only received bytes count. Upwards, the client shuts its lanes down at the end of the run and
//! waits until the sink has read everything and closed, so bytes in flight are neither lost nor
//! counted too early.

use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use rustix::fd::{AsFd, OwnedFd};
use serde_json::json;
use sys::{Epoll, Errno, Events};

use super::{Common, GRACE};
use crate::failure::{Failure, Result};
use crate::report::Report;
use crate::socket::{discard, open_many};
use crate::stats::{figure, float, size, wide};
use crate::tally::Tally;

/// `tf-load bulk`.
#[derive(Args, Debug)]
pub(crate) struct Bulk {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Which way the bytes go.
    #[arg(long, value_enum, default_value_t = Direction::Up)]
    direction: Direction,
    /// Sessions at the same time.
    #[arg(long, default_value_t = 1)]
    streams: usize,
}

/// Which way the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Direction {
    /// To the server: `serve sink`.
    Up,
    /// From the server: `serve source`.
    Down,
    /// Both ways at once: `serve source`.
    Both,
}

/// Sent or discarded at once. All zeroes, by which `serve mixed` knows bulk.
const CHUNK: usize = 256 * 1024;

/// Chunks of one stream before the others have their turn.
const FAIR: usize = 16;

/// Moves bytes for the given time.
pub(crate) fn run(options: &Bulk) -> Result<Report> {
    if options.streams == 0 {
        return Err(Failure::new("--streams must be at least 1"));
    }
    let mut run = Run::new(options)?;
    let begun = Instant::now();
    run.go(begun + options.common.warmup + options.common.seconds)?;
    Ok(run.report(options, begun.elapsed()))
}

struct Stream {
    socket: OwnedFd,
    /// It may have more to do, even without an event.
    ready: bool,
}

struct Run {
    streams: Vec<Option<Stream>>,
    chunk: Vec<u8>,
    scratch: Vec<u8>,
    sends: bool,
    receives: bool,
    up: u64,
    down: u64,
    undrained: u64,
    errors: Tally,
}

impl Run {
    fn new(options: &Bulk) -> Result<Self> {
        let sockets = open_many(options.common.target, options.streams)?;
        Ok(Self {
            streams: sockets
                .into_iter()
                .map(|socket| Some(Stream { socket, ready: false }))
                .collect(),
            chunk: vec![0; CHUNK],
            scratch: vec![0; CHUNK],
            sends: options.direction != Direction::Down,
            receives: options.direction != Direction::Up,
            up: 0,
            down: 0,
            undrained: 0,
            errors: Tally::default(),
        })
    }

    fn go(&mut self, end: Instant) -> Result<()> {
        let epoll = Epoll::new()?;
        for (index, stream) in self.streams.iter().enumerate() {
            if let Some(stream) = stream {
                epoll.add_connection(stream.socket.as_fd(), wide(index))?;
            }
        }
        self.turns(&epoll, end)?;
        if self.sends {
            self.sends = false;
            for stream in self.streams.iter_mut().flatten() {
                // A connection that is gone already shows that when it is read.
                let _ = sys::socket::shut_write(stream.socket.as_fd());
                stream.ready = true;
            }
            self.turns(&epoll, Instant::now() + GRACE)?;
            self.undrained = wide(self.streams.iter().flatten().count());
        }
        Ok(())
    }

    /// Moves bytes until the time is over or all streams have ended.
    fn turns(&mut self, epoll: &Epoll, end: Instant) -> Result<()> {
        let mut events = Events::with_room_for(512);
        let mut now = Instant::now();
        while now < end && self.streams.iter().any(Option::is_some) {
            let busy = self.streams.iter().flatten().any(|stream| stream.ready);
            let limit = if busy { Duration::ZERO } else { end - now };
            epoll.wait(&mut events, Some(limit))?;
            for event in events.iter() {
                if let Some(Some(stream)) = self.streams.get_mut(size(event.token)) {
                    stream.ready = true;
                }
            }
            for index in 0..self.streams.len() {
                self.step(index);
            }
            now = Instant::now();
        }
        Ok(())
    }

    fn step(&mut self, index: usize) {
        let Some(stream) = self.streams[index].take_if(|stream| stream.ready) else { return };
        let socket = stream.socket.as_fd();
        let sent = if self.sends { send(socket, &self.chunk, &mut self.up) } else { Ok(false) };
        // While it only sends, an attempt to receive would be a system call for nothing.
        let received = if self.receives || !self.sends {
            receive(socket, &mut self.scratch, &mut self.down)
        } else {
            Ok(false)
        };
        match sent.and_then(|more| Ok(received? || more)) {
            Ok(ready) => self.streams[index] = Some(Stream { ready, ..stream }),
            // The server ends when it has read all that we sent.
            Err(Errno::SHUTDOWN) if !self.sends => {}
            Err(Errno::SHUTDOWN) => self.errors.add("early end"),
            Err(error) => self.errors.errno(error),
        }
    }

    fn report(&self, options: &Bulk, elapsed: Duration) -> Report {
        let seconds = elapsed.as_secs_f64();
        let down = if self.receives { self.down } else { 0 };
        let rate = float(self.up + down) / seconds;
        let streams = options.streams;
        let json = json!({
            "kind": "bulk", "streams": streams, "seconds": seconds, "rate": rate,
            "bytes_total": self.up + down, "bytes_up": self.up, "bytes_down": down,
            "undrained": self.undrained, "errors": self.errors.json(),
        });
        let line = format!(
            "bulk, {streams} streams: {} MiB per second, {} MiB up, {} MiB down{}{}",
            figure(rate / f64::from(1 << 20)),
            self.up >> 20,
            down >> 20,
            if self.undrained == 0 { "" } else { "; the server did not end all streams" },
            self.errors.suffix(),
        );
        let ok = self.errors.total() == 0 && self.undrained == 0 && self.up + down > 0;
        Report { json, line, ok }
    }
}

/// Sends a fair share: whether there may be room for more.
fn send(socket: rustix::fd::BorrowedFd<'_>, chunk: &[u8], sum: &mut u64) -> sys::Result<bool> {
    for _ in 0..FAIR {
        match sys::stream::send(socket, chunk) {
            Ok(count) => *sum += wide(count),
            Err(Errno::AGAIN) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Discards a fair share: whether more may wait. `ESHUTDOWN` at the end of the stream.
fn receive(
    socket: rustix::fd::BorrowedFd<'_>,
    scratch: &mut [u8],
    sum: &mut u64,
) -> sys::Result<bool> {
    for _ in 0..FAIR {
        match discard(socket, scratch) {
            Ok(0) => return Err(Errno::SHUTDOWN),
            Ok(count) => *sum += wide(count),
            Err(Errno::AGAIN) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
