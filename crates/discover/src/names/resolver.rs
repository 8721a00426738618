//! The resolver of the process: the cache, and the thread that looks names up for it.

use super::cache::{Asked, Cache, FailingName, Members, Notice, Served};
use super::failure::LookUpError;
use super::look_up::Source;
use super::notice_limit::{Counts, NoticeLimit};
use super::saved::SavedName;
use crate::sets::MOST_MEMBERS;
use engine::{NameFailure, Query, Resolve};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::time::sleep_until;

/// Concurrent calls of the C library, for names that neither the hosts file nor DNS decides.
const MOST_THREADS: usize = 32;
/// Idle time after which such a thread ends.
const THREAD_IDLE: Duration = Duration::from_secs(10);
/// Stack of a thread, in bytes: getaddrinfo(3) and its modules have their buffers there.
const STACK: usize = 512 * 1024;
/// Pause of the thread while nothing is due.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// The word of a look-up that succeeded, in the label `result` of metrics.
const OK: &str = "ok";

/// Looks names up, and keeps their answers.
pub struct Resolver(Arc<Shared>);

/// The state of the names in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamesStatus {
    /// Number of names with a good answer whose last look-up did not fail.
    pub resolved: usize,
    /// The names of the configuration whose last look-up failed, in alphabetical order.
    pub failing: Vec<FailingName>,
    /// The names of sets, in alphabetical order, and the numbers of their members.
    pub sets: Vec<(Arc<str>, usize)>,
    /// Finished look-ups by result: `ok`, `not_found`, `no_address`, `failed`, `timeout`.
    pub look_ups: BTreeMap<&'static str, u64>,
}

struct Shared {
    source: Source,
    state: Mutex<State>,
    /// Look-ups are to begin, or the next due time has moved.
    changed: Notify,
    sets_changed: Notify,
    names_resolved: Notify,
}

#[derive(Default)]
struct State {
    cache: Cache<Query>,
    /// When the thread wakes by itself.
    wakes_at: Option<Instant>,
    look_ups: BTreeMap<&'static str, u64>,
    limit: NoticeLimit,
    /// Names whose changed sets were not taken yet.
    changed: BTreeSet<Arc<str>>,
    /// Names that are resolved again and were not taken yet.
    resolved: BTreeSet<Arc<str>>,
}

impl Resolver {
    /// Starts the resolver's thread.
    ///
    /// # Errors
    ///
    /// The host refuses the thread or its descriptors.
    pub fn start() -> std::io::Result<Self> {
        Self::start_with(Path::new("/etc"))
    }

    /// As [`Resolver::start`], with the settings in this directory.
    fn start_with(directory: &Path) -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(MOST_THREADS)
            .thread_keep_alive(THREAD_IDLE)
            .thread_name("resolver")
            .thread_stack_size(STACK)
            .build()?;
        let shared = Arc::new(Shared {
            source: Source::new(directory),
            state: Mutex::default(),
            changed: Notify::new(),
            sets_changed: Notify::new(),
            names_resolved: Notify::new(),
        });
        let for_thread = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("resolver".into())
            .spawn(move || for_thread.run(&runtime))?;
        Ok(Self(shared))
    }

    /// The last good answers and the failures, for the next process image.
    pub fn saved(&self) -> Vec<SavedName> {
        self.0.lock().cache.saved(Instant::now())
    }

    /// Takes the answers, the failures and the numbers of look-ups by result of the previous process image.
    pub fn restore<'a>(
        &self,
        names: impl IntoIterator<Item = SavedName>,
        look_ups: impl IntoIterator<Item = (&'a str, u64)>,
    ) {
        let mut state = self.0.lock();
        for (saved, count) in look_ups {
            let known = LookUpError::WORDS.into_iter().chain([OK]).find(|word| *word == saved);
            if let Some(word) = known {
                *state.look_ups.entry(word).or_default() += count;
            }
        }
        for name in names {
            state.cache.restore(name, Instant::now());
        }
        drop(state);
        self.0.changed.notify_one();
    }

    /// Takes the names of the configuration. Keeps `sets` up to date: hosts, and services behind `srv:`. Retries
    /// failing names of single targets (`targets`) until they resolve. Forgets the failures of others.
    pub fn watch_names(
        &self,
        sets: impl IntoIterator<Item = Arc<str>>,
        targets: impl IntoIterator<Item = Arc<str>>,
    ) {
        let names = sets.into_iter().map(|name| lower_case(&name)).collect();
        let targets = targets.into_iter().map(|name| lower_case(&name)).collect();
        let mut state = self.0.lock();
        state.cache.set_targets(targets);
        state.cache.watch(&names, Instant::now());
        state.cache.end_removed();
        let changed = state.cache.take_changed();
        state.changed.extend(changed);
        state.changed.retain(|name| names.contains(name));
        let notices = state.take_notices();
        drop(state);
        notices.iter().for_each(log);
        self.0.changed.notify_one();
    }

    /// All sets with their members.
    pub fn all_sets(&self) -> Vec<(Arc<str>, Members)> {
        let state = self.0.lock();
        let sets = state.cache.sets().into_iter();
        sets.map(|(name, _)| (Arc::clone(&name), state.cache.members(&name))).collect()
    }

    /// Waits until a set has changed. One task at a time may wait.
    pub async fn set_changed(&self) {
        self.0.sets_changed.notified().await;
    }

    /// The sets that have changed since the last call, with their members, whose port is 0 where the name
    /// is a host.
    pub fn take_changed_sets(&self) -> Vec<(Arc<str>, Members)> {
        let mut state = self.0.lock();
        let changed = std::mem::take(&mut state.changed);
        let with_members = changed.into_iter().map(|name| {
            let members = state.cache.members(&name);
            (name, members)
        });
        with_members.collect()
    }

    /// Waits until a name of the configuration is resolved after a failure. One task at a time may wait.
    pub async fn name_resolved(&self) {
        self.0.names_resolved.notified().await;
    }

    /// The names, in lower case, that were resolved after a failure since the last call.
    pub fn take_resolved(&self) -> impl Iterator<Item = Arc<str>> + use<> {
        std::mem::take(&mut self.0.lock().resolved).into_iter()
    }

    /// The names in use, and which of them fail.
    pub fn status(&self) -> NamesStatus {
        let state = self.0.lock();
        let (resolved, look_ups) = (state.cache.resolved(), state.look_ups.clone());
        let mut failing = state.cache.failing(Instant::now());
        let mut sets = state.cache.sets();
        drop(state);
        failing.sort_by(|one, other| one.name.cmp(&other.name));
        sets.sort();
        NamesStatus { resolved, failing, sets, look_ups }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, query: Query) {
        if query.host.contains('%') {
            // A link-local address with the name of an interface, whose number is one system call.
            let found = host::addresses_of(&query.host, query.port);
            return query.answer(found.map(Into::into).map_err(|_| NameFailure::Error));
        }
        let name = lower_case(&query.host);
        let port = query.port;
        let mut state = self.0.lock();
        let asked = state.cache.ask(&name, port, query, Instant::now());
        let due = state.cache.next_due();
        let wakes = state.cache.has_look_ups() || due.is_some_and(|at| state.wakes_at > Some(at));
        drop(state);
        match asked {
            Asked::Addresses(query, addresses) => query.answer(Ok(addresses)),
            Asked::Failed(query, error) => query.answer(Err(kind(&error))),
            Asked::Waiting => {}
        }
        if wakes {
            self.0.changed.notify_one();
        }
    }

    fn connect_failed(&self, set: &Arc<str>) {
        let mut state = self.0.lock();
        state.cache.connect_failed(set);
        let due = state.cache.next_due();
        let wakes = due.is_some_and(|at| state.wakes_at > Some(at));
        drop(state);
        if wakes {
            self.0.changed.notify_one();
        }
    }
}

impl State {
    /// The notices to log.
    fn take_notices(&mut self) -> Vec<Notice> {
        let mut notices = self.cache.take_notices();
        self.resolved.extend(notices.iter().filter_map(|notice| match notice {
            Notice::Over { name, .. } => Some(Arc::clone(name)),
            _ => None,
        }));
        notices.retain(|notice| self.limit.passes(notice, Instant::now()));
        notices
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Main loop of the thread.
    fn run(self: Arc<Self>, runtime: &Runtime) {
        runtime.block_on(async move {
            loop {
                let wakes_at = self.turn();
                tokio::select! {
                    () = self.changed.notified() => {}
                    () = sleep_until(wakes_at.into()) => {}
                }
            }
        });
    }

    /// Begins look-ups and does what is due. Returns the next due time.
    fn turn(self: &Arc<Self>) -> Instant {
        let now = Instant::now();
        let mut state = self.lock();
        let served = state.cache.tick(now);
        let look_ups = state.cache.take_look_ups();
        let not_logged = state.limit.finish(now);
        let due = state.cache.next_due().into_iter().chain(state.limit.end()).min();
        let wakes_at = due.unwrap_or(now + LONGEST_SLEEP);
        state.wakes_at = Some(wakes_at);
        drop(state);
        serve(served);
        log_counts(not_logged);
        for name in look_ups {
            tokio::spawn(Arc::clone(self).look_up(name));
        }
        wakes_at
    }

    async fn look_up(self: Arc<Self>, name: Arc<str>) {
        let known = self.lock().cache.hosts(&name);
        let result = self.source.look_up(&name, &known).await;
        let mut state = self.lock();
        let word = result.as_ref().map_or_else(LookUpError::word, |_| OK);
        *state.look_ups.entry(word).or_default() += 1;
        let served = state.cache.answered(&name, result, Instant::now());
        let notices = state.take_notices();
        let changed = state.cache.take_changed();
        state.changed.extend(changed);
        let [is_changed, is_resolved] =
            [&state.changed, &state.resolved].map(|names| !names.is_empty());
        drop(state);
        serve(served);
        if is_resolved {
            self.names_resolved.notify_one();
        }
        if is_changed {
            self.sets_changed.notify_one();
        }
        notices.iter().for_each(log);
        // The next due time may have moved.
        self.changed.notify_one();
    }
}

fn serve(served: Vec<Served<Query>>) {
    for (query, result) in served {
        query.answer(result.map_err(|error| kind(&error)));
    }
}

fn kind(error: &LookUpError) -> NameFailure {
    match error {
        LookUpError::Timeout => NameFailure::Timeout,
        _ => NameFailure::Error,
    }
}

fn lower_case(host: &Arc<str>) -> Arc<str> {
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        host.to_ascii_lowercase().into()
    } else {
        Arc::clone(host)
    }
}

fn log(notice: &Notice) {
    match notice {
        Notice::Failing { name, error, serving: 0 } => {
            tracing::warn!(name = &**name, %error, "a target's name could not be resolved");
        }
        Notice::Failing { name, error, serving } => {
            tracing::warn!(
                name = &**name,
                %error,
                addresses = serving,
                "a target's name could not be resolved: its last addresses serve on"
            );
        }
        Notice::Over { name, after, failures } => {
            let seconds = after.as_secs_f64();
            tracing::info!(name = &**name, failures, seconds, "a target's name is resolved again");
        }
        Notice::Removed { name } => {
            tracing::info!(
                name = &**name,
                "a target's name that could not be resolved was removed"
            );
        }
        Notice::LeftOut { name, addresses } => {
            tracing::warn!(
                name = &**name,
                addresses,
                "a name has more than {MOST_MEMBERS} addresses: these are left out"
            );
        }
    }
}

fn log_counts(not_logged: Counts) {
    let Counts { failing, over, removed, left_out } = not_logged;
    if failing > 0 {
        tracing::warn!(count = failing, "names of further targets could not be resolved");
    }
    if over > 0 {
        tracing::info!(count = over, "names of further targets are resolved again");
    }
    if removed > 0 {
        tracing::info!(
            count = removed,
            "further names of targets that could not be resolved were removed"
        );
    }
    if left_out > 0 {
        tracing::warn!(count = left_out, "further names have more than {MOST_MEMBERS} addresses");
    }
}
