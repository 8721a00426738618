//! One simulated instance: the decisions of [`Follower`], carried out without a process.

use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use fleet::{
    Action, Connects, CurrentReading, Etcd, Event, Follower, Instance, Keys, Moment, PublishedText,
    Running, Status, Store as _, StoreError, unpack,
};
use plan::FleetStore;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::LIMIT;
use super::reader::Reader;
use super::reporter::Reporter;
use crate::failure::{Failure, Result};
use crate::random::Random;

/// The times of a real instance.
const LOOK: Duration = Duration::from_secs(1);
const NUMBERS: Duration = Duration::from_secs(2);

/// The observations of all instances.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) is_over: AtomicBool,
    /// Instances whose first status is in the store.
    pub(super) reported: Marks,
    /// Instances that have begun a trial.
    pub(super) tried: Marks,
    /// Instances that have confirmed it.
    pub(super) confirmed: Marks,
    pub(super) renewals: AtomicUsize,
    fault: Mutex<Option<String>>,
}

/// The times at which instances did the same.
#[derive(Default)]
pub(super) struct Marks(Mutex<Vec<Instant>>);

impl Marks {
    pub(super) fn add(&self) {
        self.lock().push(Instant::now());
    }

    /// The median and the last time since `begun`.
    pub(super) fn since(&self, begun: Instant) -> [Duration; 2] {
        let mut times = self.lock();
        times.sort();
        let since = |time: Option<&Instant>| {
            time.map_or(Duration::ZERO, |time| time.saturating_duration_since(begun))
        };
        [since(times.get(times.len() / 2)), since(times.last())]
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Waits until this many instances have done it.
    pub(super) fn await_all(&self, marks: &Marks, wanted: usize, what: &str) -> Result<()> {
        let begun = Instant::now();
        loop {
            let found = marks.lock().len();
            if found >= wanted {
                return Ok(());
            }
            if begun.elapsed() > LIMIT {
                let fault = self.fault().unwrap_or_else(|| "no failed request".to_owned());
                return Err(Failure::new(format!("{found} of {wanted} {what}; {fault}")));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(super) fn note(&self, result: &std::result::Result<(), StoreError>) {
        if let Err(error) = result {
            self.complain(error.to_string());
        }
    }

    /// Keeps the first failure.
    pub(super) fn complain(&self, words: String) {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.get_or_insert(words);
    }

    /// The first failure of a request.
    pub(super) fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Runs an instance until it is dropped.
pub(super) async fn run(store: FleetStore, number: usize, shared: Arc<Shared>) {
    let (etcd, keys) = (Arc::new(Etcd::new(&store, number)), Keys::new(&store.url.prefix));
    let name = format!("edge-{}", number + 1);
    let (sender, readings) = mpsc::channel(1);
    let (status, wanted) = watch::channel(None);
    let reader = Reader::new(Arc::clone(&etcd), keys.clone());
    let reporter = Reporter::new(Arc::clone(&etcd), keys.instance(&name), Arc::clone(&shared));
    let begun = Instant::now();
    let now = Moment { time: Duration::ZERO, at: SystemTime::now() };
    let running = Running::Settled { text: None, ended: None };
    let follower = Follower::new(&name, None, running, now);
    let random = Random::new(crate::stats::wide(number));
    let task =
        Task { etcd, keys, follower, begun, running: None, before: None, status, random, shared };
    tokio::join!(reader.run(sender), reporter.run(wanted), task.run(readings));
}

struct Task {
    etcd: Arc<Etcd>,
    keys: Keys,
    follower: Follower,
    begun: Instant,
    /// The text that a process would run, and the one before the trial.
    running: Option<PublishedText>,
    before: Option<PublishedText>,
    status: watch::Sender<Option<Instance>>,
    random: Random,
    shared: Arc<Shared>,
}

impl Task {
    async fn run(
        mut self,
        mut readings: mpsc::Receiver<std::result::Result<CurrentReading, StoreError>>,
    ) {
        let mut reported_at = Instant::now();
        loop {
            while let Some(action) = self.follower.next(self.begun.elapsed()) {
                let event = self.carry_out(action).await;
                self.handle(event);
            }
            let is_due = self.follower.is_on_trial() && reported_at.elapsed() >= NUMBERS;
            if self.report(is_due) {
                reported_at = Instant::now();
            }
            let wakes = self.follower.wakes_at().map(|at| at.saturating_sub(self.begun.elapsed()));
            tokio::select! {
                reading = readings.recv() => match reading {
                    Some(Ok(reading)) => {
                        let random = self.random.next();
                        self.handle(Event::Read { reading: Box::new(reading), random });
                    }
                    Some(Err(error)) => self.shared.complain(error.to_string()),
                    None => return,
                },
                () = sleep(wakes.unwrap_or(LOOK).min(LOOK)) => {}
            }
        }
    }

    fn handle(&mut self, event: Event) {
        let now = Moment { time: self.begun.elapsed(), at: SystemTime::now() };
        self.follower.handle(event, now);
    }

    async fn carry_out(&mut self, action: Action) -> Event {
        match action {
            Action::Save(_) => Event::Saved(Ok(())),
            Action::Fetch(hash) => {
                let parts = self.etcd.list(&self.keys.text(&hash)).await;
                let text = parts.map_err(|error| error.to_string()).and_then(|read| {
                    let parts: Vec<_> = read.value.into_iter().map(|part| part.value).collect();
                    unpack(hash, &parts).map_err(|error| error.to_string())
                });
                if let Err(error) = &text {
                    self.shared.complain(error.clone());
                }
                Event::Fetched(text.map(Arc::from))
            }
            Action::Apply { text, hold } => {
                self.before = self.running.replace(text);
                if hold.is_some() {
                    self.shared.tried.add();
                }
                Event::Applied(Ok(()))
            }
            Action::Extend { .. } => Event::Extended,
            Action::Confirm => {
                self.shared.confirmed.add();
                Event::Confirmed
            }
            Action::FallBack { why } => {
                self.shared.complain(format!("an instance fell back: {why}"));
                self.running = self.before.take();
                Event::FellBack { running: self.running.clone() }
            }
        }
    }

    /// Has the status written if it has changed, or if it is due because its numbers change. Returns whether it has.
    fn report(&mut self, is_due: bool) -> bool {
        let Status { revision, runs, state, why, since, .. } = self.follower.status();
        let is_same = |it: &Instance| {
            (it.revision, it.runs, it.state) == (revision, runs, state) && it.why == why
        };
        if !is_due && self.status.borrow().as_ref().is_some_and(is_same) {
            return false;
        }
        // Numbers that differ, as those of a serving instance do.
        let tried = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or_default();
        self.status.send_replace(Some(Instance {
            revision,
            runs,
            state,
            why,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            generation: revision,
            sessions: 1000,
            connects: Connects { tried, failed: 0 },
            since: since.rfc3339(),
        }));
        true
    }
}
