//! Taking over: what the image before has written down becomes sessions again.

use super::address::{address, socket_address};
use crate::forward::{Forward, Route};
use crate::mail::Message;
use crate::permit::Permit;
use crate::running::Unbound;
use crate::session::{Connecting, Heirloom, Session};
use crate::slots::Key;
use crate::view::Reply;
use crate::worker::Worker;
use crate::{Engine, holding::Holding};
use flow::{Attempts, Direction, End, Failure, Lane, LaneState, Stage};
use rustix::fd::OwnedFd;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use sys::inherit::claim;
use sys::socket::reset;
use sys::{Address, Pipe};

/// How long the workers may take to take their sessions over. They need milliseconds.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// All that the image before has left to the engine.
#[derive(Default)]
pub struct Inheritance {
    /// The forwards, and what was counted.
    pub forwards: handover::Forwards,
    /// The sessions, by worker: each an encoded [`handover::Worker`].
    pub workers: Vec<Vec<u8>>,
    /// Listening sockets that are not written down, because what was is damaged.
    pub sockets: Vec<OwnedFd>,
}

/// What came of taking over.
#[derive(Debug)]
pub struct TakenOver {
    /// Sessions that go on.
    pub sessions: u64,
    /// Sessions that could not be read, and were reset.
    pub lost: u64,
    /// Forwards that could not be bound, and are skipped.
    pub unbound: Vec<Unbound>,
}

/// What a worker is to take over.
pub(crate) struct TakeOver {
    bytes: Vec<u8>,
    forwards: Arc<HashMap<String, Arc<Forward>>>,
    reply: Reply<HashMap<String, u64>>,
}

impl Engine {
    /// Like the first [`Engine::apply`], going on with what the image before had. Nothing can fail
    /// here any more that would be worth ending the sessions: a forward that cannot be bound is
    /// skipped.
    pub fn take_over(
        &mut self,
        forwards: &[Arc<plan::Forward>],
        inheritance: Inheritance,
    ) -> TakenOver {
        let Inheritance { forwards: saved, workers, sockets } = inheritance;
        let open_before = open_sessions(&saved);
        let (arranged, unbound) = self.forwards.take_over(forwards, saved, sockets, &self.shared);
        let by_name: HashMap<String, Arc<Forward>> =
            self.forwards.all().map(|forward| (forward.name.to_string(), forward)).collect();
        let by_name = Arc::new(by_name);
        // Before anybody is accepted: these have their places within the limits already.
        let taken = self.hand_out(workers, &by_name);
        let lost = settle(&by_name, &open_before, &taken);
        // What is skipped was skipped before.
        arranged.take_effect(&self.shared);
        self.shared.tell_all(|| Message::Begin);
        TakenOver { sessions: taken.values().sum(), lost, unbound }
    }

    /// Gives the sessions to the workers. Returns how many each forward has again.
    fn hand_out(
        &self,
        workers: Vec<Vec<u8>>,
        forwards: &Arc<HashMap<String, Arc<Forward>>>,
    ) -> HashMap<String, u64> {
        let (sender, replies) = mpsc::channel();
        let count = workers.len();
        for (index, bytes) in workers.into_iter().enumerate() {
            let sender = sender.clone();
            let forwards = Arc::clone(forwards);
            let reply: Reply<_> = Box::new(move |taken| _ = sender.send(taken));
            let mailbox = &self.shared.mailboxes[index % self.shared.mailboxes.len()];
            // Without a limit a mailbox is never full.
            let _ = mailbox.send(Message::TakeOver(TakeOver { bytes, forwards, reply }));
        }
        let until = Instant::now() + ANSWER_LIMIT;
        let mut taken = HashMap::new();
        for _ in 0..count {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(of_worker) = replies.recv_timeout(left) else { break };
            for (name, count) in of_worker {
                *taken.entry(name).or_default() += count;
            }
        }
        taken
    }
}

/// Has the counters agree with the sessions that are there, by forward. Returns how many were lost.
fn settle(
    forwards: &HashMap<String, Arc<Forward>>,
    counted: &HashMap<String, u64>,
    taken: &HashMap<String, u64>,
) -> u64 {
    let number = |of: &HashMap<String, u64>, name| of.get(name).copied().unwrap_or(0);
    for (name, forward) in forwards {
        let (counted, taken) = (number(counted, name), number(taken, name));
        match counted.cmp(&taken) {
            Ordering::Greater => forward.counters.of(0).lost(counted - taken),
            // What was counted cannot be read: the sessions are there all the same.
            Ordering::Less => forward.counters.of(0).opened_before(taken - counted),
            Ordering::Equal => {}
        }
    }
    counted.iter().map(|(name, counted)| counted.saturating_sub(number(taken, name))).sum()
}

/// By forward, as they were counted.
fn open_sessions(saved: &handover::Forwards) -> HashMap<String, u64> {
    let open = |forward: &handover::Forward| {
        let totals = forward.totals.as_ref().map(super::tally::totals);
        (forward.name.clone(), totals.map_or(0, |totals| totals.open()))
    };
    saved.forwards.iter().map(open).collect()
}

impl Worker {
    /// Goes on with the sessions of a worker of the image before.
    pub(crate) fn take_over(&mut self, work: TakeOver) {
        let TakeOver { bytes, forwards, reply } = work;
        let saved: handover::Worker = handover::decode(&bytes).unwrap_or_default();
        let routes: Vec<_> = saved.routes.iter().map(|saved| route(saved, &forwards)).collect();
        let mut sessions = Vec::with_capacity(saved.sessions.len());
        let mut numbers = Vec::new();
        for session in saved.sessions {
            let key = Key::from_bits(session.key);
            let route = routes.get(session.route as usize).cloned().flatten();
            if let Some(session) = self.again(&session, route, &mut numbers) {
                sessions.push((key, session));
            }
        }
        let taken = self.go_on_with(sessions, saved.next_generation);
        reply(taken);
    }

    /// Makes a session of what was written down. `None` if it cannot be, and was reset. `numbers` is
    /// room to work in.
    fn again(
        &mut self,
        saved: &handover::Session,
        route: Option<Arc<Route>>,
        numbers: &mut Vec<u64>,
    ) -> Option<Session> {
        // Whatever is wrong with the rest: what is claimed here is given up properly.
        let client = claim(saved.client).ok();
        let target = saved.target.and_then(|fd| claim(fd).ok());
        let [up, down] = [saved.up.as_ref(), saved.down.as_ref()].map(|held| self.held(held?));
        let flow = handover::unpack(&saved.flow, numbers)
            .then(|| flow::Session::from_numbers(numbers))
            .flatten();
        let connecting = saved.connecting.as_ref().and_then(connecting);
        let sound = flow.as_ref().is_some_and(|flow| {
            let relaying = !matches!(flow.stage(), Stage::Connecting { .. });
            let whole = if relaying { target.is_some() } else { connecting.is_some() };
            whole
                && target.is_some() == saved.target.is_some()
                && is_held(flow.lane(Direction::Up), up.as_deref())
                && is_held(flow.lane(Direction::Down), down.as_deref())
        });
        let (client, route, flow) = match (client, route, flow) {
            (Some(client), Some(route), Some(flow)) if sound => (client, route, flow),
            (client, ..) => return self.give_up_claimed(client, target, [up, down]),
        };
        // Those that follow get other numbers, also if nobody knows any more which was the last.
        self.shared.number_from(saved.id.saturating_add(1));
        let heirloom = Heirloom {
            id: saved.id,
            flow,
            client,
            target,
            client_address: saved.client_address.as_ref().map_or(Address::Unix, address),
            target_address: saved.target_address.as_ref().map(address),
            holding: [up, down],
            connecting: connecting.map(Box::new),
            options_due: saved.options_due,
        };
        self.shared.add_load(self.index);
        let permit = Permit::restored(&route, &self.shared);
        Some(Session::again(heirloom, permit, self.index))
    }

    /// Puts sessions into the table, and has them looked at. Returns how many each forward has.
    fn go_on_with(
        &mut self,
        sessions: Vec<(Option<Key>, Session)>,
        next_generation: u32,
    ) -> HashMap<String, u64> {
        let mut taken = HashMap::new();
        for (_, session) in &sessions {
            *taken.entry(session.route().forward.name.to_string()).or_default() += 1;
        }
        // What is registered is known by its key. New keys would need new registrations.
        let keys: Option<Vec<Key>> = sessions.iter().map(|(key, _)| *key).collect();
        let keys = keys.filter(|_| self.has_registrations);
        let sessions = sessions.into_iter().map(|(_, session)| session);
        let Some(keys) = keys else {
            for session in sessions {
                self.register_and_go_on(session);
            }
            return taken;
        };
        let records = keys.iter().copied().zip(sessions).collect();
        for session in self.sessions.fill(records, next_generation) {
            // Two with one key: impossible, and this one has another from now on.
            self.register_and_go_on(session);
        }
        for key in keys {
            self.go_on(key);
        }
        taken
    }

    fn register_and_go_on(&mut self, session: Session) {
        let has_target = session.target.is_some();
        let key = self.sessions.insert(|_| session);
        if self.register(key, End::Client) && (!has_target || self.register(key, End::Target)) {
            self.go_on(key);
        }
    }

    fn go_on(&mut self, key: Key) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        if session.is_waiting_for_name() {
            return self.connect(key);
        }
        let connecting = matches!(session.flow.stage(), Stage::Connecting { .. });
        self.set_timer(key);
        if !connecting {
            // It may have something to do that no event announces.
            self.wait_for_share(key);
        }
    }

    /// Nobody must take an end of this for the end of a stream.
    fn give_up_claimed(
        &mut self,
        client: Option<OwnedFd>,
        target: Option<OwnedFd>,
        holding: [Option<Box<Holding>>; 2],
    ) -> Option<Session> {
        [client, target].into_iter().flatten().for_each(reset);
        holding.into_iter().flatten().for_each(|holding| self.pump.pool.discard(holding));
        None
    }

    fn held(&mut self, saved: &handover::Held) -> Option<Box<Holding>> {
        if let (Some(read), Some(write)) = (saved.pipe_read, saved.pipe_write) {
            let pipe = Pipe::inherited(claim(read).ok()?, claim(write).ok()?).ok()?;
            return Some(self.pump.pool.adopt(pipe));
        }
        Some(self.pump.pool.buffer(&saved.bytes))
    }
}

/// Where the lane goes on, what it holds is there, and nothing else.
fn is_held(lane: &Lane, holding: Option<&Holding>) -> bool {
    match holding {
        None => lane.held() == 0 || lane.state() == LaneState::Broken,
        Some(Holding::Buffer(buffer)) => lane.held() == buffer.unsent().len() as u64,
        Some(Holding::Pipe(_)) => lane.held() > 0,
    }
}

fn connecting(saved: &handover::Connecting) -> Option<Connecting> {
    let addresses: Vec<SocketAddr> = saved.resolved.iter().filter_map(socket_address).collect();
    let failed = !saved.failure.is_empty();
    Some(Connecting {
        attempts: Attempts::from_numbers(&saved.attempts)?,
        resolved: saved.is_resolved.then(|| addresses.into()),
        failure: failed.then(|| Failure::from_numbers(&saved.failure)).flatten(),
        busy: u8::try_from(saved.busy).unwrap_or(u8::MAX),
    })
}

fn route(saved: &handover::Route, forwards: &HashMap<String, Arc<Forward>>) -> Option<Arc<Route>> {
    let target: plan::Target = saved.target.parse().ok()?;
    let forward = forwards.get(&saved.forward)?;
    Some(Arc::new(Route::leading(forward, saved.listen.as_str().into(), &target)))
}
