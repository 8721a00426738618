//! The resolver of target names. The script decides its answers and their times.

use crate::script::{Resolver, resolve};
use engine::{Query, Resolve};
use flow::Time;
use std::sync::{Mutex, MutexGuard, PoisonError};
use testkit::sim::{Process, Sim};

/// The resolver, and the queries that wait for its answers.
pub(crate) struct Names {
    sim: Sim,
    state: Mutex<State>,
}

struct State {
    manner: Resolver,
    waiting: Vec<Waiting>,
}

struct Waiting {
    due: Time,
    is_empty: bool,
    query: Query<Process>,
}

impl Resolve<Process> for Names {
    fn resolve(&self, query: Query<Process>) {
        let mut state = self.lock();
        let (due, is_empty) = match state.manner {
            Resolver::Prompt => (self.sim.now(), false),
            Resolver::Late(span) => (self.sim.now().after(span), false),
            Resolver::Empty => (self.sim.now(), true),
            Resolver::Mute => (Time::NEVER, false),
        };
        state.waiting.push(Waiting { due, is_empty, query });
    }
}

impl Names {
    pub(crate) fn new(sim: &Sim) -> Self {
        let state = State { manner: Resolver::Prompt, waiting: Vec::new() };
        Self { sim: sim.clone(), state: Mutex::new(state) }
    }

    /// Changes the answers, also those of queries that wait without a time.
    pub(crate) fn set(&self, manner: Resolver) {
        let mut state = self.lock();
        state.manner = manner;
        let now = self.sim.now();
        for waiting in state.waiting.iter_mut().filter(|it| it.due == Time::NEVER) {
            waiting.due = if manner == Resolver::Mute { Time::NEVER } else { now };
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
        let Waiting { is_empty, query, .. } = state.waiting.remove(at);
        drop(state);
        let addresses = if is_empty { Vec::new() } else { resolve(&query.host, query.port) };
        query.answer(addresses.into());
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
