//! Lines of threads that must not wait for a disk, on their way to the one that writes.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Lines that may wait: what the control thread says in a busy minute, at level trace.
const MOST_WAITING: usize = 4096;

thread_local! {
    /// This thread is the one that writes.
    static WRITES: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is the one that writes.
pub(super) fn writes() -> bool {
    WRITES.get()
}

/// Ends the role of [`write`] for this thread.
pub(super) fn write_no_more() {
    WRITES.set(false);
}

type Wake = Box<dyn Fn() + Send>;

/// Between the threads that log and the one that writes.
#[derive(Default)]
pub(super) struct Handover(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    lines: VecDeque<String>,
    reopen: bool,
    /// Wakes the thread that writes; `None` while there is none.
    wake: Option<Wake>,
}

impl Handover {
    /// This thread writes from now on.
    pub(super) fn begin(&self, wake: Wake) {
        WRITES.set(true);
        let mut waiting = self.lock();
        waiting.wake = Some(wake);
        if !waiting.lines.is_empty() {
            // These lines were queued while there was no thread to wake.
            waiting.wake();
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

    /// Queues lines before all others.
    pub(super) fn put_back(&self, lines: Vec<String>) {
        let mut waiting = self.lock();
        for line in lines.into_iter().rev() {
            waiting.lines.push_front(line);
        }
    }

    /// Hands a line over. Returns it if this thread has to write it.
    pub(super) fn offer(&self, line: String) -> Option<String> {
        if WRITES.get() {
            return Some(line);
        }
        let mut waiting = self.lock();
        if waiting.wake.is_none() {
            return Some(line);
        }
        if waiting.lines.len() < MOST_WAITING {
            waiting.lines.push_back(line);
        } else {
            super::count_queue_full(1);
        }
        waiting.wake();
        None
    }

    /// False if there is nobody to do it.
    pub(super) fn ask_to_reopen(&self) -> bool {
        let mut waiting = self.lock();
        waiting.reopen = waiting.wake.is_some();
        waiting.wake();
        waiting.reopen
    }

    /// What was handed over, and whether the file is to be reopened.
    pub(super) fn take(&self) -> (VecDeque<String>, bool) {
        let mut waiting = self.lock();
        (std::mem::take(&mut waiting.lines), std::mem::take(&mut waiting.reopen))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
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
    fn lines_are_handed_over_while_somebody_writes() {
        let handover = Handover::default();
        let line = || "line".to_owned();
        assert!(handover.offer(line()).is_some(), "nobody writes yet");
        assert!(!handover.ask_to_reopen());
        let (wake, woken) = mpsc::channel();
        std::thread::scope(|scope| {
            let writer = || {
                handover.begin(Box::new(move || wake.send(()).unwrap()));
                assert!(handover.offer(line()).is_some(), "its own lines it writes itself");
            };
            scope.spawn(writer).join().unwrap();
        });
        assert!(handover.offer(line()).is_none());
        assert!(handover.ask_to_reopen());
        assert_eq!(woken.try_iter().count(), 2);
        assert_eq!(handover.take(), (VecDeque::from([line()]), true));
        assert_eq!(handover.take(), (VecDeque::new(), false));
        for _ in 0..=MOST_WAITING {
            assert!(handover.offer(line()).is_none());
        }
        assert_eq!(handover.take().0.len(), MOST_WAITING, "one too many was dropped");
        handover.end();
        assert!(handover.offer(line()).is_some());
        handover.hold();
        assert!(handover.offer(line()).is_none(), "it waits");
        handover.put_back(vec!["first".to_owned(), "second".to_owned()]);
        assert_eq!(handover.take().0, ["first", "second", "line"]);
    }
}
