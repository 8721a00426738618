//! A session as its worker keeps it: the state that decides, the sockets, and what is borrowed.

use crate::counters::Counters;
use crate::forward::{Route, Target};
use crate::holding::Holding;
use crate::permit::Permit;
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

/// A connection that was accepted and admitted: it holds a place in both gates.
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
    /// Where this worker counts for the forward.
    pub(crate) counters: Arc<Counters>,
    /// What holds the bytes of the lanes up and down, while there are any.
    holding: [Option<Box<Holding>>; 2],
    /// Only while connecting.
    pub(crate) connecting: Option<Box<Connecting>>,
    /// When the timing wheel brings the session up next.
    pub(crate) timer: Time,
    /// The target's socket still lacks the options that only a session of some age needs.
    pub(crate) options_due: bool,
    /// In the list of sessions that used up their turn.
    pub(crate) queued: bool,
}

/// What a session goes on with that an image before this one had.
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
    /// Resolved addresses; the route has those that need no resolving.
    pub(crate) resolved: Option<Arc<[SocketAddr]>>,
    /// Why the last attempt failed.
    pub(crate) failure: Option<Failure>,
    /// How often the target's queue was full.
    pub(crate) busy: u8,
}

impl Session {
    pub(crate) fn new(id: u64, accepted: Accepted, worker: usize, now: Time) -> Self {
        let Accepted { socket, address, permit } = accepted;
        let route = permit.route();
        let known = match &route.target {
            Target::Addresses(addresses) => addresses.len(),
            Target::Unix(_) => 1,
            Target::Name(..) => 0,
        };
        let rules = route.forward.rules();
        let attempts = Attempts::new(now, rules.timeouts.connect, known);
        let mut flow = flow::Session::new(now, rules.path, attempts.until());
        drop(rules);
        if address == Address::Unix {
            flow.distrust_short_reads(End::Client);
        }
        if matches!(route.target, Target::Unix(_)) {
            flow.distrust_short_reads(End::Target);
        }
        Self {
            flow,
            id,
            client: socket,
            target: None,
            client_address: address,
            target_address: None,
            counters: Arc::clone(route.forward.counters.of(worker)),
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

    /// The session that an image before this one had.
    pub(crate) fn again(restored: RestoredSession, permit: Permit, worker: usize) -> Self {
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

    /// The forward, and where its sessions go.
    pub(crate) fn route(&self) -> &Arc<Route> {
        self.permit.route()
    }

    /// The target's name is being resolved.
    pub(crate) fn is_waiting_for_name(&self) -> bool {
        let named = matches!(self.route().target, Target::Name(..));
        named && self.connecting.as_ref().is_some_and(|it| it.resolved.is_none())
    }

    /// The socket of one end, if there is one.
    pub(crate) fn socket(&self, end: End) -> Option<BorrowedFd<'_>> {
        match end {
            End::Client => Some(self.client.as_fd()),
            End::Target => self.target.as_ref().map(AsFd::as_fd),
        }
    }

    /// When the session wants to be looked at next; `None` if nothing is due.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let rules = self.route().forward.rules();
        let options = self.options_due.then(|| self.options_at(&rules.options));
        let limits = self.flow.deadline(&rules.timeouts);
        options.into_iter().chain(limits).min()
    }

    /// Whether the wheel may bring the session up too late. Asked once; rules are looked up only then.
    pub(crate) fn needs_timer(&mut self) -> bool {
        self.flow.take_due_earlier() || self.timer == Time::NEVER
    }

    fn options_at(&self, options: &TcpOptions) -> Time {
        let times = [options.keepalive.map(|keepalive| keepalive.idle), options.user_timeout];
        let wait = times.into_iter().flatten().fold(OPTIONS_WAIT, Duration::min);
        self.flow.accepted().after(wait)
    }

    /// Sets the target socket's options, if the session has reached the age for them.
    pub(crate) fn set_options_if_due(&mut self, now: Time) {
        if !self.options_due {
            return;
        }
        let rules = self.route().forward.rules();
        if now < self.options_at(&rules.options) {
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
