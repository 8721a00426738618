//! The rules of the model, and the conditions, one by one. `tests/kernel_model` compares it with Linux.

mod endings;
mod events;
mod faults;
mod handshake;
mod pipes;
mod process;
mod speed;
mod streams;
mod timers;
mod unix;

use super::{Conditions, Process, Reach, Sim, SimEpoll, SimSocket};
use flow::Time;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use sys::kernel::{Epoll, Kernel, Socket};
use sys::listen::{ListenOptions, Sharing};
use sys::socket::TcpOptions;
use sys::{Errno, Event};

const OPTIONS: TcpOptions = TcpOptions::NONE;
const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// One process with a listener.
struct Host {
    sim: Sim,
    process: Process,
    listener: SimSocket,
    address: SocketAddr,
}

impl Host {
    fn new(conditions: Conditions) -> Self {
        Self::with_options(conditions, &OPTIONS)
    }

    fn friendly() -> Self {
        Self::new(Conditions::default())
    }

    fn with_options(conditions: Conditions, options: &TcpOptions) -> Self {
        let sim = Sim::new(1, conditions);
        let process = sim.process(1024);
        let address: SocketAddr = (Ipv4Addr::new(10, 0, 0, 2), 80).into();
        let listener =
            process.bind_tcp(address, &ListenOptions::with(*options), Sharing::Exclusive).unwrap();
        listener.listen().unwrap();
        Self { sim, process, listener, address }
    }

    /// A client and its accepted socket.
    fn pair(&self) -> (SimSocket, SimSocket) {
        let client = self.connect();
        self.pass(SECOND);
        (client, self.listener.accept().unwrap().0)
    }

    fn connect(&self) -> SimSocket {
        self.process.connect_tcp(self.address).unwrap().0
    }

    fn pass(&self, span: Duration) {
        self.sim.advance(self.sim.now().after(span));
    }

    /// Lets everything happen that is due, at most within a day. Returns the time of the last event.
    fn pass_all(&self) -> Duration {
        let begin = self.sim.now();
        let end = begin.after(24 * 60 * 60 * SECOND);
        while let Some(due) = self.sim.next_due().filter(|due| *due < end) {
            self.sim.advance(due);
        }
        self.sim.now().since(begin)
    }

    /// The time until the socket reports an error, and that error.
    fn time_to_error(&self, socket: &SimSocket) -> (Duration, Errno) {
        let begin = self.sim.now();
        while !socket.look().failed {
            let due = self.sim.next_due().expect("something is due until the error comes");
            assert!(due.since(begin) < 24 * 60 * 60 * SECOND, "no error comes");
            self.sim.advance(due);
        }
        (self.sim.now().since(begin), socket.take_error().unwrap_err())
    }

    fn set_reach(&self, reach: Reach) {
        self.sim.set_reach(self.address.ip(), reach);
    }
}

/// An epoll instance with the events of its waits.
struct Poller<'a> {
    epoll: SimEpoll,
    process: &'a Process,
}

impl<'a> Poller<'a> {
    fn new(process: &'a Process, sockets: &[&SimSocket]) -> Self {
        let epoll = process.epoll().unwrap();
        for (token, socket) in (0..).zip(sockets) {
            epoll.add_connection(socket, token).unwrap();
        }
        Self { epoll, process }
    }

    fn events(&self, timeout: Option<Duration>) -> Vec<Event> {
        let mut events = <SimEpoll as Epoll<Process>>::events(8);
        Epoll::<Process>::wait(&self.epoll, &mut events, timeout).unwrap();
        <SimEpoll as Epoll<Process>>::iter(&events).collect()
    }

    /// The tokens of a wait, sorted.
    fn wait(&self) -> Vec<u64> {
        let mut tokens: Vec<u64> = self.events(None).iter().map(|event| event.token).collect();
        tokens.sort_unstable();
        tokens
    }

    fn waits_until(&self) -> Option<Time> {
        self.process.waits_until(&self.epoll)
    }
}

/// Sends until the socket takes no more. Returns the number of bytes.
fn fill(socket: &SimSocket) -> usize {
    std::iter::from_fn(|| socket.send(&[7; 1000]).ok()).sum()
}

/// Receives everything that is there. Returns the number of bytes, and the result behind them.
fn receive_all(socket: &SimSocket) -> (usize, sys::Result<usize>) {
    let mut total = 0;
    loop {
        match socket.receive(&mut [0; 4096]) {
            Ok(count) if count > 0 => total += count,
            result => return (total, result),
        }
    }
}
