//! The resolver of target names. The script decides its answers and their times.

use crate::script::{Resolver, resolve};
use engine::{NameFailure, Query, Resolve};
use flow::Time;
use std::sync::{Mutex, MutexGuard, PoisonError};
use testkit::sim::{Process, Sim};

/// The resolver, and the queries that wait for its answers.
pub(crate) struct Names {
    sim: Sim,
    state: Mutex<State>,
}

struct State {
    mode: Resolver,
    waiting: Vec<Waiting>,
}

struct Waiting {
    due: Time,
    failure: Option<NameFailure>,
    query: Query<Process>,
}

impl Resolve<Process> for Names {
    fn resolve(&self, query: Query<Process>) {
        let mut state = self.lock();
        let (due, failure) = match state.mode {
            Resolver::Prompt => (self.sim.now(), None),
            Resolver::Late(span) => (self.sim.now().after(span), None),
            Resolver::Empty => (self.sim.now(), Some(NameFailure::Error)),
            Resolver::TimesOut => (self.sim.now(), Some(NameFailure::Timeout)),
            Resolver::NoAnswer => (Time::NEVER, None),
        };
        state.waiting.push(Waiting { due, failure, query });
    }

    fn connect_failed(&self, _: &std::sync::Arc<str>) {}
}

impl Names {
    pub(crate) fn new(sim: &Sim) -> Self {
        let state = State { mode: Resolver::Prompt, waiting: Vec::new() };
        Self { sim: sim.clone(), state: Mutex::new(state) }
    }

    /// Changes the answers, also those of queries that wait without a time.
    pub(crate) fn set(&self, mode: Resolver) {
        let mut state = self.lock();
        state.mode = mode;
        let now = self.sim.now();
        for waiting in state.waiting.iter_mut().filter(|it| it.due == Time::NEVER) {
            waiting.due = if mode == Resolver::NoAnswer { Time::NEVER } else { now };
        }
    }

    /// The time of the next answer; [`Time::NEVER`] if there is none.
    pub(crate) fn next_due(&self) -> Time {
        self.lock().waiting.iter().map(|it| it.due).min().unwrap_or(Time::NEVER)
    }

    /// Sends an answer that is due. False if there is none.
    pub(crate) fn answer(&self) -> bool {
        let now = self.sim.now();
        let mut state = self.lock();
        let Some(at) = state.waiting.iter().position(|it| it.due <= now) else { return false };
        let Waiting { failure, query, .. } = state.waiting.remove(at);
        drop(state);
        let addresses = resolve(&query.host, query.port);
        query.answer(failure.map_or_else(|| Ok(addresses.into()), Err));
        true
    }

    /// Drops the queries of a previous process image.
    pub(crate) fn forget(&self) {
        self.lock().waiting.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
