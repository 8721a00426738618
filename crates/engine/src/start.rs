//! The start of the engine: its workers, and on Linux their threads.

use crate::engine::Engine;
use crate::options::Options;
use crate::passed::PassedSockets;
use crate::running::Forwards;
use crate::shared::Shared;
use crate::worker::Worker;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use sys::kernel::{Kernel, Linux};

/// Stack size of a worker, in bytes: the scratch buffer is on the heap, and no code recurses.
const STACK: usize = 256 * 1024;

/// Decides after a failed start of a worker whether to try again.
type Retry<'a> = &'a dyn Fn(&std::io::Error) -> bool;

impl<K: Kernel> Engine<K> {
    /// Makes an engine and its workers, which the caller runs. `epolls` are the epoll instances of the
    /// previous process image, which are used if there is one for each worker. If the kernel refuses a
    /// descriptor, `retry` decides whether to try again; it may sleep first.
    ///
    /// # Errors
    /// The first error that `retry` rejects.
    #[doc(hidden)]
    pub fn prepare(
        kernel: &K,
        options: &Options<K>,
        passed: PassedSockets<K>,
        epolls: Vec<K::Epoll>,
        retry: Retry<'_>,
    ) -> std::io::Result<(Self, Vec<Worker<K>>)> {
        let as_many = epolls.len() == options.workers;
        let mut epolls = epolls.into_iter().filter(|_| as_many);
        let shared = insist(retry, || Ok(Shared::new(kernel, options)?))?;
        let shared = Arc::new(shared);
        let (worker_ended, ended) = channel();
        let mut workers = Vec::with_capacity(options.workers);
        for index in 0..options.workers {
            // A failed attempt closes the inherited epoll instance: the next attempt makes a new one, and
            // leaves those of the other workers to them.
            let mut epoll = epolls.next();
            let mut worker = || {
                let (shared, ended) = (Arc::clone(&shared), worker_ended.clone());
                Ok(Worker::new(index, shared, epoll.take(), ended)?)
            };
            workers.push(insist(retry, &mut worker)?);
        }
        let forwards = Forwards::new(passed);
        Ok((Self { shared, threads: Vec::new(), ended, forwards }, workers))
    }
}

impl Engine {
    /// Starts the workers. They idle until [`Engine::apply`].
    ///
    /// # Errors
    /// If the host refuses a thread or a descriptor.
    pub fn start(options: &Options, passed: PassedSockets) -> std::io::Result<Self> {
        Self::start_with(options, passed, Vec::new(), &|_| false)
    }

    /// Like [`Engine::start`], with the epoll instances of the previous process image, which are used if
    /// there is one for each worker. If the host refuses a thread or a descriptor, `retry` decides
    /// whether to try again; it may sleep first.
    ///
    /// # Errors
    /// The first error that `retry` rejects.
    pub fn start_with(
        options: &Options,
        passed: PassedSockets,
        epolls: Vec<OwnedFd>,
        retry: Retry<'_>,
    ) -> std::io::Result<Self> {
        let epolls = epolls.into_iter().map(sys::Epoll::restored).collect();
        let (mut engine, workers) = Self::prepare(&Linux, options, passed, epolls, retry)?;
        for (index, worker) in workers.into_iter().enumerate() {
            let thread = insist(retry, || start_thread(index))?;
            // Cannot fail: the thread waits for the worker.
            let _ = thread.worker.send(worker);
            engine.threads.push(thread.handle);
        }
        Ok(engine)
    }
}

/// A started thread that waits for its worker.
struct Thread {
    worker: Sender<Worker<Linux>>,
    handle: JoinHandle<()>,
}

/// Starts a thread before its worker is sent to it: if the host refuses the thread, the worker is kept.
fn start_thread(index: usize) -> std::io::Result<Thread> {
    let (worker, of_thread) = channel::<Worker<Linux>>();
    let run = move || {
        if let Ok(worker) = of_thread.recv() {
            worker.run();
        }
    };
    let name = format!("worker-{index}");
    let handle = std::thread::Builder::new().name(name).stack_size(STACK).spawn(run)?;
    Ok(Thread { worker, handle })
}

/// Repeats `attempt` until it succeeds or `retry` returns false.
fn insist<T>(
    retry: Retry<'_>,
    mut attempt: impl FnMut() -> std::io::Result<T>,
) -> std::io::Result<T> {
    loop {
        match attempt() {
            Err(error) if retry(&error) => {}
            result => return result,
        }
    }
}
