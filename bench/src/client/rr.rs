//! Request and response, closed loop: every session sends its next request when the response to
//! the last one is complete.

use std::time::Instant;

use clap::Args;
use rustix::fd::{AsFd, OwnedFd};
use serde_json::json;
use sys::{Epoll, Errno, Events};

use super::{Common, FILL};
use crate::failure::{Failure, Result};
use crate::histogram::Latencies;
use crate::report::Report;
use crate::socket::open_many;
use crate::stats::{figure, float, size, wide};
use crate::tally::Tally;
use crate::window::Window;

/// `tf-load rr`.
#[derive(Args, Debug)]
pub(crate) struct Rr {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Sessions at the same time.
    #[arg(long, default_value_t = 64)]
    sessions: usize,
    /// Bytes of a request, and of its response.
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    size: usize,
}

/// Exchanges with an echo server for the given time.
pub(crate) fn run(options: &Rr) -> Result<Report> {
    if options.size == 0 || options.sessions == 0 {
        return Err(Failure::new("--size and --sessions must be at least 1"));
    }
    let mut run = Run::new(options)?;
    run.go()?;
    Ok(run.report(options))
}

/// The exchange under way of one session.
struct Exchange {
    socket: OwnedFd,
    begun: Instant,
    sent: usize,
    received: usize,
}

struct Run {
    exchanges: Vec<Option<Exchange>>,
    request: Vec<u8>,
    scratch: Vec<u8>,
    window: Window,
    operations: u64,
    counted: u64,
    latencies: Latencies,
    errors: Tally,
}

impl Run {
    fn new(options: &Rr) -> Result<Self> {
        let sockets = open_many(options.common.target, options.sessions)?;
        let begun = Instant::now();
        let exchange = |socket| Some(Exchange { socket, begun, sent: 0, received: 0 });
        Ok(Self {
            exchanges: sockets.into_iter().map(exchange).collect(),
            request: vec![FILL; options.size],
            scratch: vec![0; options.size],
            window: options.common.window(),
            operations: 0,
            counted: 0,
            latencies: Latencies::new()?,
            errors: Tally::default(),
        })
    }

    fn go(&mut self) -> Result<()> {
        let epoll = Epoll::new()?;
        let mut events = Events::with_room_for(512);
        for (index, exchange) in self.exchanges.iter().enumerate() {
            if let Some(exchange) = exchange {
                // The event that the new socket is writable sends the first request.
                epoll.add_connection(exchange.socket.as_fd(), wide(index))?;
            }
        }
        let mut now = Instant::now();
        let all = wide(self.exchanges.len());
        while now < self.window.end && self.errors.total() < all {
            epoll.wait(&mut events, Some(self.window.left(now)))?;
            now = Instant::now();
            for event in events.iter() {
                self.step(size(event.token));
            }
        }
        Ok(())
    }

    /// Goes on with one session until it has to wait.
    fn step(&mut self, index: usize) {
        let Some(Some(exchange)) = self.exchanges.get_mut(index) else { return };
        let done = match advance(exchange, &self.request, &mut self.scratch) {
            Ok(done) => done,
            Err(Errno::AGAIN) => return,
            Err(error) => {
                self.errors.errno(error);
                self.exchanges[index] = None;
                return;
            }
        };
        if !done {
            return;
        }
        let now = Instant::now();
        self.operations += 1;
        if self.window.counts(now) {
            self.counted += 1;
            self.latencies.record(now - exchange.begun);
        }
        (exchange.begun, exchange.sent, exchange.received) = (now, 0, 0);
        // Nothing can have come yet: one attempt to send, and the answer is the next event.
        match sys::stream::send(exchange.socket.as_fd(), &self.request) {
            Ok(count) => exchange.sent = count,
            Err(Errno::AGAIN) => {}
            Err(error) => {
                self.errors.errno(error);
                self.exchanges[index] = None;
            }
        }
    }

    fn report(&self, options: &Rr) -> Report {
        let seconds = self.window.length().as_secs_f64();
        let rate = float(self.counted) / seconds;
        let (sessions, size) = (options.sessions, options.size);
        let json = json!({
            "kind": "rr", "sessions": sessions, "size": size, "seconds": seconds,
            "rate": rate, "operations": self.counted, "operations_total": self.operations,
            "latency_us": self.latencies.json(), "errors": self.errors.json(),
        });
        let line = format!(
            "rr, {sessions} sessions, {size} bytes: {} per second; {}{}",
            figure(rate),
            self.latencies.line(),
            self.errors.suffix(),
        );
        Report { json, line, ok: self.errors.total() == 0 && self.counted > 0 }
    }
}

/// Sends the rest of the request and receives the available part of the response. Returns whether
/// it is complete. `EAGAIN` if no bytes are available.
fn advance(exchange: &mut Exchange, request: &[u8], scratch: &mut [u8]) -> sys::Result<bool> {
    let socket = exchange.socket.as_fd();
    if exchange.sent < request.len() {
        match sys::stream::send(socket, &request[exchange.sent..]) {
            Ok(count) => exchange.sent += count,
            // A large response may have to be taken in before the request fits.
            Err(Errno::AGAIN) => {}
            Err(error) => return Err(error),
        }
    }
    let missing = request.len() - exchange.received;
    match sys::stream::receive(socket, &mut scratch[..missing])? {
        0 => Err(Errno::CONNRESET),
        count => {
            exchange.received += count;
            Ok(exchange.received == request.len())
        }
    }
}
