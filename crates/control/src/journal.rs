//! Writes what the workers report into the log, in a thread of its own: only this thread waits for
//! a slow disk. It also writes what other threads have to say.

use crate::events::Events;
use crate::report_events::ReportEvents;
use engine::Reports;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long reports are gathered. Each time this thread runs it takes a CPU from somebody, perhaps
/// from a worker: on a busy host that is most of what a record costs, if it is done for a few.
const GATHER: Duration = Duration::from_millis(10);
/// Reports whose room is kept for those that follow: what a busy process sends meanwhile.
const USUAL: usize = 256;

/// The thread that writes.
pub(crate) struct Journal {
    reports: Reports,
    closing: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Journal {
    /// Session records go to the log as long as `logs_sessions` says so, and everything to those
    /// who watch.
    pub(crate) fn start(
        reports: Reports,
        events: Events,
        logs_sessions: Arc<AtomicBool>,
    ) -> std::io::Result<Self> {
        let closing = Arc::new(AtomicBool::new(false));
        let writer = Writer {
            reports: reports.clone(),
            closing: Arc::clone(&closing),
            events: ReportEvents::new(events, logs_sessions),
        };
        let thread =
            std::thread::Builder::new().name("journal".into()).spawn(move || writer.run())?;
        Ok(Self { reports, closing, thread })
    }

    /// Writes what has come so far, and ends.
    pub(crate) fn close(self) {
        self.closing.store(true, Ordering::Release);
        self.reports.wake();
        self.thread.thread().unpark();
        // If it panicked it has said so on standard error.
        let _ = self.thread.join();
    }
}

/// What the thread works with.
struct Writer {
    reports: Reports,
    closing: Arc<AtomicBool>,
    events: ReportEvents,
}

impl Writer {
    fn run(self) {
        let waker = self.reports.clone();
        let writing = crate::log::begin_writing(move || waker.wake());
        let mut batch = VecDeque::new();
        let mut busy = false;
        loop {
            // Asked before the reports are taken: what was sent before closing is among them.
            let last = self.closing.load(Ordering::Acquire);
            if !last {
                // Where reports have come others will: to be woken for them costs more than to look.
                if !busy {
                    self.reports.wait();
                }
                // Until `close` at most: who waits for that does not wait for more to come.
                std::thread::park_timeout(GATHER);
            }
            batch = self.reports.exchange(batch);
            busy = !batch.is_empty();
            // First what others had to say: it may be the cause of what the workers report.
            if let Some(writing) = &writing {
                writing.write_handed_over();
            }
            for report in batch.drain(..) {
                self.events.publish(&report);
            }
            batch.shrink_to(USUAL);
            let dropped = self.reports.take_dropped();
            if dropped > 0 {
                crate::log::count_queue_full(dropped);
                tracing::warn!(dropped, "reports were lost: the log is slower than the sessions");
            }
            if let Some(writing) = &writing {
                writing.flush();
            }
            if last {
                return;
            }
        }
    }
}
