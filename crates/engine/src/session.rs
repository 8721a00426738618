//! A worker's record of a session: the deciding state, the sockets, the permit, and borrowed buffers.

use crate::counters::Counters;
use crate::holding::Holding;
use crate::permit::Permit;
use crate::rule::Route;
use crate::rules::Rules;
use crate::targets::TargetAddress;
use arc_swap::Guard;
use flow::{Attempts, CloseReason, Direction, End, Failure, Phase, Time};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use sys::Address;
use sys::socket::TcpOptions;

/// Keepalive and the like are set on the target's socket when its session is this old, or when
/// they could first matter. They take several system calls, and mean nothing to a session that is
/// over by then. (Accepted sockets inherit them for nothing.)
const OPTIONS_WAIT: Duration = Duration::from_secs(5);

/// An accepted and admitted connection.
pub(crate) struct Accepted {
    pub(crate) socket: OwnedFd,
    pub(crate) address: Address,
    pub(crate) permit: Permit,
}

/// Whether a session goes on.
pub(crate) type Outcome = Result<(), Over>;

/// A session is over: its worker ends it as soon as the event is handled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Over {
    pub(crate) reason: CloseReason,
    /// Both sides are reset; otherwise they are closed in order.
    pub(crate) abort: bool,
}

impl Over {
    pub(crate) fn reset(reason: CloseReason) -> Self {
        Self { reason, abort: true }
    }

    pub(crate) fn closed(reason: CloseReason) -> Self {
        Self { reason, abort: false }
    }
}

/// One forwarded connection.
pub(crate) struct Session {
    pub(crate) flow: flow::Session,
    pub(crate) id: u64,
    pub(crate) client: OwnedFd,
    pub(crate) target: Option<OwnedFd>,
    pub(crate) client_address: Address,
    pub(crate) target_address: Option<Address>,
    pub(crate) permit: Permit,
    /// This worker's counters of the forward.
    pub(crate) counters: Arc<Counters>,
    /// Bytes of the lanes up and down that were received and not sent.
    holding: [Option<Box<Holding>>; 2],
    /// Only while connecting.
    pub(crate) connecting: Option<Box<Connecting>>,
    /// When the timing wheel fires for the session.
    pub(crate) timer: Time,
    /// The target's socket still lacks the options that only a session of some age needs.
    pub(crate) options_due: bool,
    /// In the run queue.
    pub(crate) queued: bool,
}

/// A session of the previous process image, checked, without its permit.
pub(crate) struct RestoredSession {
    pub(crate) id: u64,
    pub(crate) flow: flow::Session,
    pub(crate) client: OwnedFd,
    pub(crate) target: Option<OwnedFd>,
    pub(crate) client_address: Address,
    pub(crate) target_address: Option<Address>,
    pub(crate) holding: [Option<Box<Holding>>; 2],
    pub(crate) connecting: Option<Box<Connecting>>,
    pub(crate) options_due: bool,
}

/// The attempts to connect to a target.
pub(crate) struct Connecting {
    pub(crate) attempts: Attempts,
    /// Addresses of the target's name; `None` for a target that needs no look-up.
    pub(crate) resolved: Option<Arc<[SocketAddr]>>,
    /// Why the last attempt failed.
    pub(crate) failure: Option<Failure>,
    /// How often the target's queue was full.
    pub(crate) busy: u8,
}

impl Session {
    /// A session of an admitted connection, under its forward's rules. Its target is not selected yet.
    pub(crate) fn new(
        id: u64,
        accepted: Accepted,
        worker: usize,
        now: Time,
        rules: &Rules,
    ) -> Self {
        let Accepted { socket, address, permit } = accepted;
        let attempts = Attempts::new(now, rules.timeouts.connect, 0);
        let mut flow = flow::Session::new(now, rules.path, attempts.until());
        if address.is_unix() {
            flow.distrust_short_reads(End::Client);
        }
        Self {
            flow,
            id,
            client: socket,
            target: None,
            client_address: address,
            target_address: None,
            counters: Arc::clone(permit.route().forward.counters.of(worker)),
            permit,
            holding: [None, None],
            connecting: Some(Box::new(Connecting {
                attempts,
                resolved: None,
                failure: None,
                busy: 0,
            })),
            timer: Time::NEVER,
            options_due: false,
            queued: false,
        }
    }

    /// A session of the previous process image.
    pub(crate) fn restore(restored: RestoredSession, permit: Permit, worker: usize) -> Self {
        Self {
            flow: restored.flow,
            id: restored.id,
            client: restored.client,
            target: restored.target,
            client_address: restored.client_address,
            target_address: restored.target_address,
            counters: Arc::clone(permit.route().forward.counters.of(worker)),
            permit,
            holding: restored.holding,
            connecting: restored.connecting,
            timer: Time::NEVER,
            options_due: restored.options_due,
            queued: false,
        }
    }

    /// The session's forward and listen address.
    pub(crate) fn route(&self) -> &Arc<Route> {
        self.permit.route()
    }

    /// The rules of its forward now. A handler of an event looks them up at most once.
    pub(crate) fn rules(&self) -> Guard<Arc<Rules>> {
        self.route().forward.rules()
    }

    /// The target's name is being resolved.
    pub(crate) fn is_waiting_for_name(&self) -> bool {
        let target = self.permit.target();
        let is_name = |address: &TargetAddress| matches!(address, TargetAddress::Name(..));
        target.is_some_and(|target| is_name(&target.address))
            && self.connecting.as_ref().is_some_and(|it| it.resolved.is_none())
    }

    /// The socket of one end, if there is one.
    pub(crate) fn socket(&self, end: End) -> Option<BorrowedFd<'_>> {
        match end {
            End::Client => Some(self.client.as_fd()),
            End::Target => self.target.as_ref().map(AsFd::as_fd),
        }
    }

    /// The session's next deadline; `None` if there is none.
    pub(crate) fn deadline(&self, rules: &Rules) -> Option<Time> {
        let options = self.options_due.then(|| self.options_at(&rules.options));
        let limits = self.flow.deadline(&rules.timeouts);
        options.into_iter().chain(limits).min()
    }

    /// Whether the wheel may fire too late for the session. Clears the reason, which the caller sees to.
    pub(crate) fn needs_timer(&mut self) -> bool {
        self.flow.take_due_earlier() || self.timer == Time::NEVER
    }

    fn options_at(&self, options: &TcpOptions) -> Time {
        let times = [options.keepalive.map(|keepalive| keepalive.idle), options.user_timeout];
        let wait = times.into_iter().flatten().fold(OPTIONS_WAIT, Duration::min);
        self.flow.accepted().after(wait)
    }

    /// Sets the target socket's options, if the session has reached the age for them.
    pub(crate) fn set_options_if_due(&mut self, now: Time, rules: &Rules) {
        if !self.options_due || now < self.options_at(&rules.options) {
            return;
        }
        self.options_due = false;
        if let Some(target) = &self.target {
            // A socket that refuses them is broken, and will say so by itself.
            let _ = sys::socket::set_tcp_options(target.as_fd(), &rules.options);
        }
    }

    /// A phase as it is reported: relaying while the forward or the process drains is draining.
    pub(crate) fn shown_phase(&self, phase: Phase, process_drains: bool) -> Phase {
        match phase {
            Phase::Relay if process_drains || self.route().forward.is_draining() => Phase::Drain,
            phase => phase,
        }
    }

    pub(crate) fn holding(&mut self, direction: Direction) -> &mut Option<Box<Holding>> {
        &mut self.holding[direction as usize]
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_idle_session_costs_at_most_256_bytes() {
        let size = crate::slots::slot_size::<super::Session>();
        assert!(size <= 256, "{size}");
    }
}
