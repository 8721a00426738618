//! Connect, request, response, close: a fixed number of sessions at a time.
//!
//! The end that closes first keeps its port in TIME_WAIT for a minute, and a host has about 28,000
//! ports per pair of addresses: enough for three seconds at ten thousand connections per second.
//! Beyond that, the benchmark would measure the search for a free port. Hence two ways to close:
//!
//! - `fin` (the default): the client closes in the ordinary way, and takes turns with several
//!   source addresses of 127.0.0.0/8. The connections of the forwarder to its target are its own
//!   affair: on loopback the kernel lets it use their ports again after a second
//!   (`net.ipv4.tcp_tw_reuse` is 2 by default).
//! - `rst`: the client closes with an RST, which leaves nothing behind. Not used to compare:
//!   some forwarders pass the RST on and others make a FIN of it, so they do different work.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use clap::{Args, ValueEnum};
use rustix::fd::{AsFd, OwnedFd};
use serde_json::json;
use sys::{Epoll, Errno, Events};

use super::{Common, FILL};
use crate::failure::{Failure, Result};
use crate::histogram::Latencies;
use crate::report::Report;
use crate::slots::Slots;
use crate::stats::{figure, float, size, wide};
use crate::tally::Tally;
use crate::window::Window;

/// `tf-load crr`.
#[derive(Args, Debug)]
pub(crate) struct Crr {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Sessions at the same time.
    #[arg(long, default_value_t = 32)]
    parallel: usize,
    /// Bytes of the request, and of the response.
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    size: usize,
    /// How the client closes.
    #[arg(long, value_enum, default_value_t = Close::Fin)]
    close: Close,
    /// With `--close fin` and a target on 127.0.0.0/8: source addresses, from 127.0.0.2 on (at
    /// most 200); 0 leaves it to the kernel.
    #[arg(long, default_value_t = 16)]
    sources: u8,
}

/// How the client closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Close {
    /// Closes with FIN.
    Fin,
    /// Closes with RST.
    Rst,
}

/// Connects to an echo server again and again for the given time.
pub(crate) fn run(options: &Crr) -> Result<Report> {
    if options.size == 0 || options.parallel == 0 || options.sources > 200 {
        return Err(Failure::new(
            "--size and --parallel must be at least 1, --sources at most 200",
        ));
    }
    let mut run = Run::new(options)?;
    run.go()?;
    Ok(run.report())
}

/// A session on its way from connect to close.
struct Session {
    socket: OwnedFd,
    begun: Instant,
    sent: usize,
    received: usize,
}

struct Run<'a> {
    options: &'a Crr,
    epoll: Epoll,
    sessions: Slots<Session>,
    request: Vec<u8>,
    scratch: Vec<u8>,
    window: Window,
    begun: u64,
    operations: u64,
    counted: u64,
    latencies: Latencies,
    errors: Tally,
}

impl<'a> Run<'a> {
    fn new(options: &'a Crr) -> Result<Self> {
        Ok(Self {
            options,
            epoll: Epoll::new()?,
            sessions: Slots::new(),
            request: vec![FILL; options.size],
            scratch: vec![0; options.size],
            window: options.common.window(),
            begun: 0,
            operations: 0,
            counted: 0,
            latencies: Latencies::new()?,
            errors: Tally::default(),
        })
    }

    fn go(&mut self) -> Result<()> {
        let mut events = Events::with_room_for(512);
        let mut now = Instant::now();
        while now < self.window.end {
            // One attempt for each free place: a target that refuses is asked once a turn.
            for _ in self.sessions.len()..self.options.parallel {
                if let Err(error) = self.begin() {
                    self.errors.errno(error);
                    break;
                }
            }
            self.epoll.wait(&mut events, Some(self.window.left(now)))?;
            now = Instant::now();
            for event in events.iter() {
                self.step(size(event.token));
            }
        }
        Ok(())
    }

    fn begin(&mut self) -> sys::Result<()> {
        let begun = Instant::now();
        let source = self.source();
        self.begun += 1;
        let socket = crate::socket::begin(self.options.common.target, source)?;
        let index = self.sessions.insert(Session { socket, begun, sent: 0, received: 0 });
        let Some(session) = self.sessions.get_mut(index) else { return Ok(()) };
        self.epoll.add_connection(session.socket.as_fd(), wide(index))
    }

    /// The source address whose turn it is.
    fn source(&self) -> Option<IpAddr> {
        let Crr { common, close, sources, .. } = self.options;
        let local = matches!(common.target.ip(), IpAddr::V4(ip) if ip.is_loopback());
        let turn = self.begun.checked_rem(u64::from(*sources))?;
        let last = 2 + u8::try_from(turn).ok()?;
        (local && *close == Close::Fin).then(|| Ipv4Addr::new(127, 0, 0, last).into())
    }

    fn step(&mut self, index: usize) {
        let Some(session) = self.sessions.get_mut(index) else { return };
        match advance(session, &self.request, &mut self.scratch) {
            Ok(true) => self.complete(index),
            Ok(false) | Err(Errno::AGAIN) => {}
            Err(error) => {
                self.errors.errno(error);
                drop(self.sessions.remove(index));
            }
        }
    }

    fn complete(&mut self, index: usize) {
        let Some(session) = self.sessions.remove(index) else { return };
        let now = Instant::now();
        self.operations += 1;
        if self.window.counts(now) {
            self.counted += 1;
            self.latencies.record(now - session.begun);
        }
        match self.options.close {
            Close::Rst => sys::socket::reset(session.socket),
            Close::Fin => drop(session.socket),
        }
    }

    fn report(&self) -> Report {
        let seconds = self.window.length().as_secs_f64();
        let rate = float(self.counted) / seconds;
        let parallel = self.options.parallel;
        let json = json!({
            "kind": "crr", "parallel": parallel, "size": self.options.size,
            "seconds": seconds, "rate": rate, "operations": self.counted,
            "operations_total": self.operations, "latency_us": self.latencies.json(),
            "errors": self.errors.json(),
        });
        let line = format!(
            "crr, {parallel} at a time: {} per second; {}{}",
            figure(rate),
            self.latencies.line(),
            self.errors.suffix(),
        );
        Report { json, line, ok: self.errors.total() == 0 && self.counted > 0 }
    }
}

/// Sends the request and receives the available part of the response. Returns whether the response
/// is complete. The first send also reports a failed connect.
fn advance(session: &mut Session, request: &[u8], scratch: &mut [u8]) -> sys::Result<bool> {
    let socket = session.socket.as_fd();
    if session.sent < request.len() {
        session.sent += sys::stream::send(socket, &request[session.sent..])?;
        return Ok(false);
    }
    let missing = request.len() - session.received;
    match sys::stream::receive(socket, &mut scratch[..missing])? {
        0 => Err(Errno::CONNRESET),
        count => {
            session.received += count;
            Ok(session.received == request.len())
        }
    }
}
