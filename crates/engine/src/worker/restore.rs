//! Restores sessions of the previous process image: decodes them, claims their descriptors, checks them,
//! and puts them into the table.

use super::Worker;
use crate::context::Context;
use crate::greeting::Greeting;
use crate::hello_state::HelloState;
use crate::holding::Holding;
use crate::preamble;
use crate::proxied::Proxied;
use crate::rule::Route;
use crate::session::{Outcome, RestoredSession, Session};
use crate::slots::Key;
use crate::table::Entry;
use crate::target::Target;
use crate::upgrade::{Destination, TakeOver, address};
use flow::{Direction, LaneState, Peer, ProxyAddresses, ProxyHeader, Race, Stage, Time};
use std::collections::BTreeMap;
use std::sync::Arc;
use sys::Address;
use sys::kernel::{Kernel, Socket as _};

impl<K: Kernel> Worker<K> {
    /// Restores the sessions of one worker of the previous process image.
    pub(crate) fn take_over(&mut self, work: TakeOver) {
        let TakeOver { bytes, destinations, reply } = work;
        let saved: handover::Worker = handover::decode(&bytes).unwrap_or_default();
        let places: Vec<_> = saved.routes.iter().map(|saved| place(saved, &destinations)).collect();
        let mut sessions = Vec::with_capacity(saved.sessions.len());
        let mut numbers = Vec::new();
        for session in saved.sessions {
            let key = Key::from_bits(session.key);
            let place = places.get(session.route as usize).cloned().flatten();
            if let Some(session) = self.restore(&session, place, &mut numbers) {
                sessions.push((key, session));
            }
        }
        let taken = self.resume_all(sessions, saved.next_generation);
        reply(taken);
    }

    /// Restores a session. If its state is damaged, resets it and returns `None`. `numbers` is a scratch
    /// buffer.
    fn restore(
        &mut self,
        saved: &handover::Session,
        place: Option<Place>,
        numbers: &mut Vec<u64>,
    ) -> Option<Session<K>> {
        // Descriptors are claimed before any check, so that damaged sessions can be reset.
        let client = self.context.kernel.claim_socket(saved.client).ok();
        let target = saved.target.and_then(|fd| self.context.kernel.claim_socket(fd).ok());
        let [up, down] = [saved.up.as_ref(), saved.down.as_ref()].map(|held| self.held(held?));
        let flow = handover::unpack(&saved.flow, numbers)
            .then(|| flow::Session::from_numbers(numbers))
            .flatten();
        let connecting = saved.connecting.as_ref();
        self.reset_attempts(connecting);
        let until = connecting.and_then(|saved| Race::end_from_numbers(&saved.attempts));
        let sound = flow.as_ref().is_some_and(|flow| {
            let has_state = place.as_ref().is_some_and(|(_, target)| target.is_some());
            is_whole(flow.stage(), until, target.is_some() && has_state)
                && target.is_some() == saved.target.is_some()
                && is_held(flow, Direction::Up, up.as_deref())
                && is_held(flow, Direction::Down, down.as_deref())
        });
        let (client, (route, target_state), mut flow) = match (client, place, flow) {
            (Some(client), Some(place), Some(flow)) if sound => (client, place, flow),
            (client, ..) => return self.discard_claimed(client, target, [up, down]),
        };
        let target = without_attempt::<K>(&mut flow, target, until);
        // New sessions must get other ids, even if the saved counter was damaged.
        self.context.shared.raise_next_id(saved.id.saturating_add(1));
        let restored = RestoredSession {
            id: saved.id,
            greeting: greeting(saved, flow.stage()),
            flow,
            client,
            target,
            client_address: saved.client_address.as_ref().map_or(Address::UNIX, address),
            target_address: saved.target_address.as_ref().map(address),
            holding: [up, down],
            options_due: saved.options_due,
            attempts: u8::try_from(saved.attempts).unwrap_or(u8::MAX),
        };
        self.context.shared.add_load(self.context.index);
        // Without a connection to a target, it selects one again.
        let selected = target_state.filter(|_| restored.target.is_some());
        let permit = self.context.shared.restored(route, selected);
        let mut session = Session::restore(restored, permit);
        self.context.shared.recount(&mut session, self.context.now);
        Some(session)
    }

    /// Resets the sockets that were being connected: the attempts start again.
    fn reset_attempts(&self, connecting: Option<&handover::Connecting>) {
        let sockets = connecting.map_or(&[][..], |saved| &saved.sockets);
        let sockets = sockets.iter().filter_map(|fd| self.context.kernel.claim_socket(*fd).ok());
        sockets.for_each(K::Socket::reset);
    }

    /// Puts sessions into the table and resumes them. Returns their number by forward.
    fn resume_all(
        &mut self,
        sessions: Vec<(Option<Key>, Session<K>)>,
        next_generation: u32,
    ) -> BTreeMap<String, u64> {
        let mut taken = BTreeMap::new();
        for (_, session) in &sessions {
            *taken.entry(session.route().forward.name.to_string()).or_default() += 1;
        }
        // The inherited epoll instance reports the old keys; new keys would need new registrations.
        let keys: Option<Vec<Key>> = sessions.iter().map(|(key, _)| *key).collect();
        let keys = keys.filter(|_| self.has_registrations);
        let sessions = sessions.into_iter().map(|(_, session)| session);
        let Some(keys) = keys else {
            for session in sessions {
                self.register_and_resume(session);
            }
            return taken;
        };
        let records = keys.iter().copied().zip(sessions).collect();
        for session in self.table.fill(records, next_generation) {
            // Two saved sessions have the same key, by a bug of ours: this one gets a new key.
            self.register_and_resume(session);
        }
        for key in keys {
            self.handle(key, resume);
        }
        taken
    }

    fn register_and_resume(&mut self, session: Session<K>) {
        let key = self.table.insert(session);
        self.handle(key, |entry, context| {
            context.register(entry, Peer::Client)?;
            context.register(entry, Peer::Target)?;
            resume(entry, context)
        });
    }

    /// Resets the claimed sockets, so that no peer mistakes the close for the end of a complete stream.
    fn discard_claimed(
        &mut self,
        client: Option<K::Socket>,
        target: Option<K::Socket>,
        holding: [Option<Box<Holding<K>>>; 2],
    ) -> Option<Session<K>> {
        [client, target].into_iter().flatten().for_each(K::Socket::reset);
        holding.into_iter().flatten().for_each(|holding| self.context.pump.pool.discard(holding));
        None
    }

    fn held(&mut self, saved: &handover::Held) -> Option<Box<Holding<K>>> {
        if let (Some(read), Some(write)) = (saved.pipe_read, saved.pipe_write) {
            let pipe = self.context.kernel.claim_pipe(read, write).ok()?;
            return Some(self.context.pump.pool.adopt(pipe));
        }
        Some(self.context.pump.pool.buffer(&saved.bytes))
    }
}

/// The socket of the connected target. Older versions keep that of an attempt in its place. A session without
/// one is due by the end of its attempts.
fn without_attempt<K: Kernel>(
    flow: &mut flow::Session,
    target: Option<K::Socket>,
    until: Option<Time>,
) -> Option<K::Socket> {
    let is_connecting = matches!(flow.stage(), Stage::Connecting { .. });
    let Some(until) = until.filter(|_| is_connecting) else { return target };
    flow.attempt(until);
    target.into_iter().for_each(K::Socket::reset);
    None
}

fn resume<K: Kernel>(entry: &mut Entry<'_, K>, context: &mut Context<K>) -> Outcome {
    entry.set_timer();
    match entry.session.flow.stage() {
        // They take places in targets and of clients at `Message::Begin`, when those of all sessions are taken.
        Stage::Greeting { .. } | Stage::Connecting { .. } => context.waiting.push(entry.key),
        Stage::Preamble { .. } => return preamble::proceed(entry, context),
        // Its sockets may be ready, and epoll does not repeat edge-triggered events.
        Stage::Relaying | Stage::Flushing { .. } => entry.enqueue(),
    }
    Ok(())
}

/// Whether a session of this stage has its parts: the end of its attempts, or the target's socket.
fn is_whole(stage: Stage, until: Option<Time>, has_target: bool) -> bool {
    match stage {
        Stage::Greeting { .. } => true,
        Stage::Connecting { .. } => until.is_some(),
        Stage::Preamble { .. } | Stage::Relaying | Stage::Flushing { .. } => has_target,
    }
}

/// Whether the lane's count of held bytes agrees with the restored buffer or pipe.
fn is_held<K: Kernel>(
    flow: &flow::Session,
    direction: Direction,
    holding: Option<&Holding<K>>,
) -> bool {
    let lane = flow.lane(direction);
    match holding {
        // The rest of the preamble, which no lane has received.
        _ if direction == Direction::Up && matches!(flow.stage(), Stage::Preamble { .. }) => {
            lane.held() == 0 && matches!(holding, Some(Holding::Buffer(_)))
        }
        None => lane.held() == 0 || lane.state() == LaneState::Broken,
        Some(Holding::Buffer(buffer)) => lane.held() == buffer.unsent().len() as u64,
        Some(Holding::Pipe(_)) => lane.held() > 0,
    }
}

/// The proxy of a client, and the header with which it began.
fn proxied(saved: &handover::Session) -> Option<Proxied> {
    let proxy = saved.proxy_address.as_ref().map(address)?;
    let header = ProxyHeader::read(&saved.proxy_header).ok().flatten();
    let tlvs = header.as_ref().map(|it| it.tlvs_to_pass_on(&saved.proxy_header).into());
    let addresses = header.map_or(ProxyAddresses::Own, |header| header.addresses);
    let header_length = u16::try_from(saved.proxy_header_length).unwrap_or(u16::MAX);
    Some(Proxied { proxy, addresses, tlvs: tlvs.unwrap_or_default(), header_length, claim: None })
}

/// The saved state of the first bytes; `None` for a session without a header or hello.
fn greeting(saved: &handover::Session, stage: Stage) -> Option<Greeting> {
    let proxied = proxied(saved);
    let hello = hello(saved, stage, proxied.as_ref());
    (proxied.is_some() || hello.is_some()).then_some(Greeting { proxied, hello })
}

/// The saved state of the hello. A session in stage *greet* reads the hello again.
fn hello(saved: &handover::Session, stage: Stage, proxied: Option<&Proxied>) -> Option<HelloState> {
    let awaits_header = proxied.is_some_and(|proxied| proxied.header_length == 0);
    let awaits_hello = matches!(stage, Stage::Greeting { .. }) && !awaits_header;
    let server_name = Some(saved.server_name.as_str()).filter(|name| !name.is_empty());
    let is_known = awaits_hello || server_name.is_some();
    is_known.then(|| HelloState { needs: 0, server_name: server_name.map(Into::into) })
}

/// Where saved sessions go: their route, and the target if they have one.
type Place = (Arc<Route>, Option<Arc<Target>>);

/// The route and the target of saved sessions: those of their forward, or else new ones outside of any
/// listener and target set. `None` if the forward is unknown or the target unreadable.
fn place(saved: &handover::Route, destinations: &BTreeMap<String, Destination>) -> Option<Place> {
    let destination = destinations.get(&saved.forward)?;
    let forward = &destination.forward;
    let target = match saved.target.as_str() {
        // The hello of its client is not read, and the listener has only routes.
        "" => None,
        text => Some(forward.targets.at(&text.parse().ok()?)),
    };
    let known = destination.routes.get(saved.listen.as_str());
    let known = known.and_then(|route| route.with_rule(&saved.rule));
    let route = known.unwrap_or_else(|| {
        let listen = saved.listen.as_str().into();
        // A session with a rule has chosen its route.
        let sibling = destination.sibling().filter(|_| saved.rule.is_empty());
        Arc::new(Route::without_listener(forward, listen, target.clone(), sibling))
    });
    Some((route, target))
}
