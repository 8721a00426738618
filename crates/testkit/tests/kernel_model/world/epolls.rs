//! Operations on epoll instances and wakers.

use super::{Outcome, Polling, Waking, World, done, errno};
use crate::machine::{EpollOf, EventsOf, Machine};
use crate::op::{Connection, Epoll, Listener, Op, Waker};
use crate::readiness::Readiness;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use sys::kernel::{Epoll as _, Kernel, Wake, Waker as _};

/// The token of a slot: its letter, and its number.
fn token(kind: u64, slot: usize) -> u64 {
    kind << 32 | u64::try_from(slot).unwrap_or_default()
}

const LISTENER: u64 = 1;
const CONNECTION: u64 = 2;
const WAKER: u64 = 3;

/// The slot of a token.
fn slot(token: u64) -> String {
    let number = usize::try_from(token & u64::from(u32::MAX)).unwrap_or(usize::MAX);
    match token >> 32 {
        LISTENER => Listener(number).to_string(),
        CONNECTION => Connection(number).to_string(),
        WAKER => Waker(number).to_string(),
        _ => format!("unknown token {token:x}"),
    }
}

impl<M: Machine> Polling<M> {
    pub(super) fn new(epoll: EpollOf<M>) -> Self {
        Self { epoll: Arc::new(epoll), is_blocked: false, is_kept: false }
    }
}

impl<M: Machine> World<M> {
    pub(super) fn run_on_epoll(&mut self, op: Op) -> Outcome {
        match op {
            Op::NewEpoll(slot) => self.new_epoll(slot),
            Op::CloseEpoll(slot) => {
                self.unblock(slot);
                self.epolls[slot.0].take().map(|_| "ok".to_owned())
            }
            Op::Block(slot, room) => self.block(slot, room as usize),
            Op::Unblock(slot) => {
                self.epolls[slot.0].as_ref().filter(|polling| polling.is_blocked)?;
                self.unblock(slot);
                Some("ok".to_owned())
            }
            Op::NewWaker(slot) => self.new_waker(slot),
            Op::CloseWaker(slot) => self.wakers[slot.0].take().map(|_| "ok".to_owned()),
            Op::Wake(slot) => {
                let waking = self.wakers[slot.0].as_mut()?;
                waking.waker.wake();
                waking.is_pending = true;
                Some("ok".to_owned())
            }
            Op::Consume(slot) => {
                // Otherwise it would block.
                let waking = self.wakers[slot.0].as_mut().filter(|waking| waking.is_pending)?;
                waking.waker.wait();
                waking.is_pending = false;
                Some("ok".to_owned())
            }
            _ => self.run_on_open_epoll(op),
        }
    }

    fn run_on_open_epoll(&self, op: Op) -> Outcome {
        let epoll = |slot: Epoll| self.epolls[slot.0].as_ref().map(|polling| &*polling.epoll);
        let socket = |slot| self.connection(slot).map(|connected| &connected.socket);
        Some(match op {
            Op::Add(slot, connection) => {
                let token = token(CONNECTION, connection.0);
                done(epoll(slot)?.add_connection(socket(connection)?, token))
            }
            Op::AddListener(slot, listener) => {
                let token = token(LISTENER, listener.0);
                done(epoll(slot)?.add_listener(self.listener(listener)?, token))
            }
            Op::AddWaker(slot, waker) => {
                let waking = self.wakers[waker.0].as_ref()?;
                done(epoll(slot)?.add_waker(&waking.waker, token(WAKER, waker.0)))
            }
            Op::Remove(slot, connection) => done(epoll(slot)?.remove(socket(connection)?)),
            Op::RemoveListener(slot, listener) => {
                done(epoll(slot)?.remove(self.listener(listener)?))
            }
            Op::Wait(slot, _) if self.epolls[slot.0].as_ref()?.is_blocked => return None,
            Op::Wait(slot, room) => wait::<M>(epoll(slot)?, room as usize),
            _ => return None,
        })
    }

    fn new_epoll(&mut self, slot: Epoll) -> Outcome {
        if self.epolls[slot.0].is_some() {
            return None;
        }
        Some(match self.machine.kernel().epoll() {
            Ok(epoll) => {
                self.epolls[slot.0] = Some(Polling::new(epoll));
                "ok".to_owned()
            }
            Err(error) => errno(error),
        })
    }

    fn block(&mut self, slot: Epoll, room: usize) -> Outcome {
        let polling = self.epolls[slot.0].as_mut().filter(|polling| !polling.is_blocked)?;
        self.machine.block(&polling.epoll, room.max(1));
        polling.is_blocked = true;
        Some("ok".to_owned())
    }

    pub(super) fn unblock(&mut self, slot: Epoll) {
        if let Some(polling) = self.epolls[slot.0].as_mut().filter(|polling| polling.is_blocked) {
            self.machine.interrupt(&polling.epoll);
            polling.is_blocked = false;
        }
    }

    /// Takes the events of waits that do not block any more. Due after each call: a thread takes its
    /// events while the program goes on.
    pub(super) fn note_woken(&mut self) {
        for (slot, place) in self.epolls.iter_mut().enumerate() {
            let Some(polling) = place.as_mut().filter(|polling| polling.is_blocked) else {
                continue;
            };
            if let Some(events) = self.machine.unblocked(&polling.epoll) {
                polling.is_blocked = false;
                let _ =
                    write!(self.woken, "; {} wakes: {}", Epoll(slot), listed(events.into_iter()));
            }
        }
    }

    fn new_waker(&mut self, slot: Waker) -> Outcome {
        if self.wakers[slot.0].is_some() {
            return None;
        }
        Some(match self.machine.kernel().waker() {
            Ok(waker) => {
                self.wakers[slot.0] = Some(Waking { waker, is_pending: false });
                "ok".to_owned()
            }
            Err(error) => errno(error),
        })
    }
}

/// The pending events, in the order in which they are reported.
fn wait<M: Machine>(epoll: &EpollOf<M>, room: usize) -> String {
    let mut events: EventsOf<M> = EpollOf::<M>::events(room.max(1));
    if let Err(error) = epoll.wait(&mut events, Some(Duration::ZERO)) {
        return errno(error);
    }
    listed(EpollOf::<M>::iter(&events))
}

fn listed(events: impl Iterator<Item = sys::Event>) -> String {
    let event = |event: sys::Event| format!("{} {}", slot(event.token), Readiness::from(&event));
    let events: Vec<_> = events.map(event).collect();
    if events.is_empty() { "no event".to_owned() } else { events.join(", ") }
}
