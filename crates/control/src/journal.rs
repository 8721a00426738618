//! Writes what the workers report into the log, in a thread of its own: only this thread waits for
//! a slow disk. It also writes what other threads have to say.

use crate::bulletin::errno_word;
use crate::events::Events;
use engine::{Report, Reports, SessionRecord};
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
            events,
            logs_sessions,
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
    events: Events,
    logs_sessions: Arc<AtomicBool>,
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
                // Those who watch first: they do not wait for a disk.
                crate::bulletin::tell(&self.events, &report);
                self.write(&report);
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

    /// More is reported than the log wants while somebody watches.
    fn write(&self, report: &Report) {
        let wanted = self.logs_sessions.load(Ordering::Relaxed);
        if wanted || !matches!(report, Report::Ended(_)) {
            write(report);
        }
    }
}

fn write(report: &Report) {
    match report {
        Report::Ended(record) => session_ended(record),
        Report::Accepted { id, forward, client } => {
            tracing::debug!(id, forward = &**forward, %client, "client connected");
        }
        Report::Forwarding { id, forward, target } => {
            tracing::debug!(id, forward = &**forward, %target, "forwarding");
        }
        Report::Refused { forward, reason, limit, count } => tracing::warn!(
            forward = &**forward,
            limit,
            count,
            close.by = reason.by.as_str(),
            close.phase = reason.phase.as_str(),
            close.cause = reason.cause.as_str(),
            "connections refused: max_sessions is reached"
        ),
        Report::AcceptFailed { forward, errno, count } => tracing::warn!(
            forward = &**forward,
            error = sys::errno_text(*errno),
            count,
            "accepting failed; clients wait in the kernel's queue, and it is tried again"
        ),
        Report::Exhausted { cause, needed_for, count } => tracing::warn!(
            cause = cause.as_str(),
            needed_for,
            count,
            "a resource of this host is used up: {}",
            cause.explanation()
        ),
    }
}

fn session_ended(record: &SessionRecord) {
    let ending = &record.ending;
    let reason = ending.reason;
    tracing::info!(
        id = record.id,
        forward = record.forward(),
        client = %record.client,
        listener = record.listener(),
        target = record.target(),
        target_address = record.target_address.map(tracing::field::display),
        started = %humantime::format_rfc3339_millis(record.started),
        duration = seconds(ending.duration),
        connect_time = ending.connect_time.map(seconds),
        bytes_up = ending.bytes_up,
        bytes_down = ending.bytes_down,
        path_up = ending.path_up.as_str(),
        path_down = ending.path_down.as_str(),
        fallback_up = ending.fallback_up.as_str(),
        fallback_down = ending.fallback_down.as_str(),
        close.by = reason.by.as_str(),
        close.phase = reason.phase.as_str(),
        close.cause = reason.cause.as_str(),
        close.errno = errno_word(reason),
        client_tcp.rtt = record.client_tcp.map(|tcp| seconds(tcp.rtt)),
        client_tcp.retransmits = record.client_tcp.map(|tcp| tcp.retransmits),
        target_tcp.rtt = record.target_tcp.map(|tcp| seconds(tcp.rtt)),
        target_tcp.retransmits = record.target_tcp.map(|tcp| tcp.retransmits),
        "session ended"
    );
}

/// Times in the log are seconds, to the microsecond.
fn seconds(duration: Duration) -> f64 {
    Duration::from_micros(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)).as_secs_f64()
}
