//! The journal: a thread that turns the workers' reports into events and writes the log, so that no
//! other thread waits for a slow disk.

use crate::report_events::ReportEvents;
use engine::Reports;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Interval at which reports are collected. Each wake-up of this thread may preempt a worker, which
/// on a busy host is most of the cost of a record unless several are written at once.
const GATHER: Duration = Duration::from_millis(10);
/// Capacity kept in the batch: a busy process sends about as many reports per interval.
const USUAL: usize = 256;

/// Additional time limit of [`Journal::close`] for writes to a slow disk. A thread that has not ended
/// by then hangs in the kernel.
const FILE_LIMIT: Duration = Duration::from_secs(4);

/// Destination of log lines after the journal's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Each thread writes its lines itself.
    Written,
    /// Lines are queued for the next journal, of this process image or of the next.
    Held,
}

/// Values of [`Journal::request`].
const GO_ON: u8 = 0;
const END: u8 = 1;
const HOLD: u8 = 2;

/// A handle to the journal's thread.
pub struct Journal {
    reports: Reports,
    request: Arc<AtomicU8>,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
    thread: JoinHandle<()>,
}

impl Journal {
    /// Starts the thread, which publishes to `events`.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub fn start(reports: Reports, events: ReportEvents) -> std::io::Result<Self> {
        let request = Arc::new(AtomicU8::new(GO_ON));
        let (alive, ended) = channel();
        let writer = Writer { reports: reports.clone(), request: Arc::clone(&request), events };
        let run = move || {
            writer.run();
            drop(alive);
        };
        let thread = std::thread::Builder::new().name("journal".into()).spawn(run)?;
        Ok(Self { reports, request, ended, thread })
    }

    /// Writes all reports received so far, and ends the thread. Lines that standard error does not take
    /// within `limit` are lost, and counted.
    ///
    /// # Errors
    ///
    /// Returns the journal if the thread does not end within the limit either: it hangs in the
    /// kernel, for example on a disk that does not answer, and continues when the call returns.
    pub fn close(self, limit: Duration, after: After) -> Result<(), Self> {
        crate::log::give_up_after(Some(limit));
        self.request.store(if after == After::Held { HOLD } else { END }, Ordering::Release);
        self.reports.wake();
        self.thread.thread().unpark();
        match self.ended.recv_timeout(limit + FILE_LIMIT) {
            Err(RecvTimeoutError::Timeout) => {
                self.request.store(GO_ON, Ordering::Release);
                crate::log::give_up_after(None);
                Err(self)
            }
            // Disconnected: the thread has ended. A panic has been printed on standard error.
            _ => Ok(()),
        }
    }

    /// Whether the thread has ended without a request, as after a panic.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }
}

/// Queues the reports received since the journal's end as lines for the next journal.
pub fn hold_reports(reports: &Reports, events: &ReportEvents) {
    reports.exchange(VecDeque::new()).iter().for_each(|report| events.publish(report));
    crate::log::count_queue_full(reports.take_dropped());
    events.write_due();
    events.finish();
}

/// State of the journal's thread.
struct Writer {
    reports: Reports,
    request: Arc<AtomicU8>,
    events: ReportEvents,
}

impl Writer {
    fn run(self) {
        let waker = self.reports.clone();
        let Some(writing) = crate::log::begin_writing(move || waker.wake()) else {
            return self.publish_only();
        };
        let mut batch = VecDeque::new();
        let mut busy = false;
        loop {
            // Loaded before the reports are taken, so that the last batch has every report sent
            // before the request.
            let request = self.request.load(Ordering::Acquire);
            if request == GO_ON {
                self.wait(busy, self.events.due_in());
            }
            batch = self.reports.exchange(batch);
            busy = !batch.is_empty();
            // Lines of other threads come first: they may be the cause of the reports.
            writing.write_queued();
            for report in batch.drain(..) {
                self.events.publish(&report);
            }
            batch.shrink_to(USUAL);
            crate::log::count_queue_full(self.reports.take_dropped());
            self.events.write_due();
            if request != GO_ON {
                self.events.finish();
            }
            writing.flush();
            match request {
                GO_ON => {}
                HOLD => return writing.hold(),
                _ => return,
            }
        }
    }

    /// Publishes reports to watchers, since there is no log.
    fn publish_only(&self) {
        while self.request.load(Ordering::Acquire) == GO_ON {
            self.wait(false, None);
            for report in self.reports.exchange(VecDeque::new()) {
                self.events.publish(&report);
            }
        }
    }

    /// Waits until reports have been collected for `GATHER`.
    fn wait(&self, busy: bool, limit: Option<Duration>) {
        // A busy journal polls: a wake-up for each report costs more.
        if !busy {
            self.reports.wait_at_most(limit);
        }
        // `close` unparks the thread.
        std::thread::park_timeout(GATHER);
    }
}
