//! Looking at open sessions without stopping them: a worker shows a slice of its table at a time,
//! between two turns, so that nobody waits for a long list.

use crate::mail::Message;
use crate::session::Session;
use crate::shared::Shared;
use crate::worker::Worker;
use flow::{Direction, End, Fallback, LaneState, Path, Phase, Time};
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use sys::{Address, TcpInfo, tcp_info};

/// Sessions shown at a time: two system calls for each.
const VIEWS_PER_SLICE: usize = 128;
/// Places of the table that are looked at for them.
const PLACES_PER_SLICE: u32 = 4096;

/// One open session, as it was when its worker showed it.
#[derive(Clone, Debug)]
pub struct SessionView {
    /// Unique in this process.
    pub id: u64,
    /// The forward's name.
    pub forward: Arc<str>,
    /// Who connected.
    pub client: Address,
    /// The listen address, as configured.
    pub listener: Arc<str>,
    /// The target, as configured.
    pub target: Arc<str>,
    /// The target's address that was connected to, or is being tried.
    pub target_address: Option<Address>,
    /// Where in its life it is.
    pub phase: Phase,
    /// Since the client was accepted.
    pub age: Duration,
    /// Since a byte last moved in a lane.
    pub idle: Duration,
    /// From acceptance to the connection with the target; `None` as long as there is none.
    pub connect_time: Option<Duration>,
    /// From client to target.
    pub up: LaneView,
    /// From target to client.
    pub down: LaneView,
    /// The kernel's view of the client's connection; `None` for a Unix socket, and if it is not
    /// wanted.
    pub client_tcp: Option<TcpInfo>,
    /// The same of the target's connection.
    pub target_tcp: Option<TcpInfo>,
    /// The worker that serves it.
    pub worker: usize,
}

/// One direction of an open session.
#[derive(Clone, Copy, Debug)]
pub struct LaneView {
    /// Bytes that the sink's socket took.
    pub bytes: u64,
    /// Bytes received that the sink did not take yet.
    pub held: u64,
    /// How it moves bytes just now.
    pub path: Path,
    /// Why it went from splice to copy.
    pub fallback: Fallback,
    /// Its FIN was passed on, or it broke: no more bytes come.
    pub ended: bool,
}

/// Which sessions are wanted, where `None` does not matter, and how much of them.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// With one of these numbers.
    pub ids: Option<Arc<HashSet<u64>>>,
    /// Of this forward.
    pub forward: Option<Arc<str>>,
    /// With a client at this address.
    pub client: Option<IpAddr>,
    /// Whether what the kernel knows of their connections is wanted, too: two system calls for each.
    pub tcp: bool,
}

impl Wanted {
    fn includes(&self, session: &Session) -> bool {
        let address = || session.client_address.ip().map(|address| address.ip());
        self.ids.as_ref().is_none_or(|ids| ids.contains(&session.id))
            && self.forward.as_ref().is_none_or(|name| session.route().forward.name == *name)
            && self.client.is_none_or(|client| address() == Some(client))
    }
}

/// Some of a worker's sessions.
pub struct Slice {
    /// Those that were wanted.
    pub views: Vec<SessionView>,
    /// Where the next slice begins; `None` if this was the last one.
    pub next: Option<u32>,
}

/// Who gets an answer from a worker.
pub type Reply<T> = Box<dyn FnOnce(T) + Send>;

/// A question to a worker about its sessions.
pub(crate) struct Look {
    wanted: Wanted,
    from: u32,
    reply: Reply<Slice>,
}

/// Looks at a running engine, from any thread.
#[derive(Clone)]
pub struct Observer(pub(crate) Arc<Shared>);

impl Observer {
    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.0.mailboxes.len()
    }

    /// Asks a worker for a slice of its sessions, beginning `from` 0. The reply is called in the
    /// worker's thread, and must be quick. It is dropped uncalled if the worker ends before.
    pub fn look(&self, worker: usize, wanted: Wanted, from: u32, reply: Reply<Slice>) {
        if let Some(mailbox) = self.0.mailboxes.get(worker) {
            // Without a limit a mailbox is never full.
            let _ = mailbox.send(Message::Look(Look { wanted, from, reply }));
        }
    }

    /// Resets the session with this number. Each worker replies whether it had it.
    pub fn kill(&self, id: u64, reply: impl Fn() -> Reply<bool>) {
        self.0.tell_all(|| Message::Kill(id, reply()));
    }

    /// Asks every worker for a sign of life. The reply is called in its thread, and must be quick.
    pub fn ask_all(&self, reply: impl Fn() -> Reply<()>) {
        self.0.tell_all(|| Message::Ping(reply()));
    }

    /// Sessions open now.
    pub fn sessions(&self) -> u32 {
        self.0.gate.taken()
    }

    /// Pipes that the workers have, lent or spare.
    pub fn pipes(&self) -> usize {
        self.0.pipes()
    }

    /// Changes how much is told about sessions.
    pub fn set_detail(&self, detail: crate::Detail) {
        self.0.detail.set(detail);
    }
}

impl Worker {
    pub(crate) fn show(&mut self, look: Look) {
        let end = self.sessions.places();
        let until = end.min(look.from.saturating_add(PLACES_PER_SLICE));
        let mut views = Vec::new();
        let mut place = look.from;
        while place < until && views.len() < VIEWS_PER_SLICE {
            let key = self.sessions.key_at(place);
            let session = key.and_then(|key| self.sessions.get_mut(key));
            if let Some(session) = session.filter(|session| look.wanted.includes(session)) {
                let phase = session.shown_phase(session.flow.phase(), self.draining);
                views.push(view(session, phase, self.index, self.now, look.wanted.tcp));
            }
            place += 1;
        }
        (look.reply)(Slice { views, next: (place < end).then_some(place) });
    }
}

fn view(session: &Session, phase: Phase, worker: usize, now: Time, tcp: bool) -> SessionView {
    let flow = &session.flow;
    let tcp = |end| session.socket(end).filter(|_| tcp).and_then(tcp_info);
    SessionView {
        id: session.id,
        forward: Arc::clone(&session.route().forward.name),
        client: session.client_address,
        listener: Arc::clone(&session.route().listen),
        target: Arc::clone(&session.route().target_text),
        target_address: session.target_address,
        phase,
        age: now.since(flow.accepted()),
        idle: now.since(flow.last_byte()),
        connect_time: flow.connect_time(),
        up: lane_view(flow.lane(Direction::Up)),
        down: lane_view(flow.lane(Direction::Down)),
        client_tcp: tcp(End::Client),
        target_tcp: tcp(End::Target),
        worker,
    }
}

fn lane_view(lane: &flow::Lane) -> LaneView {
    LaneView {
        bytes: lane.sent(),
        held: lane.held(),
        path: lane.path(),
        fallback: lane.fallback(),
        ended: matches!(lane.state(), LaneState::Finished | LaneState::Broken),
    }
}
