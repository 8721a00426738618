//! Denial-of-service attempts. Each lasts as long as a session of another forward needs for its
//! exchanges: they must all succeed, and afterwards the process holds no more resources than
//! before. docs/reliability/abuse.md has the figures that these tests print.

mod admin;
mod clients;
mod forwards;
mod log;

use std::io::{Read as _, Write as _};
use std::thread;
use std::time::{Duration, Instant};

use testkit::{Behaviour, Forwarder, ForwarderBuilder, LIMIT, Port, Socket, Target, wait_until};

use crate::support::{Config, Operated, served_client};

/// Exchanges of the neighbour during the abuse.
const EXCHANGES: usize = 1000;
/// Exchanges of the neighbour before the abuse.
const EXCHANGES_BEFORE: usize = 200;
/// Bound of the neighbour's 99th percentile: this, or `HARMED_TIMES` the percentile before the
/// abuse, whichever is more. Machine and attacker share the CPUs, and so contribute to it.
const HARMED: Duration = Duration::from_secs(1);
const HARMED_TIMES: u32 = 100;
/// Settings of a forward that queues clients instead of refusing them, with few concurrent
/// sessions.
const QUEUEING: &str = "max_sessions = 100\nat_limit = 'wait'";
/// Two sockets per session, and some pipes.
const QUEUEING_FILES: usize = 2 * 100 + 64;
const MIB: u64 = 1024 * 1024;

/// A process under abuse, on one forward or on its admin interface, with a neighbour on another
/// forward.
struct Abused {
    operated: Operated,
    port: Port,
    /// Target of the abused forward.
    target: Target,
    neighbour: Socket,
    _echo: Target,
    files: usize,
    memory: u64,
}

/// Peak figures during the abuse.
#[derive(Default)]
struct Seen {
    rounds: usize,
    most_files: usize,
    most_memory: u64,
}

impl Abused {
    /// Starts a process whose abused forward has these settings and a target of this behaviour.
    #[track_caller]
    fn start(config: Config, behaviour: Behaviour, settings: &str) -> Self {
        Self::start_with(config, behaviour, settings, |builder| builder)
    }

    /// The same, from a modified builder.
    #[track_caller]
    fn start_with(
        config: Config,
        behaviour: Behaviour,
        settings: &str,
        prepare: impl FnOnce(ForwarderBuilder) -> ForwarderBuilder,
    ) -> Self {
        let (target, echo) = (Target::start(behaviour), Target::start(Behaviour::Echo));
        let (port, quiet) = (Port::v4(), Port::v4());
        // All clients of a test have one address.
        let settings = format!("{settings}\nshare = 'off'");
        let config = config.forward(port.addr(), target.addr(), settings);
        let config = config.forward(quiet.addr(), echo.addr(), "");
        let operated = Operated::start_with(config, prepare);
        let neighbour = served_client(&quiet);
        neighbour.set_tcp_nodelay(true).unwrap();
        let (files, memory) = (operated.fd_count(), operated.rss_anon_bytes());
        Self { operated, port, target, neighbour, _echo: echo, files, memory }
    }

    /// Repeats the abuse until the neighbour has completed its exchanges. Bounds the process's
    /// additional descriptors and its additional memory in bytes.
    #[track_caller]
    fn beside(&self, name: &str, files: usize, memory: u64, mut abuse: impl FnMut()) {
        self.beside_until(name, files, memory, || {
            abuse();
            true
        });
    }

    /// The same, and until `abuse` returns true.
    #[track_caller]
    fn beside_until(&self, name: &str, files: usize, memory: u64, mut abuse: impl FnMut() -> bool) {
        let baseline = percentile_99(&mut self.exchanges(EXCHANGES_BEFORE));
        let cpu = self.operated.cpu_time();
        let began = Instant::now();
        let mut seen = Seen::default();
        let mut times = thread::scope(|scope| {
            let neighbour = scope.spawn(|| self.exchanges(EXCHANGES));
            loop {
                let enough = abuse();
                seen.look(self);
                // A failed neighbour ends the loop, too.
                if enough && neighbour.is_finished() {
                    break;
                }
            }
            neighbour.join().expect("the neighbour's exchanges came through")
        });
        let cpu = self.operated.cpu_time().saturating_sub(cpu);
        let slow = percentile_99(&mut times);
        seen.print(name, [began.elapsed(), cpu], [times[EXCHANGES / 2], slow]);
        assert!(seen.rounds > 0);
        assert!(seen.most_files <= files, "{} descriptors", seen.most_files);
        assert!(seen.most_memory <= memory, "{} bytes of memory", seen.most_memory);
        let bound = HARMED.max(baseline * HARMED_TIMES);
        assert!(slow < bound, "99 of 100 exchanges took {slow:?} at most, and {baseline:?} before");
    }

    /// Carries out `count` exchanges of the neighbour, and returns their durations.
    fn exchanges(&self, count: usize) -> Vec<Duration> {
        (0..count).map(|_| exchange(&self.neighbour)).collect()
    }

    /// Asserts that the process has released all resources, except pooled pipes.
    #[track_caller]
    fn assert_released(&self) {
        const SPARE_PIPES: usize = 32;
        wait_until("all sessions but the neighbour's ended", LIMIT, || {
            self.operated.sessions().len() == 1
        });
        wait_until("descriptors back", LIMIT, || {
            self.operated.fd_count() <= self.files + SPARE_PIPES
        });
        exchange(&self.neighbour);
        assert_eq!(panics(&self.operated), 0);
    }
}

impl Seen {
    #[expect(clippy::print_stdout, reason = "the figures of docs/reliability/abuse.md")]
    fn print(&self, name: &str, [time, cpu]: [Duration; 2], [median, slow]: [Duration; 2]) {
        let Self { rounds, most_files, most_memory } = self;
        println!(
            "{name}: {rounds} rounds in {time:?}; at most {most_files} more descriptors and {} KiB \
             more memory; {cpu:?} of CPU time; the neighbour's exchange: median {median:?}, 99th of \
             100 {slow:?}",
            most_memory / 1024
        );
    }

    fn look(&mut self, abused: &Abused) {
        let more = abused.operated.fd_count().saturating_sub(abused.files);
        let memory = abused.operated.rss_anon_bytes().saturating_sub(abused.memory);
        self.rounds += 1;
        self.most_files = self.most_files.max(more);
        self.most_memory = self.most_memory.max(memory);
    }
}

/// Exchanges one byte with the echo, and returns the duration.
fn exchange(mut socket: &Socket) -> Duration {
    let (began, mut byte) = (Instant::now(), [0]);
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket.write_all(b".").unwrap();
    socket.read_exact(&mut byte).unwrap();
    began.elapsed()
}

/// The 99th percentile. Sorts the durations.
fn percentile_99(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

fn panics(forwarder: &Forwarder) -> usize {
    forwarder.count_lines(|line| line.contains("panicked"))
}
