//! The task that follows the fleet's store. It reads the store, carries out the decisions of a [`Follower`], and
//! writes the status of this instance.

mod carry_out;
mod certificates;
mod flag;
mod health;
mod namesake;
mod process;
mod reader;
mod reporter;
mod view;

use crate::handle::Gone;
use crate::kept_text::OpenedKeep;
use crate::supervisor::SupervisorHandle;
use crate::supervisor::reload::{FleetStatus, TrialBegin};
use certificates::Certificates;
use flag::is_set;
use fleet::{
    ConnectCheck, Connects, Etcd, Event, Follower, Instance, Keep, Keys, Moment, TextHash,
};
use health::Health;
use plan::{Fleet, FleetStore};
use process::{connects, ended};
use reader::{ReadResult, Reader};
use reporter::Reporter;
use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::watch;
use tokio::time::sleep_until;
use view::unopened;

/// Time between two checks of a running trial.
const TRIAL_CHECK_PERIOD: Duration = Duration::from_secs(1);
/// Time between two counts of connects without a trial.
const COUNT_PERIOD: Duration = Duration::from_secs(10);
/// Time between two statuses of a running trial, whose numbers change all the time.
const STATUS_PERIOD: Duration = Duration::from_secs(2);
/// Time until `keep` is opened again after a failure.
const REOPEN_DELAY: Duration = Duration::from_secs(10);
/// Actions without a pause.
const ACTIONS_MAX: usize = 32;

/// Follows the store until `leaving` is true or the process ends. Returns at once for a process without a fleet.
pub(crate) async fn follow_fleet(
    handle: SupervisorHandle,
    keep: Option<OpenedKeep>,
    is_start: bool,
    mut leaving: watch::Receiver<bool>,
) {
    let follow = async {
        let begun = tokio::select! {
            begun = Task::begin(handle, keep, is_start) => begun?,
            () = is_set(&mut leaving) => None,
        };
        let Some(mut task) = begun else { return Ok(None) };
        tokio::select! {
            result = task.run() => result.map(|()| None),
            () = is_set(&mut leaving) => Ok(Some(task)),
        }
    };
    let stopped: Result<Option<Task>, Gone> = follow.await;
    if let Ok(Some(task)) = stopped {
        task.reporter.leave().await;
    }
}

struct Task {
    handle: SupervisorHandle,
    name: String,
    /// A thread writes to it.
    keep: Arc<Mutex<Keep>>,
    follower: Follower,
    store: FleetStore,
    client: Arc<Etcd>,
    keys: Keys,
    reader: Reader,
    reporter: Reporter,
    health: Health,
    begun: Instant,
    connect_check: ConnectCheck,
    /// The forwards that the trial adds or changes.
    judged: Arc<HashSet<String>>,
    next_check: Instant,
    counted_at: Option<Instant>,
    /// Opened and failed sessions of the process when the text began to run.
    base: Connects,
    /// That text. `base` is 0 for that of the start.
    base_of: Option<TextHash>,
    reported: Option<Instance>,
    reported_at: Option<Instant>,
    /// The status in the views.
    shown: Option<FleetStatus>,
    certificates: Certificates,
    logged: String,
}

impl Task {
    /// Opens the store, and `keep` unless the start has. `None` without a fleet.
    async fn begin(
        handle: SupervisorHandle,
        opened: Option<OpenedKeep>,
        is_start: bool,
    ) -> Result<Option<Self>, Gone> {
        let Some(Fleet { store, name, keep }) = handle.ask(|it| it.fleet_settings()).await? else {
            return Ok(None);
        };
        let name = name.unwrap_or_else(sys::host_name);
        let begun = Instant::now();
        let now = Moment { time: Duration::ZERO, at: SystemTime::now() };
        let OpenedKeep { keep, kept, damage } = open_keep(opened, &handle, &name, &keep).await?;
        let (view, trial) = handle.ask(|it| (it.published(), it.trial_begin())).await?;
        let mut follower = Follower::new(&name, kept, view.standing(), now).with_damage(damage);
        if !is_start {
            follower = follower.with_last_reading(Duration::ZERO);
        }
        let base_of = follower.status().runs;
        let (client, keys) = connect(&store);
        let reader = Reader::start(client.clone(), keys.clone());
        let reporter = Reporter::start(client.clone(), keys.instance(&name));
        let mut task = Self {
            handle,
            name,
            keep: Arc::new(Mutex::new(keep)),
            follower,
            store,
            client,
            keys,
            reader,
            reporter,
            health: Health::default(),
            begun,
            connect_check: ConnectCheck::default(),
            judged: Arc::default(),
            next_check: begun,
            counted_at: None,
            base: Connects::default(),
            base_of,
            reported: None,
            reported_at: None,
            shown: None,
            certificates: Certificates::default(),
            logged: String::new(),
        };
        task.resume_trial(trial);
        Ok(Some(task))
    }

    /// Goes on with a trial that an upgrade in place has carried over.
    fn resume_trial(&mut self, trial: Option<TrialBegin>) {
        if let Some(begin) = trial {
            self.connect_check.resume(begin.connects.clone());
            self.follow_trial_begin(Some(begin));
        }
    }

    async fn run(&mut self) -> Result<(), Gone> {
        loop {
            self.act().await?;
            self.show().await?;
            let wakes_at = self.follower.wakes_at().map(|at| self.begun + at);
            let until = wakes_at.map_or(self.next_check, |at| at.min(self.next_check));
            tokio::select! {
                result = self.reader.next() => self.on_read(result).await?,
                () = sleep_until(until.into()) => {}
            }
            // Readings, which any writer of the store causes, must not postpone it.
            if Instant::now() >= self.next_check {
                self.next_check = Instant::now() + TRIAL_CHECK_PERIOD;
                self.check_trial().await?;
            }
            self.follow_settings().await?;
        }
    }

    fn now(&self) -> Moment {
        Moment { time: self.begun.elapsed(), at: SystemTime::now() }
    }

    /// Passes an event to the follower, and shows the result before the next one: no state is left out.
    async fn handle(&mut self, event: Event) -> Result<(), Gone> {
        let now = self.now();
        self.follower.handle(event, now);
        self.show_view().await
    }

    async fn on_read(&mut self, result: ReadResult) -> Result<(), Gone> {
        match result {
            Ok(reading) => {
                self.health.succeeded();
                let reading = Box::new(reading);
                self.handle(Event::Read { reading, random: sys::random_u64() }).await
            }
            Err(error) => {
                self.health.failed(error);
                self.show_view().await
            }
        }
    }

    /// Connects to another store, or with another login, after a reload.
    async fn follow_settings(&mut self) -> Result<(), Gone> {
        let Some(Fleet { store, .. }) = self.handle.ask(|it| it.fleet_settings()).await? else {
            return Ok(());
        };
        if store != self.store {
            (self.client, self.keys) = connect(&store);
            self.store = store;
            self.reader = Reader::start(self.client.clone(), self.keys.clone());
            self.reporter.replace(self.client.clone(), self.keys.instance(&self.name));
            self.reported = None;
            self.certificates = Certificates::default();
            tracing::info!(store = %self.store.url, "the fleet's store has changed");
        }
        Ok(())
    }

    /// Carries out the decisions of the follower.
    async fn act(&mut self) -> Result<(), Gone> {
        for _ in 0..ACTIONS_MAX {
            let Some(action) = self.follower.next(self.begun.elapsed()) else { break };
            let event = self.carry_out(action).await?;
            self.handle(event).await?;
        }
        Ok(())
    }

    /// Checks a running trial, or counts for the next one.
    async fn check_trial(&mut self) -> Result<(), Gone> {
        let is_on_trial = self.follower.is_on_trial();
        if !is_on_trial {
            self.connect_check.end();
        }
        if is_on_trial || self.counted_at.is_none_or(|at| at.elapsed() >= COUNT_PERIOD) {
            self.counted_at = Some(Instant::now());
            let judged = is_on_trial.then(|| self.judged.clone());
            let counters = self.handle.ask(move |it| connects(it, judged.as_deref())).await?;
            if let Some(why) = self.connect_check.take(self.begun.elapsed(), &counters) {
                self.handle(Event::TrialFailed(why)).await?;
            }
        }
        if !is_on_trial {
            return Ok(());
        }
        let (view, lost) = self.handle.ask(|it| (it.published(), it.lost_in_trial())).await?;
        if view.on_trial.is_none() {
            self.handle(ended(view)).await?;
        } else if let Some(lost) = lost {
            self.handle(Event::TrialFailed(format!("listener lost: {lost}"))).await?;
        }
        Ok(())
    }
}

/// Opens `keep` unless the start has, and retries until that succeeds.
async fn open_keep(
    opened: Option<OpenedKeep>,
    handle: &SupervisorHandle,
    name: &str,
    path: &Path,
) -> Result<OpenedKeep, Gone> {
    if let Some(opened) = opened {
        return Ok(opened);
    }
    let mut logged = String::new();
    loop {
        let error = match OpenedKeep::open(path) {
            Ok(opened) => return Ok(opened),
            Err(error) => error.to_string(),
        };
        if logged != error {
            logged.clone_from(&error);
            tracing::error!(error, "the directory of the fleet cannot be used");
        }
        let status = unopened(name, &error);
        handle.ask(move |it| it.set_fleet_status(status)).await?;
        tokio::time::sleep(REOPEN_DELAY).await;
    }
}

fn connect(store: &FleetStore) -> (Arc<Etcd>, Keys) {
    // Spreads the instances over the members.
    let first = usize::try_from(sys::random_u64() % 1024).unwrap_or_default();
    (Arc::new(Etcd::new(store, first)), Keys::new(&store.url.prefix))
}
