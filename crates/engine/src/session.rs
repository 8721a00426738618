//! A worker's record of a session: the state of crate `flow`, the sockets, the permit, and borrowed
//! buffers.

use crate::connecting::Connecting;
use crate::counters::Counters;
use crate::greeting::Greeting;
use crate::hello_state::HelloState;
use crate::holding::Holding;
use crate::permit::{Claim, Permit};
use crate::proxied::Proxied;
use crate::rule::Route;
use crate::rules::Rules;
use crate::target::Target;
use arc_swap::Guard;
use flow::{CloseReason, Direction, Peer, Phase, Stage, Time};
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
    /// Whether the client speaks MPTCP.
    pub(crate) is_mptcp: bool,
    pub(crate) permit: Permit,
    /// Its claim to a place in a target, where clients wait for one.
    pub(crate) claim: Option<Claim>,
    /// The generation of the rules by which its client is counted.
    pub(crate) counted_by: u32,
}

/// Result of a handler: `Err` if the session is over.
pub(crate) type Outcome = Result<(), Over>;

/// Why and how a session ends. Its worker ends it after the handler returns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Over {
    pub(crate) reason: CloseReason,
    /// Both sockets are reset; otherwise they are closed.
    pub(crate) abort: bool,
    /// It has a session record.
    pub(crate) has_record: bool,
}

impl Over {
    pub(crate) fn reset(reason: CloseReason) -> Self {
        Self { reason, abort: true, has_record: true }
    }

    pub(crate) fn closed(reason: CloseReason) -> Self {
        Self { reason, abort: false, has_record: true }
    }

    /// The end of a client that is refused, or has asked for nothing.
    pub(crate) fn without_record(reason: CloseReason, abort: bool) -> Self {
        Self { reason, abort, has_record: false }
    }
}

/// One forwarded connection.
pub(crate) struct Session<K: Kernel> {
    pub(crate) flow: flow::Session,
    pub(crate) id: u64,
    pub(crate) client: K::Socket,
    pub(crate) target: Option<K::Socket>,
    /// The client's address: of its connection, or of the header with which a proxy began.
    pub(crate) client_address: Address,
    pub(crate) target_address: Option<Address>,
    pub(crate) permit: Permit,
    /// Bytes received and not yet sent, of the lanes up and down.
    holding: [Option<Box<Holding<K>>>; 2],
    /// `Some` if the first bytes of its client mean something here.
    pub(crate) greeting: Option<Box<Greeting>>,
    /// `Some` only while connecting.
    pub(crate) connecting: Option<Box<Connecting<K>>>,
    /// Time at which the timing wheel fires for the session; [`Time::NEVER`] if it is not in the wheel.
    pub(crate) timer: Time,
    /// Number of attempts to connect; 255 stands for more.
    pub(crate) attempts: u8,
    pub(crate) flags: Flags,
}

/// Two flags in one byte, so that a session stays small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(u8);

impl Flags {
    const OPTIONS_DUE: u8 = 1;
    const QUEUED: u8 = 2;

    /// The target's socket lacks the options that are set after [`OPTIONS_WAIT`].
    pub(crate) fn options_due(self) -> bool {
        self.0 & Self::OPTIONS_DUE != 0
    }

    pub(crate) fn set_options_due(&mut self, due: bool) {
        self.set(Self::OPTIONS_DUE, due);
    }

    /// The session is in the run queue.
    pub(crate) fn queued(self) -> bool {
        self.0 & Self::QUEUED != 0
    }

    pub(crate) fn set_queued(&mut self, queued: bool) {
        self.set(Self::QUEUED, queued);
    }

    fn set(&mut self, flag: u8, value: bool) {
        self.0 = if value { self.0 | flag } else { self.0 & !flag };
    }
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
    pub(crate) options_due: bool,
    pub(crate) attempts: u8,
    pub(crate) greeting: Option<Greeting>,
}

impl<K: Kernel> Session<K> {
    /// Makes a session of an admitted connection. Its target is not selected yet: the caller has taken the claim.
    pub(crate) fn new(id: u64, accepted: Accepted<K>, now: Time, rules: &Rules) -> Self {
        let Accepted { socket, address, is_mptcp, permit, .. } = accepted;
        let mut flow = flow::Session::new(now, rules.path, now.after(rules.timeouts.connect));
        if address.is_unix() {
            flow.distrust_short_reads(Peer::Client);
        }
        if is_mptcp {
            flow.prefer_copying_from(Peer::Client);
        }
        Self {
            flow,
            id,
            client: socket,
            target: None,
            client_address: address,
            target_address: None,
            permit,
            holding: [None, None],
            greeting: None,
            connecting: None,
            timer: Time::NEVER,
            attempts: 0,
            flags: Flags::default(),
        }
    }

    /// Completes a restored session with its permit.
    pub(crate) fn restore(restored: RestoredSession<K>, permit: Permit) -> Self {
        let mut flags = Flags::default();
        flags.set_options_due(restored.options_due);
        Self {
            flow: restored.flow,
            id: restored.id,
            client: restored.client,
            target: restored.target,
            client_address: restored.client_address,
            target_address: restored.target_address,
            permit,
            holding: restored.holding,
            greeting: restored.greeting.map(Box::new),
            connecting: None,
            timer: Time::NEVER,
            attempts: restored.attempts,
            flags,
        }
    }

    /// The counters of its worker for the forward.
    pub(crate) fn counters(&self, worker: usize) -> &Counters {
        self.route().forward.counters.of(worker)
    }

    /// The address of the proxy whose header names the client.
    pub(crate) fn proxy(&self) -> Option<Address> {
        self.proxied().filter(|it| it.names_client()).map(|proxied| proxied.proxy)
    }

    /// The server that the client asked for in its ClientHello, where that was read.
    pub(crate) fn server_name(&self) -> Option<Box<str>> {
        self.hello()?.server_name.clone()
    }

    /// `Some` if its client had to begin with a PROXY header.
    pub(crate) fn proxied(&self) -> Option<&Proxied> {
        self.greeting.as_ref()?.proxied.as_ref()
    }

    /// The same, to record what the header states.
    pub(crate) fn proxied_mut(&mut self) -> Option<&mut Proxied> {
        self.greeting.as_mut()?.proxied.as_mut()
    }

    /// The address that lists, shares and limits decide about. A PROXY header with Unix paths states none, and its
    /// client counts as the proxy does.
    pub(crate) fn limited_address(&self) -> Address {
        let own = || self.proxied().map_or(self.client_address, |proxied| proxied.proxy);
        if self.client_address.ip().is_some() { self.client_address } else { own() }
    }

    /// Whether its client has not sent its PROXY header yet.
    pub(crate) fn awaits_header(&self) -> bool {
        matches!(self.flow.stage(), Stage::Greeting { .. }) && self.hello().is_none()
    }

    /// `Some` if its route depends on the ClientHello of its client.
    pub(crate) fn hello(&self) -> Option<&HelloState> {
        self.greeting.as_ref()?.hello.as_ref()
    }

    /// The same, for a session in which the hello is awaited.
    pub(crate) fn hello_mut(&mut self) -> &mut HelloState {
        self.greeting.get_or_insert_default().hello.get_or_insert_default()
    }

    /// The session's forward and listen address.
    pub(crate) fn route(&self) -> &Arc<Route> {
        self.permit.route()
    }

    /// Its target: the selected one or, while it waits for a place, the one tried last.
    pub(crate) fn last_target(&self) -> Option<&Arc<Target>> {
        let last = || Some(&self.connecting.as_ref()?.rounds.last()?.target);
        self.permit.target().or_else(last)
    }

    /// The current rules of its forward. A handler of an event loads them at most once.
    pub(crate) fn rules(&self) -> Guard<Arc<Rules>> {
        self.route().forward.rules()
    }

    /// Whether the session waits for the resolver.
    pub(crate) fn is_waiting_for_name(&self) -> bool {
        self.connecting.as_ref().is_some_and(|it| it.is_waiting_for_name())
    }

    /// Whether the session waits for a place in a target.
    pub(crate) fn is_waiting_for_place(&self) -> bool {
        self.connecting.as_ref().is_some_and(|it| it.race.is_waiting_for_place())
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
        let options = self.flags.options_due().then(|| self.options_at(&rules.options));
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
        if !self.flags.options_due() || now < self.options_at(&rules.options) {
            return;
        }
        self.flags.set_options_due(false);
        if let Some(target) = &self.target {
            // A socket that refuses them is broken, and its next call reports that.
            let _ = target.set_tcp_options(&rules.options);
        }
    }

    /// Begins to pace the bytes of a direction, on a socket without a rate.
    pub(crate) fn pace(&self, direction: Direction, rules: &Rules) {
        if rules.pacing.of(direction).is_some() {
            self.set_rate(direction, rules);
        }
    }

    /// Sets the rate of a direction on the socket that its bytes are sent to, if there is one yet.
    pub(crate) fn set_rate(&self, direction: Direction, rules: &Rules) {
        if let Some(socket) = self.socket(direction.sink()) {
            // A socket that refuses it is broken, and its next call reports that.
            let _ = socket.set_pacing_rate(rules.pacing.of(direction));
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
