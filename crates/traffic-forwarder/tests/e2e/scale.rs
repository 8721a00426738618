//! Cost of many forwards and many sessions. The figures are printed (`--nocapture` shows them); the
//! assertions cover only the promises of DESIGN, and no times.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use testkit::{
    Behaviour, Forwarder, LIMIT, Port, Socket, Target, connect, raise_open_files, wait_until,
};

use crate::support::{Config, forwarder, ping};

const MIB: u64 = 1024 * 1024;

// === forwards ===

#[test]
fn five_hundred_forwards_fit_in_one_small_process() {
    const FORWARDS: usize = 500;
    let target = Target::start(Behaviour::Echo);
    let to = target.addr().tcp().port();
    let ports: Vec<_> = (0..FORWARDS).map(|_| Port::every_address()).collect();
    let lines = ports.iter().fold(String::new(), |mut lines, port| {
        writeln!(lines, "{port} | 127.0.0.1 | {to}").unwrap();
        lines
    });
    let began = Instant::now();
    let forwarder = forwarder().config(lines).start();
    forwarder.ready();
    let ready_after = began.elapsed();
    for port in &ports {
        ping(&connect(port).unwrap());
    }
    // Without the program's own pages, which are many in a debug build, except those that the loader relocates:
    // 1.4 MiB of them, as rustls is part of the program.
    let rss = forwarder.rss_anon_bytes();
    println!("{FORWARDS} forwards: ready after {ready_after:.0?}, {} KiB resident", rss / 1024);
    assert!(rss < 7 * MIB, "{rss} bytes resident");
    // Another test may hold the admin interface's default socket.
    let is_warning = |line: &str| line.contains(" WARN ") && !line.contains("no admin interface");
    assert_eq!(forwarder.count_lines(is_warning), 0);
}

// === idle sessions ===

/// Descriptors of the test itself, its other threads and the forwarder, besides the sessions'
/// sockets.
const OTHER_FILES: u64 = 1_500;
const WANTED: usize = 9_000;

/// Idle sessions, each with both of its outer sockets here.
struct Idle {
    clients: Vec<TcpStream>,
    targets: Vec<TcpStream>,
}

impl Idle {
    /// Opens them a few at a time, so that no queue of the kernel overflows. Each has carried a
    /// byte both ways.
    fn open(n: usize, listener: &TcpListener, forward: SocketAddr) -> Self {
        const BATCH: usize = 100;
        let mut idle = Self { clients: Vec::with_capacity(n), targets: Vec::with_capacity(n) };
        while idle.clients.len() < n {
            let batch = BATCH.min(n - idle.clients.len());
            let mut clients: Vec<_> = (0..batch).map(|_| client(forward)).collect();
            let mut targets: Vec<_> = (0..batch).map(|_| accepted(listener)).collect();
            targets.iter_mut().for_each(answer);
            clients.iter_mut().for_each(read_byte);
            idle.clients.append(&mut clients);
            idle.targets.append(&mut targets);
        }
        idle
    }
}

fn client(forward: SocketAddr) -> TcpStream {
    let mut client = TcpStream::from(connect(forward).unwrap());
    client.set_read_timeout(Some(LIMIT)).unwrap();
    client.write_all(b"?").unwrap();
    client
}

fn accepted(listener: &TcpListener) -> TcpStream {
    let (target, _) = listener.accept().unwrap();
    target.set_read_timeout(Some(LIMIT)).unwrap();
    target
}

fn answer(target: &mut TcpStream) {
    target.read_exact(&mut [0]).unwrap();
    target.write_all(b"!").unwrap();
}

fn read_byte(client: &mut TcpStream) {
    client.read_exact(&mut [0]).unwrap();
}

/// Number of sessions that the limits of open files of this process and of the forwarder allow.
#[expect(clippy::print_stdout, reason = "the figures are of use")]
fn sessions_here() -> usize {
    let possible = raise_open_files().saturating_sub(OTHER_FILES) / 2;
    let n = WANTED.min(usize::try_from(possible).unwrap());
    if n < WANTED {
        println!("scaled down from {WANTED} to {n} sessions by the limit of open files");
    }
    n
}

fn back_to(forwarder: &Forwarder, files: usize, memory: u64) {
    wait_until("the descriptors of all sessions back", LIMIT, || forwarder.fd_count() == files);
    wait_until("the memory of all sessions back", LIMIT, || {
        forwarder.rss_anon_bytes() <= memory + MIB
    });
}

#[test]
fn idle_sessions_cost_two_descriptors_and_little_memory() {
    let n = sessions_here();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    // A second listen(2) sets a longer queue.
    Socket::from(listener.try_clone().unwrap()).listen(4096).unwrap();
    let port = Port::v4();
    // Records would be held in memory until they are written.
    let config = Config::new().log("level = 'info'\nsessions = false");
    let settings = format!("max_sessions = {n}\nshare = 'off'");
    let config = config.forward(port.addr(), listener.local_addr().unwrap(), settings);
    let forwarder = config.start();
    // One-time costs of a process's first sessions, shared by all later ones.
    drop(Idle::open(100, &listener, port.addr()));
    wait_until("their end", LIMIT, || forwarder.is_asleep() && forwarder.fd_count() < 100);
    // Not at the start: the probe of the target has a descriptor for a moment.
    let files_before = forwarder.fd_count();
    let memory_before = forwarder.rss_anon_bytes();
    for round in 1..=2 {
        let idle = Idle::open(n, &listener, port.addr());
        assert_eq!(forwarder.fd_count() - files_before, 2 * n, "two for each session");
        let memory = forwarder.rss_anon_bytes().saturating_sub(memory_before);
        let each = memory / n as u64;
        println!("{n} idle sessions, round {round}: {each} bytes of user memory each");
        assert!(each <= 512, "{each} bytes of user memory for each session");
        nothing_happens(&forwarder);
        drop(idle);
        back_to(&forwarder, files_before, memory_before);
    }
}

/// Idle sessions cost no CPU time either, once their delayed socket options are set. The fixed
/// window is the measure here, not a wait for a state.
fn nothing_happens(forwarder: &Forwarder) {
    wait_until("a second without CPU time", LIMIT, || {
        let before = forwarder.cpu_time();
        thread::sleep(Duration::from_secs(1));
        forwarder.cpu_time().saturating_sub(before) < Duration::from_millis(50)
    });
}
