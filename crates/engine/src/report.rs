//! Reports of the workers: events of sessions, and failures that concern an operator. Workers never
//! write the log: a slow disk must not delay a session.

use crate::down_cause::DownCause;
use crate::mailbox::BoundedMailbox;
use flow::{Cause, ClientLimit, CloseReason, Ending, Prefix, Time, Verdict};
use plan::AccessLists;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use sys::kernel::{Kernel, Linux, Wake};
use sys::{Address, Errno, TcpInfo};

/// Reports that may wait for the reader. Further ones are dropped and counted.
const MOST_WAITING: usize = 16 * 1024;

/// The record of an ended session. It refers to names only: a kept one holds no removed forward or target.
#[derive(Clone, Debug)]
pub struct SessionRecord {
    /// The session's id, unique in this process.
    pub id: u64,
    pub(crate) forward: Arc<str>,
    pub(crate) listener: Arc<str>,
    pub(crate) selected: Option<Arc<str>>,
    /// The client's address.
    pub client: Address,
    /// The address of the proxy whose header names the client.
    pub proxy: Option<Address>,
    pub(crate) server_name: Option<Box<str>>,
    /// The target's address that was connected or tried last; `None` if none was tried.
    pub target_address: Option<Address>,
    /// Number of attempts to connect to targets; 255 stands for more.
    pub attempts: u8,
    /// When the client was accepted.
    pub started: SystemTime,
    /// Close reason, times, bytes and paths.
    pub ending: Ending,
    /// The last verdict.
    pub verdict: Verdict,
    /// The kernel's view of the client's connection at the end; `None` for a Unix socket, and if records were
    /// not reported.
    pub client_tcp: Option<LastTcp>,
    /// The kernel's view of the target's connection at the end, likewise.
    pub target_tcp: Option<LastTcp>,
}

/// The part of [`TcpInfo`] that a record keeps.
#[derive(Clone, Copy, Debug)]
pub struct LastTcp {
    /// Smoothed round-trip time in microseconds.
    pub rtt_micros: u32,
    /// Segments retransmitted since the start of the connection.
    pub retransmits: u32,
}

impl From<TcpInfo> for LastTcp {
    fn from(TcpInfo { rtt, retransmits, .. }: TcpInfo) -> Self {
        Self { rtt_micros: u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX), retransmits }
    }
}

impl SessionRecord {
    /// Name of the forward, as configured.
    pub fn forward(&self) -> &str {
        &self.forward
    }

    /// The listen address, as configured.
    pub fn listener(&self) -> &str {
        &self.listener
    }

    /// The server that the client asked for in its TLS ClientHello, where a route depends on it.
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// The selected target, as configured; `None` if the session ended before one was selected.
    pub fn target(&self) -> Option<&str> {
        self.selected.as_deref()
    }

    /// When the session ended.
    pub fn ended(&self) -> SystemTime {
        self.started.checked_add(self.ending.duration).unwrap_or(self.started)
    }
}

/// One report of a worker.
#[expect(clippy::large_enum_variant, reason = "most reports are records, and a box costs more")]
pub enum Report {
    /// A client was accepted and admitted.
    Accepted {
        /// The session's id, unique in this process.
        id: u64,
        /// Name of the forward, as configured.
        forward: Arc<str>,
        /// The client's address.
        client: Address,
    },
    /// A target was selected, to be tried after or beside those before it.
    Trying {
        /// The session's id, unique in this process.
        id: u64,
        /// Name of the forward, as configured.
        forward: Arc<str>,
        /// The target, as configured.
        target: Arc<str>,
    },
    /// All targets that the session has not tried are full: it waits for a place in one of them.
    Waiting {
        /// The session's id, unique in this process.
        id: u64,
        /// Name of the forward, as configured.
        forward: Arc<str>,
    },
    /// An attempt to connect to a target has failed, or was overtaken by another one.
    AttemptFailed {
        /// The session's id, unique in this process.
        id: u64,
        /// Name of the forward, as configured.
        forward: Arc<str>,
        /// The target, as configured.
        target: Arc<str>,
        /// The address; `None` if the target's name has none.
        address: Option<Address>,
        /// The failure, as the close reason that it would be.
        reason: CloseReason,
    },
    /// The target is connected, and bytes flow.
    Forwarding {
        /// The session's id, unique in this process.
        id: u64,
        /// Name of the forward, as configured.
        forward: Arc<str>,
        /// The connected target, as configured.
        target: Arc<str>,
        /// Its connected address.
        address: Address,
    },
    /// A session has ended. Not boxed: the worker would allocate the box, and the reader would free
    /// memory of another thread.
    Ended(SessionRecord),
    /// Sessions ended because they could not be connected to a target.
    Unreached {
        /// Name of the forward, as configured.
        forward: Arc<str>,
        /// The target tried last, as configured; `None` if none was selected.
        target: Option<Arc<str>>,
        /// Its address of the last attempt of one of them.
        address: Option<Address>,
        /// The close reason of one of them.
        reason: CloseReason,
        /// Such sessions since the last such report.
        count: u64,
        /// When the last of them ended. The report may come later.
        last: Time,
    },
    /// A probe could not connect to a target, before any session has tried.
    Unanswered {
        /// Name of the forward, as configured.
        forward: Arc<str>,
        /// The target, as configured.
        target: Arc<str>,
        /// The failure, as the close reason of a session.
        reason: CloseReason,
        /// When the probe failed. The report may come later.
        at: Time,
    },
    /// A target has taken a session, after others had ended because they could not be connected to it, or a probe
    /// could not connect. Or a probe has connected, after another one could not.
    Reached {
        /// Name of the forward, as configured.
        forward: Arc<str>,
        /// The target, as configured.
        target: Arc<str>,
        /// When it was connected.
        at: Time,
    },
    /// A target is out of use.
    TargetDown {
        /// Name of the forward, as configured.
        forward: Arc<str>,
        /// The target, as configured.
        target: Arc<str>,
        /// Why the last connect or check failed.
        cause: DownCause,
        /// Failed connects or checks in a row.
        failures: u32,
    },
    /// A target that was out of use has taken a session, or its checks succeed.
    TargetUp {
        /// Name of the forward, as configured.
        forward: Arc<str>,
        /// The target, as configured.
        target: Arc<str>,
        /// How long it was reported as down. `None`: it was down until its first check, unreported.
        was_down: Option<Duration>,
    },
    /// Connections were refused by a limit.
    Refused {
        /// Name of the forward, as configured.
        forward: Arc<str>,
        /// The reason, in the form of a session's close reason.
        reason: CloseReason,
        /// The reached limit, in sessions.
        limit: u32,
        /// Sessions of the forward, if it has its share of the process's limit.
        sessions: Option<u32>,
        /// Whether the limit is that of the process.
        is_of_process: bool,
        /// The client refused most often since the last such report; `None` without an address.
        client: Option<Prefix>,
        /// Refused connections since the last such report.
        count: u64,
    },
    /// Clients were refused, because `allow` and `deny` do not allow their addresses, or `accept_proxy` does not
    /// trust them.
    NotAllowed {
        /// Name of the forward, as configured.
        forward: Arc<str>,
        /// The reason, in the form of a session's close reason.
        reason: CloseReason,
        /// Address of the one refused most often since the last such report.
        client: Address,
        /// The lists that refuse it; `None` if `accept_proxy` does.
        lists: Option<AccessLists>,
        /// Refused clients since the last such report.
        count: u64,
    },
    /// Clients were refused by a limit of their own.
    ClientRefused {
        /// Name of the forward, as configured.
        forward: Arc<str>,
        /// The reason, in the form of a session's close reason.
        reason: CloseReason,
        /// The one refused most often since the last such report.
        client: Prefix,
        /// The limit of that client.
        limit: ClientLimit,
        /// Places that it holds.
        places: u32,
        /// Clients refused for this cause since the last such report.
        count: u64,
    },
    /// A listener pauses, because accept(2) failed.
    AcceptFailed {
        /// Name of the forward, as configured.
        forward: Arc<str>,
        /// The error of accept(2).
        errno: Errno,
        /// Failures since the last such report.
        count: u64,
    },
    /// A session was ended, or a lane fell back to copying, for lack of a resource.
    Exhausted {
        /// The close reason's cause that names the missing resource.
        cause: Cause,
        /// The purpose of the resource, for the log.
        needed_for: &'static str,
        /// Occurrences since the last such report.
        count: u64,
    },
}

impl Report {
    /// The report with this count, if it is one of counted occurrences, of which the last was at `latest`.
    pub(crate) fn with_count(mut self, total: u64, latest: Time) -> Self {
        match &mut self {
            Self::Unreached { count, last, .. } => (*count, *last) = (total, latest),
            Self::Refused { count, .. }
            | Self::NotAllowed { count, .. }
            | Self::ClientRefused { count, .. }
            | Self::AcceptFailed { count, .. }
            | Self::Exhausted { count, .. } => *count = total,
            Self::Accepted { .. }
            | Self::Trying { .. }
            | Self::Waiting { .. }
            | Self::AttemptFailed { .. }
            | Self::Forwarding { .. }
            | Self::Ended(_)
            | Self::Unanswered { .. }
            | Self::Reached { .. }
            | Self::TargetDown { .. }
            | Self::TargetUp { .. } => {}
        }
        self
    }
}

/// The workers' end of the queue of reports.
pub(crate) struct Outbox<W> {
    reports: BoundedMailbox<Report, W>,
    dropped: AtomicU64,
}

impl<W: Wake> Outbox<W> {
    /// An empty queue whose reader waits on `waker`.
    pub(crate) fn new(waker: W) -> Self {
        let reports = BoundedMailbox::new(waker, MOST_WAITING);
        Self { reports, dropped: AtomicU64::new(0) }
    }

    /// Sends a report. Drops and counts it if too many wait.
    pub(crate) fn send(&self, report: Report) {
        if self.try_send(report).is_some() {
            self.count_dropped();
        }
    }

    /// Sends a report. Returns it if too many wait.
    #[must_use]
    pub(crate) fn try_send(&self, report: Report) -> Option<Report> {
        self.reports.send(report)
    }

    /// Counts a report that is lost.
    pub(crate) fn count_dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

impl Reports {
    /// Blocks until a report may be there, until [`Reports::wake`], or for this long.
    pub fn wait_at_most(&self, limit: Option<Duration>) {
        self.0.reports.waker().wait_at_most(limit);
    }
}

/// The reader's end of the queue of reports.
pub struct Reports<K: Kernel = Linux>(pub(crate) Arc<Outbox<K::Waker>>);

// Derived, it would require a waker that can be cloned.
impl<K: Kernel> Clone for Reports<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Kernel> Reports<K> {
    /// Takes all waiting reports, in order, without blocking. The memory of `empty` is used for the
    /// following ones.
    pub fn exchange(&self, empty: VecDeque<Report>) -> VecDeque<Report> {
        self.0.reports.exchange(empty)
    }

    /// Ends the reader's current or next [`Reports::wait`].
    pub fn wake(&self) {
        self.0.reports.waker().wake();
    }

    /// Number of reports dropped since the last call, because too many waited.
    pub fn take_dropped(&self) -> u64 {
        self.0.dropped.swap(0, Ordering::Relaxed)
    }
}
