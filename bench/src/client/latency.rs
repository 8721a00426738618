//! Open loop: requests leave at a fixed rate, whether or not the earlier ones were answered, and
//! a latency counts from the time at which its request was due. So a stall is charged to every
//! request that it delayed: no coordinated omission.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use clap::Args;
use rustix::fd::{AsFd, OwnedFd};
use serde_json::json;
use sys::{Epoll, Errno, Events};

use super::{Common, FILL, GRACE};
use crate::failure::{Failure, Result};
use crate::histogram::Latencies;
use crate::report::Report;
use crate::socket::open_many;
use crate::stats::{figure, float, size, wide};
use crate::tally::Tally;
use crate::timer::Timer;
use crate::window::{Window, seconds};

/// `tf-load latency`, and `tf-load probe` with a low rate.
#[derive(Args, Clone, Debug)]
pub(crate) struct Latency {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Requests per second, over all sessions; 1000, or 100 for `probe`.
    #[arg(long, value_name = "R")]
    pub(crate) rate: Option<f64>,
    /// Sessions, which take turns.
    #[arg(long, default_value_t = 1)]
    sessions: usize,
    /// Bytes of a request, and of its response.
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    size: usize,
    /// Time between two wake-ups of the client, each of which sends all requests that are due:
    /// a load that shall cost little CPU itself leaves in small bursts.
    #[arg(long, value_name = "S", default_value = "0", value_parser = seconds)]
    tick: Duration,
}

/// Sends at a fixed rate for the given time, and waits for the answers.
pub(crate) fn run(options: &Latency, usual_rate: f64) -> Result<Report> {
    let rate = options.rate.unwrap_or(usual_rate);
    if options.size == 0 || options.sessions == 0 || !(rate > 0.0 && rate <= 1e7) {
        return Err(Failure::new("--size and --sessions must be at least 1, --rate above 0"));
    }
    let mut run = Run::new(options, rate)?;
    run.go(options.tick)?;
    Ok(run.report(options, rate))
}

/// The token of the timer; no session has this number.
const TIMER: u64 = u64::MAX;

/// The shortest time between two wake-ups; requests that are due meanwhile leave together.
const TICK_MIN: Duration = Duration::from_micros(50);

/// A session, and its requests that were not answered yet.
struct Session {
    socket: OwnedFd,
    /// When each of them was due.
    due: VecDeque<Instant>,
    unsent: usize,
    received: usize,
    alive: bool,
}

struct Run {
    sessions: Vec<Session>,
    request: Vec<u8>,
    scratch: Vec<u8>,
    window: Window,
    begun: Instant,
    interval: Duration,
    scheduled: u32,
    answered: u64,
    counted: u64,
    unanswered: u64,
    latencies: Latencies,
    /// How late the client itself was: a measure of its own troubles.
    lateness: Latencies,
    errors: Tally,
}

impl Run {
    fn new(options: &Latency, rate: f64) -> Result<Self> {
        let sockets = open_many(options.common.target, options.sessions)?;
        let session = |socket| {
            let due = VecDeque::new();
            Session { socket, due, unsent: 0, received: 0, alive: true }
        };
        Ok(Self {
            sessions: sockets.into_iter().map(session).collect(),
            request: vec![FILL; options.size],
            scratch: vec![0; 64 * 1024],
            window: options.common.window(),
            begun: Instant::now(),
            interval: Duration::from_secs_f64(1.0 / rate),
            scheduled: 0,
            answered: 0,
            counted: 0,
            unanswered: 0,
            latencies: Latencies::new()?,
            lateness: Latencies::new()?,
            errors: Tally::default(),
        })
    }

    fn go(&mut self, tick: Duration) -> Result<()> {
        let epoll = Epoll::new()?;
        let mut events = Events::with_room_for(512);
        for (index, session) in self.sessions.iter().enumerate() {
            epoll.add_connection(session.socket.as_fd(), wide(index))?;
        }
        let timer = Timer::every(tick.max(self.interval).max(TICK_MIN))?;
        epoll.add_waker(timer.as_fd(), TIMER)?;
        let mut now = Instant::now();
        let last = self.window.end + GRACE;
        while now < last && (now < self.window.end || self.waiting()) {
            epoll.wait(&mut events, Some(last - now))?;
            now = Instant::now();
            // Requests first: their deadlines are known only after they are sent.
            self.send_due(now.min(self.window.end));
            for event in events.iter() {
                if event.token == TIMER {
                    timer.go_on();
                    continue;
                }
                self.step(size(event.token));
            }
        }
        self.give_up(now);
        Ok(())
    }

    fn waiting(&self) -> bool {
        self.sessions.iter().any(|session| session.alive && !session.due.is_empty())
    }

    /// Sends every request whose time has come.
    fn send_due(&mut self, now: Instant) {
        loop {
            let due = self.begun + self.interval * self.scheduled;
            if due > now || due >= self.window.end {
                break;
            }
            let index = self.scheduled as usize % self.sessions.len();
            self.scheduled += 1;
            if self.window.counts(due) {
                self.lateness.record(now - due);
            }
            let session = &mut self.sessions[index];
            if session.alive {
                session.due.push_back(due);
                session.unsent += self.request.len();
                self.flush(index);
            } else {
                self.unanswered += 1;
            }
        }
    }

    /// Sends what the kernel takes.
    fn flush(&mut self, index: usize) {
        let session = &mut self.sessions[index];
        while session.unsent > 0 {
            let count = session.unsent.min(self.request.len());
            match sys::stream::send(session.socket.as_fd(), &self.request[..count]) {
                Ok(count) => session.unsent -= count,
                Err(Errno::AGAIN) => break,
                Err(error) => return self.lose(index, error),
            }
        }
    }

    /// Receives the available bytes of one session.
    fn step(&mut self, index: usize) {
        if !self.sessions.get(index).is_some_and(|session| session.alive) {
            return;
        }
        self.flush(index);
        loop {
            let session = &mut self.sessions[index];
            match sys::stream::receive(session.socket.as_fd(), &mut self.scratch) {
                Ok(0) => return self.lose(index, Errno::CONNRESET),
                Ok(count) => {
                    self.take(index, count);
                    if count < self.scratch.len() {
                        return;
                    }
                }
                Err(Errno::AGAIN) => return,
                Err(error) => return self.lose(index, error),
            }
        }
    }

    fn take(&mut self, index: usize, count: usize) {
        let now = Instant::now();
        let session = &mut self.sessions[index];
        session.received += count;
        while session.received >= self.request.len() {
            session.received -= self.request.len();
            let Some(due) = session.due.pop_front() else { break };
            self.answered += 1;
            if self.window.counts(due) {
                self.counted += 1;
                self.latencies.record(now.saturating_duration_since(due));
            }
        }
    }

    fn lose(&mut self, index: usize, error: Errno) {
        self.errors.errno(error);
        self.sessions[index].alive = false;
    }

    /// Charges the requests that were never answered with the time they waited in vain.
    fn give_up(&mut self, now: Instant) {
        for due in self.sessions.iter().flat_map(|session| &session.due) {
            self.unanswered += 1;
            if self.window.counts(*due) {
                self.latencies.record(now.saturating_duration_since(*due));
            }
        }
    }

    fn report(&self, options: &Latency, rate: f64) -> Report {
        let done = float(self.counted) / self.window.length().as_secs_f64();
        let (sessions, size) = (options.sessions, options.size);
        let json = json!({
            "kind": "latency", "sessions": sessions, "size": size,
            "seconds": self.window.length().as_secs_f64(), "rate_asked": rate, "rate": done,
            "operations_total": self.answered, "unanswered": self.unanswered,
            "latency_us": self.latencies.json(), "lateness_us": self.lateness.json(),
            "errors": self.errors.json(),
        });
        let line = format!(
            "latency at {} per second, {sessions} sessions, {size} bytes: {}; client late by {:.0} \
             us (p99); {} unanswered{}",
            figure(rate),
            self.latencies.line(),
            self.lateness.micros_at(0.99),
            self.unanswered,
            self.errors.suffix(),
        );
        let ok = self.errors.total() == 0 && self.unanswered == 0 && self.counted > 0;
        Report { json, line, ok }
    }
}
