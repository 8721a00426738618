//! Message queues between threads, for readers that also wait for sockets.

use std::collections::VecDeque;
use sys::kernel::Wake;

#[cfg(loom)]
use loom::sync::{Mutex, MutexGuard};
#[cfg(not(loom))]
use std::sync::{Mutex, MutexGuard};

/// An unbounded queue with many writers and one reader, which takes all messages at once.
///
/// Only the writer that finds the queue empty wakes the reader: the reader takes the messages of later
/// writers with that wake-up, since the queue is taken under the lock.
pub struct Mailbox<T, W> {
    queue: Mutex<VecDeque<T>>,
    waker: W,
}

impl<T, W: Wake> Mailbox<T, W> {
    /// An empty mailbox whose reader waits on `waker`.
    pub fn new(waker: W) -> Self {
        Self { queue: Mutex::new(VecDeque::new()), waker }
    }

    /// The reader's waker, to wait on or to wake without a message.
    pub fn waker(&self) -> &W {
        &self.waker
    }

    /// Appends a message.
    pub fn send(&self, message: T) {
        self.append(self.lock(), message);
    }

    fn append(&self, mut queue: MutexGuard<'_, VecDeque<T>>, message: T) {
        queue.push_back(message);
        let was_empty = queue.len() == 1;
        drop(queue);
        if was_empty {
            self.waker.wake();
        }
    }

    /// Takes all messages, in the order in which they were sent.
    pub fn take(&self) -> VecDeque<T> {
        self.exchange(VecDeque::new())
    }

    /// Like [`Self::take`], with `empty` as the new queue. A reader that passes its emptied queue back
    /// saves the writers from allocating.
    pub fn exchange(&self, empty: VecDeque<T>) -> VecDeque<T> {
        debug_assert!(empty.is_empty());
        std::mem::replace(&mut *self.lock(), empty)
    }

    /// Whether any waiting message satisfies the predicate.
    pub fn any(&self, is_it: impl Fn(&T) -> bool) -> bool {
        self.lock().iter().any(is_it)
    }

    /// Calls `visit` for each waiting message.
    pub(crate) fn visit(&self, visit: impl FnMut(&T)) {
        self.lock().iter().for_each(visit);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<T>> {
        // No code panics while it holds the lock, so a poisoned lock guards a sound queue.
        self.queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A [`Mailbox`] that holds a limited number of messages, for a reader that may be slower than the
/// writers.
pub(crate) struct BoundedMailbox<T, W> {
    mailbox: Mailbox<T, W>,
    limit: usize,
}

impl<T, W: Wake> BoundedMailbox<T, W> {
    /// An empty mailbox for at most `limit` messages.
    pub(crate) fn new(waker: W, limit: usize) -> Self {
        Self { mailbox: Mailbox::new(waker), limit }
    }

    /// See [`Mailbox::waker`].
    pub(crate) fn waker(&self) -> &W {
        self.mailbox.waker()
    }

    /// Appends a message, or returns it if `limit` messages wait.
    #[must_use]
    pub(crate) fn send(&self, message: T) -> Option<T> {
        let queue = self.mailbox.lock();
        if queue.len() >= self.limit {
            return Some(message);
        }
        self.mailbox.append(queue, message);
        None
    }

    /// Takes all messages, like [`Mailbox::exchange`].
    pub(crate) fn exchange(&self, empty: VecDeque<T>) -> VecDeque<T> {
        self.mailbox.exchange(empty)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::cell::Cell;

    struct Count(Cell<u32>);

    impl Wake for Count {
        fn wake(&self) {
            self.0.set(self.0.get() + 1);
        }
    }

    #[test]
    fn wakes_once_per_batch_and_keeps_the_order() {
        let mailbox = Mailbox::new(Count(Cell::new(0)));
        for batch in 1..=3 {
            for message in 0..4 {
                mailbox.send(message);
            }
            assert_eq!(mailbox.waker().0.get(), batch);
            assert_eq!(mailbox.take(), [0, 1, 2, 3]);
        }
    }

    #[test]
    fn room_that_is_given_back_is_used_again() {
        let mailbox = Mailbox::new(Count(Cell::new(0)));
        mailbox.send(1);
        assert_eq!(mailbox.exchange(VecDeque::with_capacity(100)), [1]);
        mailbox.send(2);
        assert_eq!(mailbox.waker().0.get(), 2);
        let taken = mailbox.take();
        assert!(taken == [2] && taken.capacity() >= 100);
    }

    #[test]
    fn holds_no_more_than_its_limit() {
        let mailbox = BoundedMailbox::new(Count(Cell::new(0)), 2);
        assert_eq!(mailbox.send(1), None);
        assert_eq!(mailbox.send(2), None);
        assert_eq!(mailbox.send(3), Some(3));
        assert_eq!(mailbox.exchange(VecDeque::new()), [1, 2]);
        assert_eq!(mailbox.send(4), None);
        assert_eq!(mailbox.waker().0.get(), 2);
    }
}

/// Every interleaving of two writers and a reader: `RUSTFLAGS="--cfg loom" cargo test -p engine`.
#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicU64, Ordering};

    /// A model of eventfd(2): a counter that a write increments and a read resets to 0.
    struct Counter(AtomicU64);

    impl Wake for Counter {
        fn wake(&self) {
            self.0.fetch_add(1, Ordering::AcqRel);
        }
    }

    impl Counter {
        fn was_woken(&self) -> bool {
            self.0.swap(0, Ordering::AcqRel) > 0
        }
    }

    #[test]
    fn no_message_is_left_without_a_wake() {
        loom::model(|| {
            let mailbox = Arc::new(Mailbox::new(Counter(AtomicU64::new(0))));
            let writers: Vec<_> = (0..2)
                .map(|message| {
                    let mailbox = Arc::clone(&mailbox);
                    loom::thread::spawn(move || mailbox.send(message))
                })
                .collect();
            // The reader's loop: woken, it takes the wake first and the messages then.
            let mut got = Vec::new();
            if mailbox.waker().was_woken() {
                got.extend(mailbox.take());
            }
            for writer in writers {
                writer.join().unwrap();
            }
            if mailbox.waker().was_woken() {
                got.extend(mailbox.take());
            }
            got.sort_unstable();
            assert_eq!(got, [0, 1]);
        });
    }
}
