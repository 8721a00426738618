//! Work of a worker on many listeners or sessions, in slices of one per turn: other sessions wait for a
//! fraction of a millisecond only.
//!
//! Walks are completed one after the other, in the order of the requests.

use super::{ACCEPTS_PER_TURN, Worker};
use crate::change::{Changes, is_among};
use crate::close::CUT;
use crate::connect;
use crate::context::Context;
use crate::forward::Forward;
use crate::greet;
use crate::permit::Permit;
use crate::session::{Outcome, Over};
use crate::slots::Key;
use crate::table::Entry;
use crate::target::Target;
use crate::view::{Reply, SessionFilter};
use flow::{By, Cause, CloseReason, Direction, Stage};
use std::sync::Arc;
use sys::kernel::Kernel;

/// Work of one turn. The unit is a visit of one place of the table of sessions (some nanoseconds).
const WORK_PER_TURN: u32 = 4096;
/// Cost of setting a session's timer.
const TIMER: u32 = 16;
/// Cost of setting a session's rates: two system calls.
const RATES: u32 = 128;
/// Cost of polling or removing a listener: one or two system calls.
const LISTENER: u32 = 128;
/// Cost of resetting or starting a session: several system calls.
const SESSION: u32 = 256;
/// Most batches accepted from a removed listener.
const LAST_BATCHES: u32 = 64;

/// Work of many steps, with its progress.
pub(crate) enum Walk<K: Kernel> {
    /// Poll listeners, new or suspended ones.
    Poll { numbers: Vec<u32> },
    /// Retry the sessions that wait for a place in a target, and go on with restored ones that have none.
    RetryWaiting { sessions: Vec<Key>, at: usize },
    /// The configuration has changed.
    Change { changes: Arc<Changes<K>>, at: usize, batches: u32, reply: Reply<()> },
    /// Set the timers of sessions of forwards with stricter rules.
    SetTimers { changes: Arc<Changes<K>>, place: u32 },
    /// Set the rates of sessions of forwards with other ones.
    Pace { changes: Arc<Changes<K>>, place: u32 },
    /// Count the clients of sessions anew, of forwards that count them in another way.
    Recount { changes: Arc<Changes<K>>, place: u32 },
    /// Reset the sessions of a removed forward, or of a target removed from it.
    CutRemoved { forward: Arc<Forward>, target: Option<Arc<Target>>, place: u32 },
    /// Reset the sessions of a target that is down.
    CutTarget { target: Arc<Target>, place: u32 },
    /// Reset the sessions that match a filter.
    Kill { filter: SessionFilter, place: u32, killed: u64, reply: Reply<u64> },
    /// Remove all listeners.
    Drain { numbers: Vec<u32> },
    /// Reset all sessions.
    Cut { place: u32 },
}

impl<K: Kernel> Walk<K> {
    pub(crate) fn change(changes: Arc<Changes<K>>, reply: Reply<()>) -> Self {
        Self::Change { changes, at: 0, batches: 0, reply }
    }
}

impl<K: Kernel> Worker<K> {
    /// Queues a walk behind the present ones.
    pub(crate) fn walk(&mut self, walk: Walk<K>) {
        self.walks.push_back(walk);
    }

    /// Continues the walks, up to [`WORK_PER_TURN`].
    pub(crate) fn continue_walks(&mut self) {
        let mut work = WORK_PER_TURN;
        while work > 0 {
            let Some(walk) = self.walks.pop_front() else { return };
            if let Some(unfinished) = self.take_steps(walk, &mut work) {
                self.walks.push_front(unfinished);
            }
        }
    }

    /// Completes all walks: walks are not part of the state handed over to the next process image.
    pub(crate) fn finish_walks(&mut self) {
        while !self.walks.is_empty() {
            self.continue_walks();
        }
    }

    /// Continues a walk until `work` is used up. Returns the walk unless it is complete.
    fn take_steps(&mut self, mut walk: Walk<K>, work: &mut u32) -> Option<Walk<K>> {
        let is_done = match &mut walk {
            Walk::Poll { numbers } => self.poll_some(numbers, work),
            Walk::RetryWaiting { sessions, at } => self.retry_some(sessions, at, work),
            Walk::Change { changes, at, batches, .. } => {
                self.change_listeners(changes, at, batches, work)
            }
            Walk::SetTimers { changes, place } => self.set_timers(&changes.stricter, place, work),
            Walk::Pace { changes, place } => self.pace(&changes.repaced, place, work),
            Walk::Recount { changes, place } => self.recount(&changes.recounted, place, work),
            Walk::CutRemoved { forward, target, place } => {
                self.cut_some(forward, target.as_ref(), place, work)
            }
            Walk::CutTarget { target, place } => self.cut_of_target(target, place, work),
            Walk::Kill { filter, place, killed, .. } => self.kill_some(filter, place, killed, work),
            Walk::Drain { numbers } => self.unpoll_some(numbers, work),
            Walk::Cut { place } => self.visit(place, work, |worker, key| {
                worker.end(key, Over::reset(CUT));
                SESSION
            }),
        };
        if is_done { answer(walk) } else { Some(walk) }
    }

    /// Calls `step` for the sessions from `place` on, until `work` is used up. `step` returns its cost.
    /// True at the end of the table.
    fn visit(
        &mut self,
        place: &mut u32,
        work: &mut u32,
        mut step: impl FnMut(&mut Self, Key) -> u32,
    ) -> bool {
        while *place < self.table.slots().places() {
            if *work == 0 {
                return false;
            }
            let key = self.table.slots().key_at(*place);
            *place += 1;
            let took = key.map_or(0, |key| step(self, key));
            *work = work.saturating_sub(1 + took);
        }
        true
    }

    fn poll_some(&mut self, numbers: &mut Vec<u32>, work: &mut u32) -> bool {
        while *work > 0 {
            let Some(number) = numbers.pop() else { return true };
            self.acceptor.poll(number, &self.context.epoll, self.context.now);
            *work = work.saturating_sub(LISTENER);
        }
        numbers.is_empty()
    }

    fn retry_some(&mut self, sessions: &[Key], at: &mut usize, work: &mut u32) -> bool {
        while *work > 0 {
            let Some(key) = sessions.get(*at) else { return true };
            self.handle(*key, retry);
            *at += 1;
            *work = work.saturating_sub(SESSION);
        }
        *at == sessions.len()
    }

    fn unpoll_some(&mut self, numbers: &mut Vec<u32>, work: &mut u32) -> bool {
        while *work > 0 {
            let Some(number) = numbers.pop() else { return true };
            self.acceptor.remove(number, &self.context.epoll);
            *work = work.saturating_sub(LISTENER);
        }
        numbers.is_empty()
    }

    /// Adds listeners, then removes listeners; `at` counts through both. True when all are done.
    fn change_listeners(
        &mut self,
        changes: &Changes<K>,
        at: &mut usize,
        batches: &mut u32,
        work: &mut u32,
    ) -> bool {
        while *work > 0 {
            let Some((number, listening)) = changes.listen.get(*at) else { break };
            self.listen(*number, Arc::clone(listening));
            *at += 1;
            *work = work.saturating_sub(LISTENER);
        }
        while *work > 0 {
            let Some(number) = changes.unlisten.get(*at - changes.listen.len()) else { break };
            // Queued clients are still served: a client is connected as soon as the kernel has
            // queued it.
            if *batches < LAST_BATCHES && self.accept_from(*number) {
                *batches += 1;
                *work = work.saturating_sub(ACCEPTS_PER_TURN * SESSION);
                continue;
            }
            self.acceptor.remove(*number, &self.context.epoll);
            *batches = 0;
            *at += 1;
            *work = work.saturating_sub(LISTENER);
        }
        *at == changes.listen.len() + changes.unlisten.len()
    }

    /// Sets the timers of the sessions of these forwards.
    fn set_timers(&mut self, forwards: &[Arc<Forward>], place: &mut u32, work: &mut u32) -> bool {
        self.visit(place, work, |worker, key| {
            let Some(mut entry) = worker.table.entry(key) else { return 0 };
            if !is_among(forwards, &entry.session.route().forward) {
                return 0;
            }
            entry.set_timer();
            TIMER
        })
    }

    /// Sets the rates of the sessions of these forwards.
    fn pace(&mut self, forwards: &[Arc<Forward>], place: &mut u32, work: &mut u32) -> bool {
        self.visit(place, work, |worker, key| {
            let Some(Entry { session, .. }) = worker.table.entry(key) else { return 0 };
            if !is_among(forwards, &session.route().forward) {
                return 0;
            }
            let rules = session.rules();
            for direction in Direction::BOTH {
                session.set_rate(direction, &rules);
            }
            RATES
        })
    }

    /// Counts the clients of the sessions of these forwards anew.
    fn recount(&mut self, forwards: &[Arc<Forward>], place: &mut u32, work: &mut u32) -> bool {
        self.visit(place, work, |worker, key| {
            let Self { table, context, .. } = worker;
            let Some(Entry { session, .. }) = table.entry(key) else { return 0 };
            if !is_among(forwards, &session.route().forward) {
                return 0;
            }
            context.shared.recount(session, context.now);
            TIMER
        })
    }

    /// Resets sessions of a forward, or of one target of it, a slice per call.
    fn cut_some(
        &mut self,
        forward: &Arc<Forward>,
        target: Option<&Arc<Target>>,
        place: &mut u32,
        work: &mut u32,
    ) -> bool {
        let is_its = |permit: &Permit| {
            let of_target = |target| permit.target().is_some_and(|it| Arc::ptr_eq(it, target));
            Arc::ptr_eq(&permit.route().forward, forward) && target.is_none_or(of_target)
        };
        self.visit(place, work, |worker, key| {
            if worker.table.entry(key).is_some_and(|entry| is_its(&entry.session.permit)) {
                worker.end_by(By::Operator, key, Cause::Drained);
                return SESSION;
            }
            0
        })
    }

    /// Resets sessions of a target, a slice per call.
    fn cut_of_target(&mut self, target: &Arc<Target>, place: &mut u32, work: &mut u32) -> bool {
        self.visit(place, work, |worker, key| {
            // A session that still connects goes on to another target.
            let session = worker.table.entry(key).map(|entry| entry.session);
            let relaying = session.filter(|session| session.connecting.is_none());
            let selected = relaying.and_then(|session| session.permit.target());
            if selected.is_some_and(|selected| Arc::ptr_eq(selected, target)) {
                worker.end_by(By::Target, key, Cause::TargetDown);
                return SESSION;
            }
            0
        })
    }

    /// Resets sessions that match a filter, a slice per call.
    fn kill_some(
        &mut self,
        filter: &SessionFilter,
        place: &mut u32,
        killed: &mut u64,
        work: &mut u32,
    ) -> bool {
        let is_complete = self.visit(place, work, |worker, key| {
            let entry = worker.table.entry(key);
            if filter.is_exhausted(*killed) || !entry.is_some_and(|it| filter.selects(it.session)) {
                return 0;
            }
            worker.end_by(By::Operator, key, Cause::Killed);
            *killed += 1;
            SESSION
        });
        is_complete || filter.is_exhausted(*killed)
    }

    fn end_by(&mut self, by: By, key: Key, cause: Cause) {
        let Some(entry) = self.table.entry(key) else { return };
        let reason = CloseReason::new(by, entry.session.flow.phase(), cause);
        self.end(key, Over::reset(reason));
    }

    /// Resets all sessions at once: the worker ends.
    pub(crate) fn cut(&mut self) {
        self.cutting = true;
        for key in self.table.slots().keys() {
            self.end(key, Over::reset(CUT));
        }
    }
}

/// Goes on with a session of [`Context::waiting`].
fn retry<K: Kernel>(entry: &mut Entry<'_, K>, context: &mut Context<K>) -> Outcome {
    match entry.session.flow.stage() {
        // A restored one: its bytes may be there.
        Stage::Greeting { .. } => greet::proceed(entry, context),
        _ => connect::retry_place(entry, context),
    }
}

/// Sends the reply at the end of a walk.
fn answer<K: Kernel>(walk: Walk<K>) -> Option<Walk<K>> {
    match walk {
        Walk::Change { reply, .. } => reply(()),
        Walk::Kill { killed, reply, .. } => reply(killed),
        _ => {}
    }
    None
}
