//! Steps of the applications, and the rules for each received byte and FIN.

use super::World;
use crate::content::Stream;
use crate::host::Change;
use crate::network::PeerSocket;
use crate::opening::Beginning;
use crate::peer::{ScriptedPeer, Step};
use crate::preface::Preface;
use crate::random::Choices;
use crate::script::{Act, Endpoint, Host, Opening, client_address};
use crate::session::{Session, stream};
use crate::verdict::Circumstances;
use flow::Peer;
use std::sync::Arc;

impl World {
    /// The client of a new session connects.
    pub(crate) fn connect(&mut self, number: u16, endpoint: Endpoint, opening: Opening) {
        if self.sessions.contains_key(&number) {
            return;
        }
        let socket = self.spared(|world| match endpoint.address() {
            Some(address) => PeerSocket::connect(&world.clients, client_address(number), address),
            None => PeerSocket::connect_unix(&world.clients, &endpoint.path()),
        });
        let beginning = Beginning::of(opening, number);
        let mut address = None;
        let client = match socket {
            Ok(socket) => {
                self.owners.insert(socket.connection(), (number, Peer::Client));
                address = socket.local_address();
                let now = self.sim.now();
                if let Some(address) = address {
                    self.clients_by_address.entry(address).or_default().push((now, number));
                }
                let outbound = stream(number, Peer::Client, Arc::clone(&beginning.hello));
                let inbound = stream(number, Peer::Target, Arc::default());
                ScriptedPeer::connecting(socket, beginning.header.clone(), outbound, inbound)
            }
            Err(errno) => ScriptedPeer::not_connected(errno),
        };
        let session = Session::new(number, endpoint, address, beginning, client);
        self.sessions.insert(number, session);
        self.live.insert(number);
        self.disturb();
    }

    pub(crate) fn act(&mut self, number: u16, peer: Peer, act: Act) {
        if let Some(session) = self.sessions.get_mut(&number) {
            session.act(peer, act);
            self.disturb();
        }
    }

    /// Changes the condition of a target's host.
    pub(crate) fn set_host(&mut self, number: u8, state: Host) {
        self.targets.set_host(number, state, self.sim.now());
        let Change { died, lost } = self.spared(|world| {
            world
                .hosts
                .get_mut(usize::from(number))
                .map_or_else(Change::default, |host| host.set(state))
        });
        self.circumstances.network_failed |= matches!(state, Host::Silent | Host::Unreachable);
        for connection in lost {
            let owner = self.owners.get(&connection).filter(|(_, peer)| *peer == Peer::Target);
            let session = owner.and_then(|(number, _)| self.sessions.get_mut(number));
            if let Some(session) = session {
                session.crashed_in_queue |= !session.has_accepted(connection);
            }
        }
        for session in self.sessions.values_mut() {
            session.set_cut_off(number, matches!(state, Host::Silent | Host::Unreachable));
            let targets = session.target.iter_mut().chain(&mut session.strays);
            for target in targets.filter(|target| target.host == number) {
                match state {
                    Host::Dead if died => target.peer.killed(),
                    Host::Crashed => target.peer.crashed(),
                    _ => {}
                }
            }
        }
        self.disturb();
    }

    /// All applications read everything and end their streams; all targets listen.
    pub(crate) fn cooperate(&mut self) {
        (0..crate::script::HOSTS).for_each(|host| self.set_host(host, Host::Up));
        self.sessions.values_mut().for_each(Session::cooperate);
        self.disturb();
    }

    /// A host accepts a connection. False if none waits.
    pub(super) fn host_accepts(&mut self) -> bool {
        let first = self.random.below(u32::try_from(self.hosts.len()).unwrap_or(1)) as usize;
        let mut order = (first..self.hosts.len()).chain(0..first);
        let Some(at) = order.find(|at| self.hosts[*at].can_accept()) else { return false };
        let Some(socket) = self.spared(|world| world.hosts[at].accept()) else { return false };
        self.accepted(socket, u8::try_from(at).unwrap_or(0));
        true
    }

    fn accepted(&mut self, socket: PeerSocket, host: u8) {
        let connection = socket.connection();
        let owner = self.owners.get(&connection).copied();
        self.trace.add(self.sim.now(), "accepted", host.into(), &owner);
        self.disturb();
        let session = owner.and_then(|(number, _)| self.sessions.get_mut(&number));
        match session {
            Some(session) => {
                self.live.insert(session.number);
                let state = &self.hosts[usize::from(host)];
                session.accepted(socket, host, state.is_cut_off());
                if state.resets() {
                    session.reset_by_host(connection);
                }
            }
            // The engine has connected and closed it within one turn.
            None => self.orphans.push(ScriptedPeer::accepted(socket, Stream::default(), None)),
        }
    }

    /// An application takes a step. False if none can.
    pub(super) fn peer_steps(&mut self) -> bool {
        if self.peers_are_idle {
            return false;
        }
        let last = self.sessions.keys().next_back().copied().unwrap_or(0);
        let from = u16::try_from(self.random.below(u32::from(last) + 1)).unwrap_or(0);
        let client_first = self.random.chance(50);
        let order: [Peer; 2] =
            if client_first { [Peer::Client, Peer::Target] } else { [Peer::Target, Peer::Client] };
        let can_step = |number: u16| {
            let session = self.sessions.get(&number)?;
            let can = |peer: &Peer| session.peer(*peer).is_some_and(ScriptedPeer::can_step);
            order.into_iter().find(can).map(|peer| (number, peer))
        };
        let behind = self.live.range(from..).chain(self.live.range(..from));
        let found = behind.copied().find_map(can_step);
        match found {
            Some((number, peer)) => self.peer_step(number, peer),
            None if self.stray_steps() => {}
            None => {
                self.peers_are_idle = true;
                self.forget_closed();
                return false;
            }
        }
        true
    }

    /// Forgets the sessions whose peers have all closed their sockets: none of them takes a step again.
    fn forget_closed(&mut self) {
        let Self { live, sessions, .. } = self;
        let is_open = |session: &Session| session.open_peers().next().is_some();
        live.retain(|number| sessions.get(number).is_some_and(is_open));
    }

    fn peer_step(&mut self, number: u16, peer: Peer) {
        let Self { sim, sessions, random, scratch, circumstances, .. } = self;
        let Some(session) = sessions.get_mut(&number) else { return };
        let Some(scripted) = session.peer_mut(peer) else { return };
        let was_spared = sim.spare(true);
        let step = scripted.step(random, scratch);
        let _ = sim.spare(was_spared);
        check(session, peer, step, *circumstances);
        let part = if peer == Peer::Client { "client" } else { "target" };
        self.trace.add(self.sim.now(), part, number.into(), &step);
    }

    /// An application whose connection the engine has closed for another attempt takes a step.
    fn stray_steps(&mut self) -> bool {
        let Self { sim, sessions, live, orphans, random, scratch, .. } = self;
        let has_step = |session: &Session| session.strays.iter().any(|it| it.peer.can_step());
        let mut numbers = live.iter().copied();
        let number = numbers.find(|number| sessions.get(number).is_some_and(has_step));
        let session = number.and_then(|number| sessions.get_mut(&number));
        let strays = session.into_iter().flat_map(|session| &mut session.strays);
        let mut all = strays.map(|target| &mut target.peer).chain(orphans);
        let Some(stray) = all.find(|stray| stray.can_step()) else { return false };
        let was_spared = sim.spare(true);
        stray.step(random, scratch);
        let _ = sim.spare(was_spared);
        assert_eq!(stray.facts.got, 0, "bytes for a target whose attempt has failed");
        // A FIN would look like the end of a complete stream. A reset of a Unix socket is an ordinary close.
        let is_reset = !stray.facts.fin_received || stray.is_unix();
        assert!(is_reset, "a FIN for a target whose attempt has failed");
        true
    }
}

/// The rules for the last step of an application.
fn check(session: &Session, peer: Peer, step: Step, circumstances: Circumstances) {
    let Some(sink) = session.peer(peer) else { return };
    let source = session.peer(peer.other()).map(|source| &source.facts);
    let Session { number, .. } = session;
    if session.is_opaque {
        return;
    }
    match step {
        Step::Received(_) => {
            let written = source.map_or(0, |source| source.written);
            let received = sink.facts.received;
            assert!(received <= written, "session {number}: more bytes received than sent");
        }
        Step::FinReceived => {
            let is_whole = source
                .is_some_and(|source| source.has_ended() && source.written == sink.facts.received)
                && sink.preface.as_ref().is_none_or(Preface::is_over);
            // A reset of a Unix socket is an ordinary close. A failed accept(2) closes the connection: also one
            // from the process to itself, which no target has accepted.
            let is_excused = session.is_unix(peer) || session.may_be_refused_by_fin(peer);
            let is_lost = source.is_none() && circumstances.calls_failed;
            assert!(
                is_whole || is_excused || is_lost,
                "session {number}: the {peer:?} has received a FIN after an incomplete stream: {:?}, {source:?}",
                sink.facts
            );
        }
        _ => {}
    }
}
