//! A worker's record of a session: the state of crate `flow`, the sockets, the permit, and borrowed
//! buffers.

use crate::counters::Counters;
use crate::holding::Holding;
use crate::permit::Permit;
use crate::rule::Route;
use crate::rules::Rules;
use crate::targets::TargetAddress;
use arc_swap::Guard;
use flow::{Attempts, CloseReason, Direction, Peer, Phase, SocketFailure, Time};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use sys::Address;
use sys::kernel::{Kernel, Socket as _};
use sys::socket::TcpOptions;

/// Age of a session at which keepalive and the user timeout are set on its target's socket, unless they
/// take effect earlier. They cost several system calls, which a session that ends before never needs.
/// (Accepted sockets inherit them from the listener, without system calls.)
const OPTIONS_WAIT: Duration = Duration::from_secs(5);

/// An accepted and admitted connection.
pub(crate) struct Accepted<K: Kernel> {
    pub(crate) socket: K::Socket,
    pub(crate) address: Address,
    pub(crate) permit: Permit,
}

/// Result of a handler: `Err` if the session is over.
pub(crate) type Outcome = Result<(), Over>;

/// Why and how a session ends. Its worker ends it after the handler returns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Over {
    pub(crate) reason: CloseReason,
    /// Both sockets are reset; otherwise they are closed.
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
pub(crate) struct Session<K: Kernel> {
    pub(crate) flow: flow::Session,
    pub(crate) id: u64,
    pub(crate) client: K::Socket,
    pub(crate) target: Option<K::Socket>,
    pub(crate) client_address: Address,
    pub(crate) target_address: Option<Address>,
    pub(crate) permit: Permit,
    /// Counters of this worker for the forward.
    pub(crate) counters: Arc<Counters>,
    /// Bytes received and not yet sent, of the lanes up and down.
    holding: [Option<Box<Holding<K>>>; 2],
    /// `Some` only while connecting.
    pub(crate) connecting: Option<Box<Connecting>>,
    /// Time at which the timing wheel fires for the session; [`Time::NEVER`] if it is not in the wheel.
    pub(crate) timer: Time,
    /// The target's socket lacks the options that are set after [`OPTIONS_WAIT`].
    pub(crate) options_due: bool,
    /// The session is in the run queue.
    pub(crate) queued: bool,
}

/// A checked session of the previous process image, without its permit.
pub(crate) struct RestoredSession<K: Kernel> {
    pub(crate) id: u64,
    pub(crate) flow: flow::Session,
    pub(crate) client: K::Socket,
    pub(crate) target: Option<K::Socket>,
    pub(crate) client_address: Address,
    pub(crate) target_address: Option<Address>,
    pub(crate) holding: [Option<Box<Holding<K>>>; 2],
    pub(crate) connecting: Option<Box<Connecting>>,
    pub(crate) options_due: bool,
}

/// The attempts to connect to a target.
pub(crate) struct Connecting {
    pub(crate) attempts: Attempts,
    /// Addresses of the target's name; `None` before the answer, and for a target without a name.
    pub(crate) resolved: Option<Arc<[SocketAddr]>>,
    /// Failure of the last attempt.
    pub(crate) failure: Option<SocketFailure>,
    /// Number of attempts that found the accept queue of the target's Unix socket full.
    pub(crate) busy: u8,
}

impl<K: Kernel> Session<K> {
    /// Makes a session of an admitted connection. Its target is not selected yet.
    pub(crate) fn new(
        id: u64,
        accepted: Accepted<K>,
        worker: usize,
        now: Time,
        rules: &Rules,
    ) -> Self {
        let Accepted { socket, address, permit } = accepted;
        let attempts = Attempts::new(now, rules.timeouts.connect, 0);
        let mut flow = flow::Session::new(now, rules.path, attempts.until());
        if address.is_unix() {
            flow.distrust_short_reads(Peer::Client);
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

    /// Completes a restored session with its permit.
    pub(crate) fn restore(restored: RestoredSession<K>, permit: Permit, worker: usize) -> Self {
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

    /// The current rules of its forward. A handler of an event loads them at most once.
    pub(crate) fn rules(&self) -> Guard<Arc<Rules>> {
        self.route().forward.rules()
    }

    /// Whether the session waits for the resolver.
    pub(crate) fn is_waiting_for_name(&self) -> bool {
        let target = self.permit.target();
        let is_name = |address: &TargetAddress| matches!(address, TargetAddress::Name(..));
        target.is_some_and(|target| is_name(&target.address))
            && self.connecting.as_ref().is_some_and(|it| it.resolved.is_none())
    }

    /// The socket to `peer`; `None` if the target has no socket yet.
    pub(crate) fn socket(&self, peer: Peer) -> Option<&K::Socket> {
        match peer {
            Peer::Client => Some(&self.client),
            Peer::Target => self.target.as_ref(),
        }
    }

    /// The session's next deadline, if it has one.
    pub(crate) fn deadline(&self, rules: &Rules) -> Option<Time> {
        let options = self.options_due.then(|| self.options_at(&rules.options));
        let limits = self.flow.deadline(&rules.timeouts);
        options.into_iter().chain(limits).min()
    }

    /// Whether the wheel might fire later than the session's deadline: the caller must then set the
    /// timer. Clears the flag behind it.
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
            // A socket that refuses them is broken, and its next call reports that.
            let _ = target.set_tcp_options(&rules.options);
        }
    }

    /// A phase as reported: *relay* becomes *drain* while the forward or the process drains.
    pub(crate) fn shown_phase(&self, phase: Phase, process_drains: bool) -> Phase {
        match phase {
            Phase::Relay if process_drains || self.route().forward.is_draining() => Phase::Drain,
            phase => phase,
        }
    }

    pub(crate) fn holding(&mut self, direction: Direction) -> &mut Option<Box<Holding<K>>> {
        &mut self.holding[direction as usize]
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_idle_session_costs_at_most_256_bytes() {
        let size = crate::slots::slot_size::<super::Session<sys::kernel::Linux>>();
        assert!(size <= 256, "{size}");
    }
}
