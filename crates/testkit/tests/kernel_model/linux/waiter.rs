//! Threads that block in epoll_wait(2).

use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::io::fcntl_dupfd_cloexec;
use std::fs::File;
use std::io::{Read, Seek};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use sys::{Epoll, Event, Events};

/// Token of the descriptor that ends the wait.
const INTERRUPT: u64 = u64::MAX;

/// A thread either blocks or returns within this time.
const LIMIT: Duration = Duration::from_secs(5);

/// A thread in epoll_wait(2).
pub(super) struct Waiter {
    thread: JoinHandle<Vec<Event>>,
    epoll: Arc<Epoll>,
    interrupt: OwnedFd,
    /// The system call of the thread (`/proc/PID/task/TID/syscall`, proc(5)).
    call: File,
}

impl Waiter {
    /// Starts a thread that waits for at most `room` events. Its descriptors have numbers from `least`.
    pub(super) fn start(epoll: &Arc<Epoll>, room: usize, least: i32) -> Self {
        let interrupt = eventfd(0, EventfdFlags::CLOEXEC).expect("an eventfd");
        let interrupt = fcntl_dupfd_cloexec(interrupt, least).expect("a high number");
        let data = epoll::EventData::new_u64(INTERRUPT);
        epoll::add(epoll.as_fd(), &interrupt, data, epoll::EventFlags::IN).expect("registered");
        let ((send_id, id), (send_start, start)) = (channel(), channel());
        let shared = Arc::clone(epoll);
        let thread = std::thread::spawn(move || {
            let _ = send_id.send(rustix::thread::gettid());
            // Afterwards it may end at any time.
            let _ = start.recv();
            wait(&shared, room)
        });
        let id = id.recv().expect("the thread has started").as_raw_nonzero();
        let call = File::open(format!("/proc/self/task/{id}/syscall")).expect("its call");
        let call = File::from(fcntl_dupfd_cloexec(call, least).expect("a high number"));
        send_start.send(()).expect("the thread waits");
        Self { thread, epoll: Arc::clone(epoll), interrupt, call }
    }

    /// Whether it waits on this instance.
    pub(super) fn is_at(&self, epoll: &Arc<Epoll>) -> bool {
        Arc::ptr_eq(&self.epoll, epoll)
    }

    /// Whether the thread has returned. Waits until it has, or blocks.
    pub(super) fn has_returned(&mut self) -> bool {
        let deadline = Instant::now() + LIMIT;
        while Instant::now() < deadline {
            if self.thread.is_finished() {
                return true;
            }
            if self.blocks() {
                return false;
            }
            std::thread::yield_now();
        }
        panic!("the thread neither blocks nor returns");
    }

    /// Whether the thread sleeps in epoll_wait(2). One that has been woken does not, even if it has not
    /// run yet.
    fn blocks(&mut self) -> bool {
        let mut text = String::new();
        let rewound = self.call.rewind().and_then(|()| self.call.read_to_string(&mut text));
        // The number of the call, then its arguments.
        let argument = text.split_whitespace().nth(1).filter(|_| rewound.is_ok());
        argument == Some(&format!("{:#x}", self.epoll.as_fd().as_raw_fd()))
    }

    /// The events of a thread that has returned.
    pub(super) fn into_events(self) -> Vec<Event> {
        self.thread.join().expect("the thread does not panic")
    }

    /// Ends the wait of a thread.
    pub(super) fn interrupt(self) {
        rustix::io::write(&self.interrupt, &1u64.to_ne_bytes()).expect("written");
        self.into_events();
    }
}

fn wait(epoll: &Epoll, room: usize) -> Vec<Event> {
    let mut events = Events::with_room_for(room);
    loop {
        // Empty if a signal has interrupted it.
        epoll.wait(&mut events, None).expect("epoll_wait(2)");
        let found: Vec<_> = events.iter().collect();
        if !found.is_empty() {
            return found.into_iter().filter(|event| event.token != INTERRUPT).collect();
        }
    }
}
