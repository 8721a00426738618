//! A session of the script: its two applications, and the engine's id and record of it.

use crate::content::Stream;
use crate::network::{Connection, PeerSocket};
use crate::opening::Beginning;
use crate::peer::{Leaving, ScriptedPeer};
use crate::preface::Preface;
use crate::progress::Progress;
use crate::random::mix;
use crate::script::{Act, AddressKind, Admission, Endpoint, Limits};
use flow::{CloseReason, Peer, Phase};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use sys::Errno;
use testkit::sim::Closed;

/// One session, from the connect(2) of its client.
pub(crate) struct Session {
    pub(crate) number: u16,
    /// Where its client connects.
    pub(crate) endpoint: Endpoint,
    /// The address of its client; `None` of a Unix socket.
    pub(crate) address: Option<SocketAddr>,
    /// What its client begins with.
    pub(crate) beginning: Beginning,
    /// The streams of both peers.
    streams: [Stream; 2],
    /// Whether the engine takes the header of its client; `None` before the engine has it.
    pub(crate) takes_header: Option<bool>,
    /// What its target gets first, once that is connected.
    preface: Option<Preface>,
    /// Other forwards of the process change what it sends: two sessions of the engine serve it.
    pub(crate) is_opaque: bool,
    pub(crate) client: ScriptedPeer,
    pub(crate) target: Option<Target>,
    /// Applications of targets whose connection the engine has closed for another attempt.
    pub(crate) strays: Vec<Target>,
    /// A host has crashed with its connection unaccepted, which the engine cannot notice.
    pub(crate) crashed_in_queue: bool,
    /// The connection that the engine uses.
    connected: Option<Connection>,
    /// A connection to the process itself, where another session of the engine passes its bytes on.
    passed_on: Option<Connection>,
    /// Acts of the target before its connection is accepted.
    for_target: Vec<Act>,
    /// Its applications read everything and end their streams.
    pub(crate) cooperates: bool,
    /// The engine's id.
    pub(crate) id: Option<u64>,
    /// The operator has killed it.
    pub(crate) killed: bool,
    /// The engine's record.
    pub(crate) record: Option<Record>,
    /// The limits of its forward, in all configurations until its end.
    pub(crate) limits: Vec<Limits>,
    /// Its lists, headers and routes, likewise.
    pub(crate) admissions: Vec<Admission>,
    /// The engine has relayed it.
    pub(crate) was_relaying: bool,
    /// The last progress of its lanes, as the engine counts.
    pub(crate) progress: Progress,
    /// The sockets of the engine that were closed: of the client, and of targets in their order.
    pub(crate) closed: [Vec<Closed>; 2],
    /// An unknown socket that was closed behind that of the client: of its target, if it had one.
    pub(crate) closed_behind: Option<Closed>,
}

/// The application of a target.
pub(crate) struct Target {
    pub(crate) connection: Connection,
    pub(crate) peer: ScriptedPeer,
    /// The number of its host.
    pub(crate) host: u8,
    pub(crate) is_unix: bool,
}

/// The engine's record of a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) reason: CloseReason,
    /// Bytes up and down.
    pub(crate) bytes: [u64; 2],
    /// From acceptance to the end.
    pub(crate) duration: Duration,
    /// From the last progress of a lane to the end.
    pub(crate) quiet: Duration,
    /// The same of the lanes up and down.
    pub(crate) quiet_lanes: [Duration; 2],
}

/// The stream that `peer` of a session sends.
pub(crate) fn stream(session: u16, peer: Peer, beginning: Arc<[u8]>) -> Stream {
    Stream::new(mix(u64::from(session) << 1 | u64::from(peer == Peer::Target)), beginning)
}

impl Session {
    pub(crate) fn new(
        number: u16,
        endpoint: Endpoint,
        address: Option<SocketAddr>,
        beginning: Beginning,
        client: ScriptedPeer,
    ) -> Self {
        let up = stream(number, Peer::Client, Arc::clone(&beginning.hello));
        let down = stream(number, Peer::Target, Arc::default());
        Self {
            number,
            endpoint,
            address,
            beginning,
            streams: [up, down],
            takes_header: None,
            preface: None,
            is_opaque: false,
            client,
            target: None,
            strays: Vec::new(),
            crashed_in_queue: false,
            connected: None,
            passed_on: None,
            for_target: Vec::new(),
            cooperates: false,
            id: None,
            killed: false,
            record: None,
            limits: Vec::new(),
            admissions: Vec::new(),
            was_relaying: false,
            progress: Progress::default(),
            closed: [Vec::new(), Vec::new()],
            closed_behind: None,
        }
    }

    /// Whether the client has connected by a Unix socket.
    pub(crate) fn is_unix(&self, peer: Peer) -> bool {
        match peer {
            Peer::Client => self.endpoint.kind == AddressKind::Unix,
            Peer::Target => self.target.as_ref().is_some_and(|target| target.is_unix),
        }
    }

    /// Whether `peer` is a client that may get a FIN because no target was connected.
    pub(crate) fn may_be_refused_by_fin(&self, peer: Peer) -> bool {
        // The end of a session whose client is not greeted yet is a reset.
        let was_greeted = self.record.is_none_or(|record| record.reason.phase != Phase::Greet);
        peer == Peer::Client && !self.was_relaying && was_greeted
    }

    pub(crate) fn peer(&self, peer: Peer) -> Option<&ScriptedPeer> {
        match peer {
            Peer::Client => Some(&self.client),
            Peer::Target => self.target.as_ref().map(|target| &target.peer),
        }
    }

    pub(crate) fn peer_mut(&mut self, peer: Peer) -> Option<&mut ScriptedPeer> {
        match peer {
            Peer::Client => Some(&mut self.client),
            Peer::Target => self.target.as_mut().map(|target| &mut target.peer),
        }
    }

    /// The stream that `peer` sends.
    pub(crate) fn stream(&self, peer: Peer) -> &Stream {
        &self.streams[usize::from(peer == Peer::Target)]
    }

    /// The engine has begun to serve it, and takes the header of its client or passes it on.
    pub(crate) fn begins(&mut self, takes_header: bool) {
        if self.takes_header.is_some() {
            return;
        }
        self.takes_header = Some(takes_header);
        if !takes_header {
            self.streams[0] = self.streams[0].behind(&self.beginning.header);
            self.client.pass_header_on(self.streams[0].clone());
        }
    }

    /// Its target gets one of these headers first.
    pub(crate) fn expect(&mut self, headers: Vec<Vec<u8>>) {
        let preface = Preface::of(headers);
        for target in self.target.iter_mut().chain(&mut self.strays) {
            target.peer.preface = Some(preface.clone());
        }
        self.preface = Some(preface);
    }

    /// Its target was connected, as far as is known.
    pub(crate) fn was_connected(&self) -> bool {
        self.was_relaying || self.preface.is_some()
    }

    /// Lengths of the headers that its target may get.
    pub(crate) fn preface_lengths(&self) -> Vec<u64> {
        self.preface.as_ref().map_or_else(|| vec![0], |it| it.lengths().collect())
    }

    /// Passes an act to an application; those of a target wait for its connection.
    pub(crate) fn act(&mut self, peer: Peer, act: Act) {
        match self.peer_mut(peer) {
            Some(peer) => peer.act(act),
            None => self.for_target.push(act),
        }
    }

    /// The engine has accepted its own connection: the target is that of the session which passes it on.
    pub(crate) fn pass_on(&mut self, connection: Connection) {
        self.passed_on = Some(connection);
    }

    /// Whether two sessions of the engine serve it, one after the other.
    pub(crate) fn is_passed_on(&self) -> bool {
        self.passed_on.is_some()
    }

    /// The engine uses this connection to a target.
    pub(crate) fn uses(&mut self, connection: Connection) {
        if self.passed_on == Some(connection) {
            return;
        }
        self.connected = Some(connection);
        let used = |target: &Target| target.connection == connection;
        if self.target.as_ref().is_some_and(used) {
            return;
        }
        // Its host may not have accepted it yet.
        let used = self.strays.iter().position(used).map(|at| self.strays.swap_remove(at));
        self.strays.extend(std::mem::replace(&mut self.target, used));
    }

    /// The engine has relayed it, and closed its sockets: that of its target as the last of all targets. Returns
    /// the connection of the target.
    pub(crate) fn has_relayed(&mut self) -> Option<Connection> {
        self.was_relaying = true;
        self.closed[1].extend(self.closed_behind.take());
        let connection = self.closed[1].last()?.connection;
        self.uses(connection);
        Some(connection)
    }

    /// Whether its target has the connection that the engine uses. Unknown while that one is in the accept
    /// queue.
    pub(crate) fn has_used_target(&self) -> bool {
        self.target.as_ref().is_some_and(|target| self.connected == Some(target.connection))
    }

    /// Whether the application of a target has accepted this connection.
    pub(crate) fn has_accepted(&self, connection: Connection) -> bool {
        let mut targets = self.target.iter().chain(&self.strays);
        targets.any(|target| target.connection == connection)
    }

    /// Its target has accepted a connection. The others become strays.
    pub(crate) fn accepted(&mut self, socket: PeerSocket, host: u8, is_cut_off: bool) {
        let [inbound, outbound] = self.streams.clone();
        let inbound = (!self.is_opaque).then_some(inbound);
        let (is_unix, connection) = (socket.is_unix(), socket.connection());
        let mut peer = ScriptedPeer::accepted(socket, outbound, inbound);
        peer.preface.clone_from(&self.preface);
        peer.set_cut_off(is_cut_off && !is_unix);
        self.for_target.iter().for_each(|act| peer.act(*act));
        if self.cooperates {
            peer.cooperate();
        }
        let target = Target { connection, peer, host, is_unix };
        // Several attempts may be accepted in any order.
        if self.connected.is_some_and(|connected| connected != connection) {
            self.strays.push(target);
        } else {
            self.strays.extend(self.target.replace(target));
        }
    }

    /// The host of a target resets a connection.
    pub(crate) fn reset_by_host(&mut self, connection: Connection) {
        let mut targets = self.target.iter_mut().chain(&mut self.strays);
        if let Some(target) = targets.find(|target| target.connection == connection) {
            target.peer.act(Act::Reset);
        }
    }

    /// The host of a target becomes silent or unreachable, or answers again.
    pub(crate) fn set_cut_off(&mut self, host: u8, is_cut_off: bool) {
        let targets = self.target.iter_mut().chain(&mut self.strays);
        for target in targets.filter(|target| target.host == host && !target.is_unix) {
            target.peer.set_cut_off(is_cut_off);
        }
    }

    /// Both applications read everything and end their streams from now on.
    pub(crate) fn cooperate(&mut self) {
        self.cooperates = true;
        self.client.cooperate();
        for target in self.target.iter_mut().chain(&mut self.strays) {
            target.peer.cooperate();
        }
    }

    /// Whether a host of one of its peers has vanished, has lost the connection, or has given it up or reset it
    /// while no segment passed. A host that answers again resets the connection at the next segment, and there
    /// may be none: the FIN may have passed before.
    pub(crate) fn has_lost_a_peer(&self) -> bool {
        let is_lost = |peer: &ScriptedPeer| {
            let facts = &peer.facts;
            let is_gone = matches!(facts.left, Some(Leaving::Vanish | Leaving::Crash));
            // Its kernel may have given up a FIN or a byte that never arrived (seeds 469258, 552544).
            let gave_up = facts.broken == Some(Errno::TIMEDOUT) || facts.was_cut_off;
            is_gone || facts.left_unheard || gave_up
        };
        // Of two attempts to connect, the target that accepted first may be the connected one.
        let targets = self.target.iter().chain(&self.strays).map(|target| &target.peer);
        self.crashed_in_queue || std::iter::once(&self.client).chain(targets).any(is_lost)
    }

    /// Its applications with an open socket.
    pub(crate) fn open_peers(&self) -> impl Iterator<Item = &ScriptedPeer> {
        let targets = self.target.iter().chain(&self.strays).map(|target| &target.peer);
        std::iter::once(&self.client).chain(targets).filter(|peer| peer.is_open())
    }
}
