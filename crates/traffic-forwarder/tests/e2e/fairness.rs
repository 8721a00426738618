//! Simultaneous work of many sessions must not delay another session, as the order of the worker's
//! system calls shows.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::process::{Child, Stdio};

use testkit::{
    Behaviour, Forwarder, LIMIT, Port, Signal, Socket, Target, Tool, connect, wait_until,
};

use crate::support::{Config, on_each_path, path_is, served_client};

on_each_path!(a_small_message_does_not_wait_for_earlier_bulk);

/// Bulk sessions, all on one worker.
const STREAMS: usize = 16;
/// Bytes to move per bulk session.
const PIECE: usize = 200 * 1024;
/// Size of a small message in bytes; no other call moves exactly this many.
const SMALL: usize = 77;

/// The forwarder is stopped while each bulk session receives a large piece and, last, another
/// session a small message, so that it finds all of them in one turn.
fn a_small_message_does_not_wait_for_earlier_bulk(path: &str) {
    let (sink, echo) = (Target::start(Behaviour::Sink), Target::start(Behaviour::Echo));
    let (bulk_port, small_port) = (Port::v4(), Port::v4());
    let config = Config::new().process("workers = 1");
    let config = config.forward(bulk_port.addr(), sink.addr(), path_is(path));
    let forwarder = config.forward(small_port.addr(), echo.addr(), path_is(path)).start();
    let mut small = served_client(&small_port);
    let bulk: Vec<_> = (0..STREAMS).map(|_| connect(&bulk_port).unwrap()).collect();
    let mut sent = 0;
    for _ in 0..4 {
        sent += bulk.iter().map(send_a_piece).sum::<u64>();
        wait_until("bulk to arrive", LIMIT, || sink.received() == sent);
    }

    let calls = Calls::of(&forwarder, "recvfrom,sendto,splice");
    forwarder.signal(Signal::STOP);
    sent += bulk.iter().map(send_a_piece).sum::<u64>();
    small.write_all(&[7; SMALL]).unwrap();
    forwarder.signal(Signal::CONT);
    small.read_exact(&mut [0; SMALL]).unwrap();
    wait_until("bulk to arrive", LIMIT, || sink.received() == sent);

    let moved = calls.moved();
    let before = moved.iter().take_while(|count| **count != SMALL);
    let (count, bytes) = (before.clone().count(), before.sum::<usize>());
    assert!(count < moved.len(), "the small message was seen: {moved:?}");
    assert!(bytes < 2 * PIECE, "{bytes} bytes were moved before the small message: {moved:?}");
}

/// Sessions that expire together.
const AGED: usize = 600;
/// Sockets closed before the worker polls again, at most: 64 sessions have two each.
const CLOSED_AT_ONCE: usize = 2 * 64;

/// The forwarder is stopped until all sessions have expired.
#[test]
fn simultaneously_expired_sessions_end_in_slices() {
    let (target, port) = (Target::start(Behaviour::Sink), Port::v4());
    let config = Config::new().process("workers = 1");
    let config = config.forward(port.addr(), target.addr(), "max_age = '3s'");
    let forwarder = config.start();
    let clients: Vec<_> = (0..AGED).map(|_| connect(&port).unwrap()).collect();
    wait_until("sessions", LIMIT, || target.accepted() == AGED as u64);
    let calls = Calls::of(&forwarder, "close,epoll_wait,epoll_pwait,epoll_pwait2");
    forwarder.signal(Signal::STOP);
    std::thread::sleep(std::time::Duration::from_secs(4));
    forwarder.signal(Signal::CONT);
    for mut client in clients {
        assert!(client.read(&mut [0]).is_err(), "it is reset");
    }
    // The target's socket of a session is closed after the client's.
    wait_until("the end of all targets", LIMIT, || target.open() == 0);
    let log = calls.finish();
    let mut closed = vec![0];
    for line in log.lines() {
        if line.contains("epoll_") {
            closed.push(0);
        } else if line.contains("close(") {
            *closed.last_mut().unwrap() += 1;
        }
    }
    assert!(closed.iter().sum::<usize>() >= 2 * AGED, "{closed:?}");
    assert!(closed.iter().all(|count| *count <= CLOSED_AT_ONCE), "{closed:?}");
}

/// Sends as much of a piece as the socket takes: the forwarder may be stopped.
fn send_a_piece(socket: &Socket) -> u64 {
    socket.set_nonblocking(true).unwrap();
    match (&*socket).write(&vec![0; PIECE]) {
        Ok(count) => count as u64,
        Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
        Err(error) => panic!("send bulk: {error}"),
    }
}

/// The forwarder's system calls, as strace prints them.
struct Calls {
    strace: Child,
    log: tempfile::NamedTempFile,
}

impl Calls {
    fn of(forwarder: &Forwarder, names: &str) -> Self {
        let log = tempfile::NamedTempFile::new().unwrap();
        let pid = forwarder.pid().to_string();
        let mut command = Tool::find("strace").command();
        command.args(["-f", "-qq", "-e", &format!("trace={names}"), "-p", &pid, "-o"]);
        let strace = command.arg(log.path()).stderr(Stdio::inherit()).spawn().unwrap();
        let status = format!("/proc/{pid}/status");
        wait_until("strace to attach: run as root, or see ptrace(2), yama", LIMIT, || {
            let status = fs::read_to_string(&status).unwrap();
            !status.lines().any(|line| line == "TracerPid:\t0")
        });
        Self { strace, log }
    }

    /// Bytes moved by each call, in order.
    fn moved(self) -> Vec<usize> {
        let log = self.finish();
        let results = log.lines().filter_map(|line| line.rsplit(" = ").next()?.parse().ok());
        results.filter(|count| *count > 0).collect()
    }

    /// Ends the tracer and returns its log.
    fn finish(mut self) -> String {
        let pid = self.strace.id().to_string();
        Tool::find("sh").run(["-c", "kill -TERM $0", &pid], LIMIT);
        self.strace.wait().unwrap();
        fs::read_to_string(self.log.path()).unwrap()
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        // Killing the tracer detaches it from the threads as well.
        let _ = self.strace.kill();
        let _ = self.strace.wait();
    }
}
