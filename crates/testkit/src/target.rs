//! Ready-made targets, each with one thread for all of its connections.

mod connection;
mod serve;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use crate::addr::{Addr, Listener, Place};

/// What a target does with each of its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Sends everything back, and a FIN for a FIN.
    Echo,
    /// Sends this byte at once, and then everything back, and a FIN for a FIN.
    Greet(u8),
    /// Sends `1` or `2` for the first bytes of a PROXY header of that version, else `0`; then as [`Self::Sink`].
    GreetByHeader,
    /// Sends the last digit of the other side's address at once, and then as [`Self::Sink`].
    GreetByPeer,
    /// Sends an HTTP answer with the status 204 at once, and then everything back, and a FIN for a FIN.
    GreetHttp,
    /// Sends this byte at once, and never reads or ends.
    GreetAndStall(u8),
    /// Sends each byte back so many times, and a FIN for a FIN.
    Multiply(usize),
    /// Reads everything, answers nothing, and a FIN for a FIN.
    Sink,
    /// Sends the first `n` bytes of the stream of seed 0 and a FIN, and reads until the client ends.
    Source(u64),
    /// Reads until the client's FIN, then sends the first `n` bytes of the stream of seed 0 and a FIN.
    AnswerAtEof(u64),
    /// The other side of [`exchange`](crate::exchange).
    Verify,
    /// Accepts and never reads, writes or ends.
    Stall,
    /// Accepts and resets at once.
    Reset,
}

/// A running target. Dropping it closes its listener and all of its connections.
#[derive(Debug)]
pub struct Target {
    addr: Addr,
    counters: Arc<Counters>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Counters {
    accepted: AtomicU64,
    open: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
    resets: AtomicU64,
}

impl Target {
    /// Starts one on `127.0.0.1`.
    pub fn start(behaviour: Behaviour) -> Self {
        Self::start_at(Place::V4, behaviour)
    }

    /// Starts one at `place`.
    pub fn start_at(place: Place, behaviour: Behaviour) -> Self {
        let listener = Listener::bind(place);
        let addr = listener.addr().clone();
        let counters = Arc::new(Counters::default());
        let stop = Arc::new(AtomicBool::new(false));
        let (counting, stopped) = (Arc::clone(&counters), Arc::clone(&stop));
        let thread = thread::spawn(move || serve::run(&listener, behaviour, &counting, &stopped));
        Self { addr, counters, stop, thread: Some(thread) }
    }

    /// Address that it listens on.
    pub fn addr(&self) -> &Addr {
        &self.addr
    }

    /// Connections that it ever accepted.
    pub fn accepted(&self) -> u64 {
        self.counters.accepted.load(Ordering::Relaxed)
    }

    /// Connections that it has now.
    pub fn open(&self) -> u64 {
        self.counters.open.load(Ordering::Relaxed)
    }

    /// Bytes that it has read.
    pub fn received(&self) -> u64 {
        self.counters.received.load(Ordering::Relaxed)
    }

    /// Bytes that the kernel has taken from it.
    pub fn sent(&self) -> u64 {
        self.counters.sent.load(Ordering::Relaxed)
    }

    /// Connections that ended with an RST from the other side.
    pub fn resets(&self) -> u64 {
        self.counters.resets.load(Ordering::Relaxed)
    }
}

impl From<&Target> for Addr {
    fn from(target: &Target) -> Self {
        target.addr.clone()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().expect("a target is dropped once").join();
        // A panic while a panic unwinds would hide the first one.
        assert!(ended.is_ok() || thread::panicking(), "the target on {} panicked", self.addr);
    }
}

#[cfg(test)]
mod tests;
