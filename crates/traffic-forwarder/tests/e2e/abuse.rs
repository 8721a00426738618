//! Attempts to deny the service. Each goes on for as long as a session of another forward takes for
//! its exchanges: they all have to come through, and afterwards the process holds what it held.
//! docs/reliability/abuse.md has the figures that these tests print.

mod admin;
mod clients;
mod forwards;
mod log;

use std::io::{Read as _, Write as _};
use std::thread;
use std::time::{Duration, Instant};

use testkit::{Behaviour, Forwarder, ForwarderBuilder, LIMIT, Port, Socket, Target, wait_until};

use crate::support::{Config, Operated, served_client};

/// Exchanges of the neighbour while the abuse goes on.
const EXCHANGES: usize = 1000;
/// Exchanges of the neighbour before, in peace.
const EXCHANGES_IN_PEACE: usize = 200;
/// Of a hundred exchanges of the neighbour, 99 take less than this, or so many times what 99 took
/// before the abuse, whichever is more: machine and attacker, who share their CPUs, have a part in it.
const HARMED: Duration = Duration::from_secs(1);
const HARMED_TIMES: u32 = 100;
/// Settings of a forward that refuses nobody, and holds few at the same time.
const EVERYBODY: &str = "max_sessions = 100\nat_limit = 'wait'";
/// Two sockets for each of those, and the pipes of some.
const EVERYBODY_FILES: usize = 2 * 100 + 64;
const MIB: u64 = 1024 * 1024;

/// A process that is abused: on one forward or on its admin interface, beside another forward.
struct Abused {
    operated: Operated,
    port: Port,
    /// Where the abused forward leads to.
    target: Target,
    neighbour: Socket,
    _echo: Target,
    files: usize,
    memory: u64,
}

/// What was seen while it went on.
#[derive(Default)]
struct Seen {
    rounds: usize,
    most_files: usize,
    most_memory: u64,
}

impl Abused {
    /// The abused forward leads to a target of this behaviour and has these settings.
    #[track_caller]
    fn start(config: Config, behaviour: Behaviour, settings: &str) -> Self {
        Self::start_with(config, behaviour, settings, |builder| builder)
    }

    /// Started in a way of its own.
    #[track_caller]
    fn start_with(
        config: Config,
        behaviour: Behaviour,
        settings: &str,
        prepare: impl FnOnce(ForwarderBuilder) -> ForwarderBuilder,
    ) -> Self {
        let (target, echo) = (Target::start(behaviour), Target::start(Behaviour::Echo));
        let (port, quiet) = (Port::v4(), Port::v4());
        let config = config.forward(port.addr(), target.addr(), settings);
        let config = config.forward(quiet.addr(), echo.addr(), "");
        let operated = Operated::start_with(config, prepare);
        let neighbour = served_client(&quiet);
        neighbour.set_tcp_nodelay(true).unwrap();
        let (files, memory) = (operated.fd_count(), operated.rss_anon_bytes());
        Self { operated, port, target, neighbour, _echo: echo, files, memory }
    }

    /// Repeats the abuse until the neighbour has had its exchanges. The process never has more than
    /// so many further descriptors and so much further memory.
    #[track_caller]
    fn beside(&self, name: &str, files: usize, memory: u64, mut abuse: impl FnMut()) {
        self.beside_until(name, files, memory, || {
            abuse();
            true
        });
    }

    /// Likewise, and until the abuse has been enough.
    #[track_caller]
    fn beside_until(&self, name: &str, files: usize, memory: u64, mut abuse: impl FnMut() -> bool) {
        let peace = slow_exchange(&mut self.exchanges(EXCHANGES_IN_PEACE));
        let cpu = self.operated.cpu_time();
        let began = Instant::now();
        let mut seen = Seen::default();
        let mut times = thread::scope(|scope| {
            let neighbour = scope.spawn(|| self.exchanges(EXCHANGES));
            loop {
                let enough = abuse();
                seen.look(self);
                // That it has failed is an end, too.
                if enough && neighbour.is_finished() {
                    break;
                }
            }
            neighbour.join().expect("the neighbour's exchanges came through")
        });
        let cpu = self.operated.cpu_time().saturating_sub(cpu);
        let slow = slow_exchange(&mut times);
        seen.print(name, [began.elapsed(), cpu], [times[EXCHANGES / 2], slow]);
        assert!(seen.rounds > 0);
        assert!(seen.most_files <= files, "{} descriptors", seen.most_files);
        assert!(seen.most_memory <= memory, "{} bytes of memory", seen.most_memory);
        let bound = HARMED.max(peace * HARMED_TIMES);
        assert!(slow < bound, "99 of 100 exchanges took {slow:?} at most, and {peace:?} before");
    }

    /// So many exchanges of the neighbour, and how long each took.
    fn exchanges(&self, count: usize) -> Vec<Duration> {
        (0..count).map(|_| exchange(&self.neighbour)).collect()
    }

    /// It holds what it held before, but for pipes that are kept for later.
    #[track_caller]
    fn gives_back(&self) {
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

/// One byte to the echo and back, and how long it took.
fn exchange(mut socket: &Socket) -> Duration {
    let (began, mut byte) = (Instant::now(), [0]);
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket.write_all(b".").unwrap();
    socket.read_exact(&mut byte).unwrap();
    began.elapsed()
}

/// What 99 of 100 exchanges took at most. Sorts them.
fn slow_exchange(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

fn panics(forwarder: &Forwarder) -> usize {
    forwarder.count_lines(|line| line.contains("panicked"))
}
