//! Resolves names with the C library, which honours /etc/hosts, nsswitch.conf and resolv.conf. Its
//! calls block, so they run in separate threads.

use engine::{Query, Resolve};
use host::addresses_of;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Lifetime of an answer, good or bad. Long enough that a busy forward does not look its target up
/// for each session; short enough that a changed name takes effect at once.
const ANSWER_LIFETIME: Duration = Duration::from_secs(1);
/// Concurrent lookups: names with silent servers must not delay the others.
const MOST_THREADS: usize = 64;
/// Idle time after which a thread beyond the first ends.
const THREAD_IDLE: Duration = Duration::from_secs(10);
/// Capacity that an empty cache keeps.
const EMPTY_CAPACITY: usize = 64;
/// Stack of a thread, in bytes: getaddrinfo(3) and its modules have their buffers there.
const STACK: usize = 512 * 1024;

type Name = (Arc<str>, u16);

enum Entry {
    /// A lookup that runs or waits for a thread, and the queries that wait for it.
    Pending(Vec<Query>),
    /// An answer and its time; empty if the name could not be resolved.
    Answered(Arc<[SocketAddr]>, Instant),
}

#[derive(Default)]
struct State {
    names: HashMap<Name, Entry>,
    /// Names with the time of their answers, oldest first: the order of eviction.
    answered: VecDeque<(Instant, Name)>,
    /// Names that wait for a thread.
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
    /// Caches an answer, and returns the queries that wait for it.
    fn answer(&mut self, name: Name, addresses: Arc<[SocketAddr]>, now: Instant) -> Vec<Query> {
        self.evict(now);
        self.answered.push_back((now, name.clone()));
        match self.names.insert(name, Entry::Answered(addresses, now)) {
            Some(Entry::Pending(queries)) => queries,
            Some(Entry::Answered(..)) | None => Vec::new(),
        }
    }

    /// Evicts expired answers.
    fn evict(&mut self, now: Instant) {
        while let Some((since, name)) = self.answered.front() {
            if now.saturating_duration_since(*since) < ANSWER_LIFETIME {
                break;
            }
            // A name that was queried again has a newer entry.
            if matches!(self.names.get(name), Some(Entry::Answered(_, at)) if at == since) {
                self.names.remove(name);
            }
            self.answered.pop_front();
        }
        if self.answered.is_empty() {
            self.answered.shrink_to(EMPTY_CAPACITY);
            self.names.shrink_to(EMPTY_CAPACITY);
        }
    }
}

/// The resolver. Runs one lookup per name at a time, and shares its answer.
pub(crate) struct Resolver(Arc<Shared>);

impl Resolver {
    /// Starts a resolver with one permanent thread, so that lookups never depend on a new thread.
    ///
    /// # Errors
    ///
    /// The host refuses the thread.
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
            Some(Entry::Pending(queries)) => return queries.push(query),
            Some(Entry::Answered(addresses, since)) if since.elapsed() < ANSWER_LIFETIME => {
                let addresses = Arc::clone(addresses);
                drop(state);
                return query.answer(Ok(addresses));
            }
            _ => {}
        }
        state.names.insert(name.clone(), Entry::Pending(vec![query]));
        state.waiting.push_back(name);
        if state.idle < state.waiting.len() && state.threads < MOST_THREADS {
            // If the host refuses a thread, a present one takes the name later.
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
        // No code panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Main loop of a thread.
    fn work(&self, stays: bool) {
        while let Some(name) = self.next_name(stays) {
            let addresses = look_up(&name);
            let queries = self.lock().answer(name, Arc::clone(&addresses), Instant::now());
            for query in queries {
                query.answer(Ok(Arc::clone(&addresses)));
            }
        }
    }

    /// Waits for a name; `None` if this thread has been idle for too long.
    fn next_name(&self, stays: bool) -> Option<Name> {
        let mut state = self.lock();
        state.idle += 1;
        let end = Instant::now() + THREAD_IDLE;
        let name = loop {
            if let Some(name) = state.waiting.pop_front() {
                break Some(name);
            }
            if !stays && Instant::now() >= end {
                state.threads -= 1;
                break None;
            }
            state.evict(Instant::now());
            let waited = self.more.wait_timeout(state, THREAD_IDLE);
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
    // An empty answer means that the name has no address.
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
    fn expired_answers_are_evicted() {
        let mut state = State::default();
        let start = Instant::now();
        for port in 0..10_000 {
            answer(&mut state, port, start);
        }
        answer(&mut state, 10_000, start + ANSWER_LIFETIME / 2);
        assert_eq!(state.names.len(), 10_001, "no answer has expired");
        answer(&mut state, 10_001, start + ANSWER_LIFETIME);
        assert_eq!((state.names.len(), state.answered.len()), (2, 2));
        state.evict(start + 2 * ANSWER_LIFETIME);
        assert_eq!((state.names.len(), state.answered.len()), (0, 0));
        assert!(state.names.capacity() < 1000, "the memory is released");
    }

    #[test]
    fn newer_answers_and_pending_lookups_are_not_evicted() {
        let mut state = State::default();
        let start = Instant::now();
        for port in [1, 2, 3] {
            answer(&mut state, port, start);
        }
        state.names.insert(name(2), Entry::Pending(Vec::new()));
        let later = start + ANSWER_LIFETIME * 3 / 2;
        answer(&mut state, 1, start + ANSWER_LIFETIME / 2);
        state.evict(start + ANSWER_LIFETIME);
        assert!(matches!(state.names.get(&name(1)), Some(Entry::Answered(..))));
        assert!(matches!(state.names.get(&name(2)), Some(Entry::Pending(_))));
        assert!(!state.names.contains_key(&name(3)));
        state.evict(later);
        assert!(!state.names.contains_key(&name(1)));
    }
}
