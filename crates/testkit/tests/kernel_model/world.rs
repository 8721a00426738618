//! Runs a program on a machine. The result of each operation is one line of the transcript.

mod connections;
mod epolls;
mod listeners;
mod pipes;
mod process;

use crate::machine::{EpollOf, Machine, PipeOf, SocketOf, WakerOf};
use crate::op::{Connection, Epoll, Listener, Op, Pipe, Place, Waker};
use crate::program::Program;
use crate::streams::{End, Streams};
use std::collections::VecDeque;
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;
use sys::FileId;

/// State of a listener's slot, also after its socket has been closed.
struct Listening<M: Machine> {
    place: Place,
    /// Where clients reach it; `None` for a Unix socket.
    address: Option<SocketAddr>,
    socket: Option<SocketOf<M>>,
    /// Unix clients in the accept queue, which have no address.
    queue: VecDeque<End>,
    /// The file of a Unix socket.
    file: Option<FileId>,
    is_kept: bool,
}

struct Connected<M: Machine> {
    socket: SocketOf<M>,
    end: End,
    is_kept: bool,
}

struct Piped<M: Machine> {
    pipe: PipeOf<M>,
    /// The bytes in the pipe.
    content: VecDeque<u8>,
    is_kept: bool,
}

struct Polling<M: Machine> {
    epoll: Arc<EpollOf<M>>,
    /// A thread waits for events.
    is_blocked: bool,
    is_kept: bool,
}

struct Waking<M: Machine> {
    waker: WakerOf<M>,
    is_pending: bool,
}

/// The descriptors of a running program.
struct World<M: Machine> {
    machine: M,
    streams: Streams,
    listeners: [Option<Listening<M>>; Listener::COUNT],
    connections: [Option<Connected<M>>; Connection::COUNT],
    pipes: [Option<Piped<M>>; Pipe::COUNT],
    epolls: [Option<Polling<M>>; Epoll::COUNT],
    wakers: [Option<Waking<M>>; Waker::COUNT],
    /// The waits that the present operation has ended, and their events.
    woken: String,
}

/// `None` for an operation that did nothing.
type Outcome = Option<String>;

/// Runs a program, and returns the result of each of its operations.
pub(crate) fn run<M: Machine>(machine: M, program: &Program) -> Vec<String> {
    let mut world = World {
        machine,
        streams: Streams::default(),
        listeners: [const { None }; _],
        connections: [const { None }; _],
        pipes: [const { None }; _],
        epolls: [const { None }; _],
        wakers: [const { None }; _],
        woken: String::new(),
    };
    let run = |op: &Op| {
        let outcome = world.run(*op).unwrap_or_else(|| "nothing".to_owned());
        world.note_woken();
        world.settle();
        world.note_woken();
        outcome + &std::mem::take(&mut world.woken)
    };
    let mut transcript: Vec<_> = program.ops().iter().map(run).collect();
    transcript.push(format!("{} descriptors are left", world.close_all()));
    transcript
}

impl<M: Machine> World<M> {
    fn run(&mut self, op: Op) -> Outcome {
        self.run_on_listener(op)
            .or_else(|| self.run_on_connection(op))
            .or_else(|| self.run_on_pipe(op))
            .or_else(|| self.run_on_epoll(op))
            .or_else(|| self.run_on_process(op))
    }

    fn settle(&self) {
        let sockets: Vec<_> = self.connections.iter().flatten().map(|it| &it.socket).collect();
        self.machine.settle(&sockets);
    }

    fn connection(&self, slot: Connection) -> Option<&Connected<M>> {
        self.connections[slot.0].as_ref()
    }

    fn listener(&self, slot: Listener) -> Option<&SocketOf<M>> {
        self.listeners[slot.0].as_ref()?.socket.as_ref()
    }

    /// Closes everything, and counts the descriptors that are still open.
    fn close_all(mut self) -> usize {
        (0..Epoll::COUNT).for_each(|slot| self.unblock(Epoll(slot)));
        self.listeners = [const { None }; _];
        self.connections = [const { None }; _];
        self.pipes = [const { None }; _];
        self.epolls = [const { None }; _];
        self.wakers = [const { None }; _];
        self.machine.open_descriptors()
    }
}

/// The text of a result.
fn text<T: Display>(result: sys::Result<T>) -> String {
    match result {
        Ok(value) => value.to_string(),
        Err(error) => errno(error),
    }
}

/// The text of a result without a value.
fn done(result: sys::Result<()>) -> String {
    text(result.map(|()| "ok"))
}

fn errno(error: sys::Errno) -> String {
    let number = error.raw_os_error();
    let name = u16::try_from(number).ok().and_then(sys::errno_name);
    name.map_or_else(|| format!("errno {number}"), str::to_owned)
}
