//! Lists open sessions, one page of the table per turn, so that no session waits for a long list.

use super::Worker;
use crate::condition::{self, Connections};
use crate::session::Session;
use crate::view::{LaneView, SessionDetail, SessionPage, SessionQuery, SessionView};
use flow::{Direction, LaneState, Peer, Phase, Time};
use std::sync::Arc;
use sys::kernel::{Kernel, Socket as _};

/// Most sessions per page. Each may take two system calls, for `TCP_INFO`.
const VIEWS_PER_PAGE: usize = 128;
/// Most places of the table searched per page.
const PLACES_PER_PAGE: u32 = 4096;

impl<K: Kernel> Worker<K> {
    pub(crate) fn list(&mut self, query: SessionQuery) {
        let end = self.table.slots().places();
        let until = end.min(query.from.saturating_add(PLACES_PER_PAGE));
        let mut views = Vec::new();
        let mut place = query.from;
        while place < until && views.len() < VIEWS_PER_PAGE {
            let key = self.table.slots().key_at(place);
            let session = key.and_then(|key| self.table.entry(key)).map(|entry| entry.session);
            if let Some(session) = session.filter(|session| query.filter.selects(session)) {
                let phase = session.shown_phase(session.flow.phase(), self.draining);
                let (worker, now) = (self.context.index, self.context.now);
                views.push(view(session, phase, (worker, now), query.detail));
            }
            place += 1;
        }
        (query.reply)(SessionPage { views, next: (place < end).then_some(place) });
    }
}

fn view<K: Kernel>(
    session: &Session<K>,
    phase: Phase,
    (worker, now): (usize, Time),
    detail: SessionDetail,
) -> SessionView {
    let flow = &session.flow;
    let half_closed_until = || flow.half_closed_until(&session.rules().timeouts);
    let has_tcp = detail == SessionDetail::Tcp;
    let tcp = |peer| session.socket(peer).filter(|_| has_tcp).and_then(K::Socket::tcp_info);
    let connections = [Peer::Client, Peer::Target].map(tcp);
    let lane = |direction| lane_view(flow, direction, connections, now);
    let [client_tcp, target_tcp] = connections;
    SessionView {
        id: session.id,
        forward: Arc::clone(&session.route().forward.name),
        client: session.client_address,
        proxy: session.proxy(),
        server_name: session.server_name(),
        listener: Arc::clone(&session.route().listen),
        target: session.last_target().map_or_else(Arc::default, |target| Arc::clone(&target.text)),
        target_address: session.target_address,
        phase,
        missing: condition::missing(session),
        half_closed: flow.half_closed_by().map(|peer| (peer, half_closed_until())),
        accepted: flow.accepted(),
        last_byte: flow.last_byte(),
        connect_time: flow.connect_time(),
        first_byte: flow.first_byte(),
        up: lane(Direction::Up),
        down: lane(Direction::Down),
        client_tcp,
        target_tcp,
        worker,
    }
}

fn lane_view(
    flow: &flow::Session,
    direction: Direction,
    connections: Connections,
    now: Time,
) -> LaneView {
    let lane = flow.lane(direction);
    let stalled = flow.stalled(direction, now);
    LaneView {
        bytes: lane.sent(),
        way: flow.way_to(direction.sink()),
        stalled: condition::caused_by_peer(stalled, direction, connections),
        path: lane.path(),
        fallback: lane.fallback(),
        ended: matches!(lane.state(), LaneState::Finished | LaneState::Broken),
    }
}
