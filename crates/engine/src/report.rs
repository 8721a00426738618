//! Reports of the workers: ended sessions, and failures that matter to an operator. Workers never write
//! a log themselves; a slow disk must not slow a session.

use crate::mailbox::BoundedMailbox;
use crate::rule::Route;
use crate::targets::Target;
use flow::{Cause, CloseReason, Ending};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;
use sys::{Address, Errno, TcpInfo};

/// Reports that may wait to be read. A slower reader loses some, and learns how many.
const MOST_WAITING: usize = 16 * 1024;

/// One ended session.
pub struct SessionRecord {
    /// Unique in this process.
    pub id: u64,
    pub(crate) route: Arc<Route>,
    pub(crate) selected: Option<Arc<Target>>,
    /// Who connected.
    pub client: Address,
    /// The target's address that was connected to, or tried last; `None` if none was.
    pub target_address: Option<Address>,
    /// When the client was accepted.
    pub started: SystemTime,
    /// Reason, times, bytes and paths.
    pub ending: Ending,
    /// The kernel's view of the client's connection at the end.
    pub client_tcp: Option<TcpInfo>,
    /// The kernel's view of the target's connection at the end.
    pub target_tcp: Option<TcpInfo>,
}

impl SessionRecord {
    /// The forward's name.
    pub fn forward(&self) -> &str {
        &self.route.forward.name
    }

    /// The listen address, as configured.
    pub fn listener(&self) -> &str {
        &self.route.listen
    }

    /// The selected target, as configured; empty if the session ended before one was selected.
    pub fn target(&self) -> &str {
        self.selected.as_ref().map_or("", |target| &target.text)
    }
}

/// One report of a worker.
pub enum Report {
    /// A client was accepted and admitted.
    Accepted {
        /// The session.
        id: u64,
        /// The forward's name.
        forward: Arc<str>,
        /// Who connected.
        client: Address,
    },
    /// The target is connected: bytes flow.
    Forwarding {
        /// The session.
        id: u64,
        /// The forward's name.
        forward: Arc<str>,
        /// The address that was connected to.
        target: Address,
    },
    /// A session has ended. In no box: a worker would allocate it, and the reader would have to
    /// give memory of another thread back.
    Ended(SessionRecord),
    /// Connections were refused by a limit; `count` of them since the last such report.
    Refused {
        /// The forward's name.
        forward: Arc<str>,
        /// Why, as a session's close reason would say it.
        reason: CloseReason,
        /// The limit that was reached.
        limit: u32,
        /// How many.
        count: u64,
    },
    /// A listener pauses: accepting failed. `count` times since the last such report.
    AcceptFailed {
        /// The forward's name.
        forward: Arc<str>,
        /// What accept(2) said.
        errno: Errno,
        /// How many times.
        count: u64,
    },
    /// A session was ended, or a lane fell back to copying, for want of a resource; `count` times
    /// since the last such report.
    Exhausted {
        /// What was missing.
        cause: Cause,
        /// What it was needed for.
        needed_for: &'static str,
        /// How many times.
        count: u64,
    },
}

/// The workers' end of the reports.
pub(crate) struct Outbox {
    reports: BoundedMailbox<Report>,
    dropped: AtomicU64,
}

impl Outbox {
    pub(crate) fn new() -> sys::Result<Self> {
        let reports = BoundedMailbox::new(sys::Waker::new()?, MOST_WAITING);
        Ok(Self { reports, dropped: AtomicU64::new(0) })
    }

    pub(crate) fn send(&self, report: Report) {
        if self.reports.send(report).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The reader's end of the reports.
#[derive(Clone)]
pub struct Reports(pub(crate) Arc<Outbox>);

impl Reports {
    /// Waits until there may be reports.
    pub fn wait(&self) {
        self.0.reports.waker().wait();
    }

    /// Takes all reports that have come, in order, without waiting. The room of `empty` is used
    /// for those that follow.
    pub fn exchange(&self, empty: VecDeque<Report>) -> VecDeque<Report> {
        self.0.reports.exchange(empty)
    }

    /// Makes a waiting reader return.
    pub fn wake(&self) {
        self.0.reports.waker().wake();
    }

    /// Reports lost since the last call, because too many waited.
    pub fn take_dropped(&self) -> u64 {
        self.0.dropped.swap(0, Ordering::Relaxed)
    }
}
