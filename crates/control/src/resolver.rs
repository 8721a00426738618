//! Resolves names with the C library, so that /etc/hosts, nsswitch.conf and the host's resolver
//! hold, in threads of its own, which may block.

use engine::{Query, Resolve};
use host::addresses_of;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long an answer is used for further sessions, good or bad. Long enough that a busy forward
/// asks once and not for each session; short enough that a changed name is followed at once.
const ANSWER_HOLDS: Duration = Duration::from_secs(1);
/// Lookups at the same time: names whose servers do not answer must not hold up the others.
const MOST_THREADS: usize = 64;
/// A thread beyond the first ends after this time without a name.
const THREAD_IDLES: Duration = Duration::from_secs(10);
/// Capacity for names that is kept when the cache is empty.
const FEW: usize = 64;
/// getaddrinfo(3) and its modules put their buffers on the stack.
const STACK: usize = 512 * 1024;

type Name = (Arc<str>, u16);

enum Entry {
    /// A lookup is under way, or waits for a thread; these wait for it.
    Asked(Vec<Query>),
    /// An answer; empty if the name could not be resolved.
    Known(Arc<[SocketAddr]>, Instant),
}

#[derive(Default)]
struct State {
    names: HashMap<Name, Entry>,
    /// Names with the time of their answers, oldest first: the order of eviction.
    answered: VecDeque<(Instant, Name)>,
    /// Names that no thread has taken yet.
    waiting: VecDeque<Name>,
    threads: usize,
    idle: usize,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    more: Condvar,
}

impl State {
    /// Keeps an answer, and returns the queries that wait for it.
    fn answer(&mut self, name: Name, addresses: Arc<[SocketAddr]>, now: Instant) -> Vec<Query> {
        self.forget(now);
        self.answered.push_back((now, name.clone()));
        match self.names.insert(name, Entry::Known(addresses, now)) {
            Some(Entry::Asked(queries)) => queries,
            Some(Entry::Known(..)) | None => Vec::new(),
        }
    }

    /// Evicts expired answers.
    fn forget(&mut self, now: Instant) {
        while let Some((since, name)) = self.answered.front() {
            if now.saturating_duration_since(*since) < ANSWER_HOLDS {
                break;
            }
            // A name queried again meanwhile has a newer entry.
            if matches!(self.names.get(name), Some(Entry::Known(_, at)) if at == since) {
                self.names.remove(name);
            }
            self.answered.pop_front();
        }
        if self.answered.is_empty() {
            self.answered.shrink_to(FEW);
            self.names.shrink_to(FEW);
        }
    }
}

/// The resolver: one lookup per name at a time, whoever asks.
pub(crate) struct Resolver(Arc<Shared>);

impl Resolver {
    /// A resolver with one thread that always stays: whatever happens later, names are resolved.
    pub(crate) fn start() -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        start_thread(&shared, &mut shared.lock())?;
        Ok(Self(shared))
    }
}

impl Resolve for Resolver {
    fn resolve(&self, query: Query) {
        let name = (Arc::clone(&query.host), query.port);
        let mut state = self.0.lock();
        match state.names.get_mut(&name) {
            Some(Entry::Asked(queries)) => return queries.push(query),
            Some(Entry::Known(addresses, since)) if since.elapsed() < ANSWER_HOLDS => {
                let addresses = Arc::clone(addresses);
                drop(state);
                return query.answer(addresses);
            }
            _ => {}
        }
        state.names.insert(name.clone(), Entry::Asked(vec![query]));
        state.waiting.push_back(name);
        if state.idle < state.waiting.len() && state.threads < MOST_THREADS {
            // If the host has no thread to give, those that are there take it in turn.
            let _ = start_thread(&self.0, &mut state);
        }
        drop(state);
        self.0.more.notify_one();
    }
}

fn start_thread(shared: &Arc<Shared>, state: &mut State) -> std::io::Result<()> {
    let stays = state.threads == 0;
    let for_thread = Arc::clone(shared);
    std::thread::Builder::new()
        .name("resolver".into())
        .stack_size(STACK)
        .spawn(move || for_thread.work(stays))?;
    state.threads += 1;
    Ok(())
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, so a poisoned one is whole all the same.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread's life: one name after the other.
    fn work(&self, stays: bool) {
        while let Some(name) = self.next_name(stays) {
            let addresses = look_up(&name);
            let asked = self.lock().answer(name, Arc::clone(&addresses), Instant::now());
            for query in asked {
                query.answer(Arc::clone(&addresses));
            }
        }
    }

    /// Waits for a name; `None` if none came for so long that this thread may end.
    fn next_name(&self, stays: bool) -> Option<Name> {
        let mut state = self.lock();
        state.idle += 1;
        let end = Instant::now() + THREAD_IDLES;
        let name = loop {
            if let Some(name) = state.waiting.pop_front() {
                break Some(name);
            }
            if !stays && Instant::now() >= end {
                state.threads -= 1;
                break None;
            }
            state.forget(Instant::now());
            let waited = self.more.wait_timeout(state, THREAD_IDLES);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        };
        state.idle -= 1;
        name
    }
}

fn look_up((host, port): &Name) -> Arc<[SocketAddr]> {
    let found = addresses_of(host, *port);
    if let Err(error) = &found {
        tracing::warn!(name = &**host, %error, "a target's name could not be resolved");
    }
    // No address says that there is none.
    found.unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(port: u16) -> Name {
        ("host".into(), port)
    }

    fn answer(state: &mut State, port: u16, now: Instant) {
        assert!(state.answer(name(port), Arc::default(), now).is_empty());
    }

    #[test]
    fn an_answer_is_forgotten_when_it_holds_no_longer() {
        let mut state = State::default();
        let start = Instant::now();
        for port in 0..10_000 {
            answer(&mut state, port, start);
        }
        answer(&mut state, 10_000, start + ANSWER_HOLDS / 2);
        assert_eq!(state.names.len(), 10_001, "all hold still");
        answer(&mut state, 10_001, start + ANSWER_HOLDS);
        assert_eq!((state.names.len(), state.answered.len()), (2, 2));
        state.forget(start + 2 * ANSWER_HOLDS);
        assert_eq!((state.names.len(), state.answered.len()), (0, 0));
        assert!(state.names.capacity() < 1000, "the memory is given back");
    }

    #[test]
    fn a_newer_answer_and_a_lookup_under_way_stay() {
        let mut state = State::default();
        let start = Instant::now();
        for port in [1, 2, 3] {
            answer(&mut state, port, start);
        }
        state.names.insert(name(2), Entry::Asked(Vec::new()));
        let later = start + ANSWER_HOLDS * 3 / 2;
        answer(&mut state, 1, start + ANSWER_HOLDS / 2);
        state.forget(start + ANSWER_HOLDS);
        assert!(matches!(state.names.get(&name(1)), Some(Entry::Known(..))));
        assert!(matches!(state.names.get(&name(2)), Some(Entry::Asked(_))));
        assert!(!state.names.contains_key(&name(3)));
        state.forget(later);
        assert!(!state.names.contains_key(&name(1)));
    }
}
