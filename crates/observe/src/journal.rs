//! Writes what the workers report into the log, in a thread of its own: only this thread waits for
//! a slow disk. It also writes what other threads have to say.

use crate::events::Events;
use crate::report_events::ReportEvents;
use engine::Reports;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long reports are gathered. Each time this thread runs it takes a CPU from somebody, perhaps
/// from a worker: on a busy host that is most of what a record costs, if it is done for a few.
const GATHER: Duration = Duration::from_millis(10);
/// Reports whose room is kept for those that follow: what a busy process sends meanwhile.
const USUAL: usize = 256;

/// Additional time for a journal that writes to a file, since a slow disk still takes every write. A
/// thread that has not ended until then hangs in the kernel.
const FILE_LIMIT: Duration = Duration::from_secs(4);

/// Destination of log lines after the journal's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Every thread writes its own lines.
    Written,
    /// They wait for the next journal, of this image or of the next.
    Held,
}

/// Values of [`Journal::asked`], the request to the thread.
const GO_ON: u8 = 0;
const END: u8 = 1;
const HOLD: u8 = 2;

/// The thread that writes.
pub struct Journal {
    reports: Reports,
    asked: Arc<AtomicU8>,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
    thread: JoinHandle<()>,
}

impl Journal {
    /// Session records go to the log as long as `logs_sessions` says so, and everything to those
    /// who watch.
    pub fn start(
        reports: Reports,
        events: Events,
        logs_sessions: Arc<AtomicBool>,
    ) -> std::io::Result<Self> {
        let asked = Arc::new(AtomicU8::new(GO_ON));
        let (alive, ended) = channel();
        let writer = Writer {
            reports: reports.clone(),
            asked: Arc::clone(&asked),
            events: ReportEvents::new(events, logs_sessions),
        };
        let run = move || {
            writer.run();
            drop(alive);
        };
        let thread = std::thread::Builder::new().name("journal".into()).spawn(run)?;
        Ok(Self { reports, asked, ended, thread })
    }

    /// Writes all reports received so far, and ends the thread. Lines that standard error does not take
    /// within `limit` are lost, and counted.
    ///
    /// # Errors
    ///
    /// Itself, if the thread does not end even then: it hangs in the kernel, as with a file on a disk
    /// that does not answer, and continues when the system call returns.
    pub fn close(self, limit: Duration, after: After) -> Result<(), Self> {
        crate::log::give_up_after(Some(limit));
        self.asked.store(if after == After::Held { HOLD } else { END }, Ordering::Release);
        self.reports.wake();
        self.thread.thread().unpark();
        match self.ended.recv_timeout(limit + FILE_LIMIT) {
            Err(RecvTimeoutError::Timeout) => {
                self.asked.store(GO_ON, Ordering::Release);
                crate::log::give_up_after(None);
                Err(self)
            }
            // It sends nothing. A panic has been printed on standard error.
            _ => Ok(()),
        }
    }

    /// Whether the thread has ended, although it was asked to continue.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }
}

/// Queues the reports received since the journal's end as lines for the next journal.
pub fn hold_reports(reports: &Reports, events: &ReportEvents) {
    reports.exchange(VecDeque::new()).iter().for_each(|report| events.publish(report));
    count_dropped(reports);
}

/// What the thread works with.
struct Writer {
    reports: Reports,
    asked: Arc<AtomicU8>,
    events: ReportEvents,
}

impl Writer {
    fn run(self) {
        let waker = self.reports.clone();
        let Some(writing) = crate::log::begin_writing(move || waker.wake()) else {
            return self.only_tell();
        };
        let mut batch = VecDeque::new();
        let mut busy = false;
        loop {
            // Read before the reports are taken, so that all sent before the request are among them.
            let asked = self.asked.load(Ordering::Acquire);
            if asked == GO_ON {
                self.wait(busy);
            }
            batch = self.reports.exchange(batch);
            busy = !batch.is_empty();
            // First what others had to say: it may be the cause of what the workers report.
            writing.write_handed_over();
            for report in batch.drain(..) {
                self.events.publish(&report);
            }
            batch.shrink_to(USUAL);
            count_dropped(&self.reports);
            writing.flush();
            match asked {
                GO_ON => {}
                HOLD => return writing.hold(),
                _ => return,
            }
        }
    }

    /// Publishes reports to watchers only: there is no log.
    fn only_tell(&self) {
        while self.asked.load(Ordering::Acquire) == GO_ON {
            self.wait(false);
            for report in self.reports.exchange(VecDeque::new()) {
                self.events.publish(&report);
            }
        }
    }

    /// Waits for reports.
    fn wait(&self, busy: bool) {
        // More reports follow soon: a wake-up for each costs more than polling.
        if !busy {
            self.reports.wait();
        }
        // `close` unparks the thread, so it does not wait for this.
        std::thread::park_timeout(GATHER);
    }
}

fn count_dropped(reports: &Reports) {
    let dropped = reports.take_dropped();
    if dropped > 0 {
        crate::log::count_queue_full(dropped);
        tracing::warn!(dropped, "reports were lost: the log is slower than the sessions");
    }
}
