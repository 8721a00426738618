//! The queue of log lines from threads that must not wait for a disk to the thread that writes.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Maximum length of the queue: the lines of the control thread in a busy minute at level trace.
const MOST_QUEUED: usize = 4096;

thread_local! {
    /// Whether this thread writes the lines of all threads.
    static WRITES: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread writes the lines of all threads.
pub(super) fn writes() -> bool {
    WRITES.get()
}

/// Ends the writing role of this thread.
pub(super) fn write_no_more() {
    WRITES.set(false);
}

type Wake = Box<dyn Fn() + Send>;

/// Queue between the threads that log and the thread that writes.
#[derive(Default)]
pub(super) struct LineQueue(Mutex<State>);

#[derive(Default)]
struct State {
    lines: VecDeque<String>,
    reopen: bool,
    /// Wakes the thread that writes; `None` while there is none.
    wake: Option<Wake>,
}

impl LineQueue {
    /// Makes this thread write the lines of all threads.
    pub(super) fn begin(&self, wake: Wake) {
        WRITES.set(true);
        let mut state = self.lock();
        state.wake = Some(wake);
        if !state.lines.is_empty() {
            // These lines were queued while there was no thread to wake.
            state.wake();
        }
    }

    /// Queues lines from now on, for a thread that starts later.
    pub(super) fn hold(&self) {
        self.lock().wake = Some(Box::new(|| ()));
    }

    /// Makes every thread write its own lines from now on.
    pub(super) fn end(&self) {
        self.lock().wake = None;
    }

    /// Puts lines at the front of the queue.
    pub(super) fn put_back(&self, lines: Vec<String>) {
        let mut state = self.lock();
        for line in lines.into_iter().rev() {
            state.lines.push_front(line);
        }
    }

    /// Queues a line. Returns it if this thread has to write it.
    pub(super) fn offer(&self, line: String) -> Option<String> {
        if WRITES.get() {
            return Some(line);
        }
        let mut state = self.lock();
        if state.wake.is_none() {
            return Some(line);
        }
        if state.lines.len() < MOST_QUEUED {
            state.lines.push_back(line);
        } else {
            super::count_queue_full(1);
        }
        state.wake();
        None
    }

    /// Asks the writing thread to reopen the file. Returns false if there is no such thread.
    pub(super) fn ask_to_reopen(&self) -> bool {
        let mut state = self.lock();
        state.reopen = state.wake.is_some();
        state.wake();
        state.reopen
    }

    /// Takes the queued lines, and the request to reopen the file.
    pub(super) fn take(&self) -> (VecDeque<String>, bool) {
        let mut state = self.lock();
        (std::mem::take(&mut state.lines), std::mem::take(&mut state.reopen))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake(&self) {
        if let Some(wake) = &self.wake {
            wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn lines_are_queued_while_a_thread_writes() {
        let queue = LineQueue::default();
        let line = || "line".to_owned();
        assert!(queue.offer(line()).is_some(), "no thread writes yet");
        assert!(!queue.ask_to_reopen());
        let (wake, woken) = mpsc::channel();
        std::thread::scope(|scope| {
            let writer = || {
                queue.begin(Box::new(move || wake.send(()).unwrap()));
                assert!(queue.offer(line()).is_some(), "the writing thread does not queue");
            };
            scope.spawn(writer).join().unwrap();
        });
        assert!(queue.offer(line()).is_none());
        assert!(queue.ask_to_reopen());
        assert_eq!(woken.try_iter().count(), 2);
        assert_eq!(queue.take(), (VecDeque::from([line()]), true));
        assert_eq!(queue.take(), (VecDeque::new(), false));
        for _ in 0..=MOST_QUEUED {
            assert!(queue.offer(line()).is_none());
        }
        assert_eq!(queue.take().0.len(), MOST_QUEUED, "one too many was dropped");
        queue.end();
        assert!(queue.offer(line()).is_some());
        queue.hold();
        assert!(queue.offer(line()).is_none(), "queued for the next writing thread");
        queue.put_back(vec!["first".to_owned(), "second".to_owned()]);
        assert_eq!(queue.take().0, ["first", "second", "line"]);
    }
}
