//! Targets whose next check must come soon, because a client could not connect. Workers add, the control
//! side takes.

use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// The targets by id. Each target is in it at most once between two of its checks.
#[derive(Default)]
pub(crate) struct Suspects(Mutex<(Vec<u64>, Option<Waker>)>);

impl Suspects {
    pub(crate) fn add(&self, target: u64) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.0.push(target);
        let waker = state.1.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// All of them, if there are any; else the task is woken when there is one.
    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<Vec<u64>> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0.is_empty() {
            state.1 = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(std::mem::take(&mut state.0))
    }
}
