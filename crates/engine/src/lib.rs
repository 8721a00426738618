//! Carries out what `flow` decides: one thread per core, epoll, and no lock, no allocation and no
//! clock reading per byte.
//!
//! ```text
//!   listener --> accept --> connect --> pump: lane up   (copy | splice) --> end
//!                (gates)    (resolve)         lane down (copy | splice)     (record)
//!                   \____________________ worker: events, deadlines, mail ____/
//! ```
//!
//! The modules in the order in which a session meets them:

mod worker;

mod forward;
mod gate;

mod accept;

mod connect;
mod own;
mod resolve;

mod session;
mod slots;
mod wheel;

mod holding;
mod pump;

mod end;

mod failure;
mod mailbox;
mod notices;
mod report;
mod shared;

/// Parts that the benchmarks measure by themselves. Not for use elsewhere.
#[doc(hidden)]
pub mod parts {
    pub use crate::mailbox::{Full, Mailbox, Wake};
    pub use crate::slots::{Key, Slots};
    pub use crate::wheel::Wheel;
}

mod listener;
pub use listener::ListenError;

pub use report::{Report, Reports, SessionRecord};
pub use resolve::{Query, Resolve};
pub use shared::Detail;

use forward::{Forward, Route};
use listener::Listener;
use shared::Shared;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use worker::{Message, Worker};

/// Workers need little: the scratch buffer is on the heap, and nothing recurses.
const STACK: usize = 256 * 1024;

/// What an engine is made of.
pub struct Options {
    /// Threads that move bytes; at least one.
    pub workers: usize,
    /// Sessions of all forwards together.
    pub max_sessions: u32,
    /// Pipes for bulk, of all workers together. A lane that gets none copies.
    pub pipes: usize,
    /// What is told about sessions.
    pub detail: Detail,
    /// Who turns names into addresses.
    pub resolver: Arc<dyn Resolve>,
}

/// The running data plane.
pub struct Engine {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    listeners: Vec<Listener>,
}

impl Engine {
    /// Starts the workers. They have nothing to do until [`Engine::listen`].
    pub fn start(options: &Options) -> std::io::Result<Self> {
        let shared = Shared::new(options)?;
        let mut engine =
            Self { shared: Arc::new(shared), threads: Vec::new(), listeners: Vec::new() };
        for index in 0..options.workers {
            let worker = Worker::new(index, Arc::clone(&engine.shared))?;
            let thread = std::thread::Builder::new()
                .name(format!("worker-{index}"))
                .stack_size(STACK)
                .spawn(move || worker.run())?;
            engine.threads.push(thread);
        }
        Ok(engine)
    }

    /// Binds the listeners of a forward. If one of them cannot be bound, none of them is.
    ///
    /// Connections are queued from now on, and accepted from [`Engine::accept`] on.
    pub fn listen(&mut self, forward: &plan::Forward) -> Result<(), ListenError> {
        let running = Arc::new(Forward::new(forward));
        let listeners = forward
            .routes
            .iter()
            .map(|route| Listener::bind(route, Route::new(&running, route)))
            .collect::<Result<Vec<_>, _>>()?;
        for listener in &listeners {
            self.shared.own.add(&listener.reached_at());
        }
        self.listeners.extend(listeners);
        Ok(())
    }

    /// Lets the workers accept from every listener.
    pub fn accept(&self) {
        for (number, listener) in (0u32..).zip(&self.listeners) {
            for mailbox in &self.shared.mailboxes {
                let listening = Arc::clone(&listener.listening);
                // Without a limit a mailbox is never full.
                let _ = mailbox.send(Message::Listen(number, listening));
            }
        }
    }

    /// The addresses that are listened on, where they are not Unix sockets.
    pub fn local_addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(Listener::local_address).collect()
    }

    /// The number of listeners.
    pub fn listeners(&self) -> usize {
        self.listeners.len()
    }

    /// What the workers have to tell.
    pub fn reports(&self) -> Reports {
        Reports(Arc::clone(&self.shared.outbox))
    }

    /// Sessions open now.
    pub fn sessions(&self) -> u32 {
        self.shared.gate.taken()
    }

    /// Closes the listeners; sessions go on.
    pub fn drain(&mut self) {
        self.tell_all(|| Message::Drain);
        self.listeners.clear();
    }

    /// Resets every session that is still open.
    pub fn cut(&self) {
        self.tell_all(|| Message::Cut);
    }

    /// Ends the workers, and waits for them. Sessions that are open are reset.
    pub fn stop(self) {
        self.tell_all(|| Message::Stop);
        for thread in self.threads {
            // A worker that panicked has said so on standard error.
            let _ = thread.join();
        }
        // A session may have been sent to a worker that had ended before.
        for message in self.shared.mailboxes.iter().flat_map(|mailbox| mailbox.take()) {
            if let Message::Adopt(accepted) = message {
                sys::socket::reset(accepted.socket);
            }
        }
    }

    fn tell_all(&self, message: impl Fn() -> Message) {
        for mailbox in &self.shared.mailboxes {
            // Without a limit a mailbox is never full.
            let _ = mailbox.send(message());
        }
    }
}
