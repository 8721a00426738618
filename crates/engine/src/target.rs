//! One target: its address, and the state shared by its sessions.

use crate::checked::Checked;
use crate::counters::Count;
use crate::down_cause::DownCause;
use crate::own_header::OwnHeader;
use crate::permit::{Gate, Waiters};
use crate::probe_state::ProbeState;
use crate::reach::Reach;
use crate::state_change::{StateChange, micros_since_epoch, since_epoch};
use crate::target_address::TargetAddress;
use flow::{Passive, PassiveHealth, Time};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// One target: its address, and the state shared by its sessions. Its identity is the address: an
/// address that stays in a set keeps its `Target`. A session keeps its target until it ends.
pub(crate) struct Target {
    /// Unique in this process image.
    pub(crate) id: u64,
    pub(crate) address: TargetAddress,
    /// The address, as shown.
    pub(crate) text: Arc<str>,
    /// Counts its sessions, up to its own limit.
    pub(crate) gate: Gate,
    /// Its own settings of the header that it gets.
    pub(crate) header: OwnHeader,
    /// What checks have found.
    pub(crate) checked: Checked,
    health: Mutex<PassiveHealth>,
    /// While the target is down: when a client may try it, in microseconds. 0 while it is up.
    tried_from: AtomicU64,
    /// The next connect changes its health.
    has_failures: AtomicBool,
    pub(crate) reach: Reach,
    pub(crate) probe: ProbeState,
    /// When an operator has drained it, in microseconds since 1970; 0 while it is not drained.
    drained_at: AtomicU64,
    /// Usual time of a connect in microseconds; 0 before the first.
    usual_micros: AtomicU32,
    /// The address of its name that was connected last.
    worked: Mutex<Option<SocketAddr>>,
    /// Begin of its slow start, in microseconds; 0 without one, or [`NOT_BEGUN`].
    up_since: AtomicU64,
    /// While it has sessions and no set: when it left the last one, in microseconds; else 0.
    removed_at: AtomicU64,
    /// The last change of its state.
    change: Mutex<Option<StateChange>>,
    /// Attempts to connect, by worker.
    connects: Box<[Connects]>,
}

/// Attempts of one worker to connect to a target that have ended.
#[derive(Default)]
struct Connects {
    connected: Count,
    failed: Count,
}

impl Target {
    /// A target without sessions and without a limit, in the state *up*. Its room wakes `waiters`.
    pub(crate) fn new(address: &plan::Target, workers: usize, waiters: Arc<Waiters>) -> Self {
        let text = address.to_string();
        Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            address: address.into(),
            text: text.into(),
            gate: Gate::with_waiters(NO_LIMIT, waiters),
            header: OwnHeader::default(),
            checked: Checked::default(),
            health: Mutex::default(),
            tried_from: AtomicU64::new(0),
            has_failures: AtomicBool::new(false),
            reach: Reach::default(),
            probe: ProbeState::default(),
            drained_at: AtomicU64::new(0),
            usual_micros: AtomicU32::new(0),
            worked: Mutex::new(None),
            up_since: AtomicU64::new(NOT_BEGUN),
            removed_at: AtomicU64::new(0),
            change: Mutex::new(None),
            connects: (0..workers).map(|_| Connects::default()).collect(),
        }
    }

    /// The new target with the state that [`Target::saved`] returned.
    pub(crate) fn restored(self, saved: &handover::Target) -> Self {
        let mut target = self;
        if let Some(checked) = &saved.checked {
            target.checked = Checked::restored(checked);
        }
        target.change_health(|health| {
            *health = PassiveHealth::restored(&saved.passive);
            false
        });
        target.reach = Reach::restored(saved.reach, saved.unreachable.as_ref());
        target.probe = ProbeState::restored(saved.unprobed);
        target.up_since.store(saved.up_since, Ordering::Relaxed);
        target.removed_at.store(saved.removed_at, Ordering::Relaxed);
        target.usual_micros.store(saved.usual_micros, Ordering::Relaxed);
        let drained_at = if saved.drained { saved.drained_at.max(UNKNOWN_TIME) } else { 0 };
        target.drained_at.store(drained_at, Ordering::Relaxed);
        if let Some(first) = target.connects.first() {
            first.connected.add(saved.connected);
            first.failed.add(saved.failed);
        }
        *target.lock_change() = saved.change.as_ref().map(StateChange::restored);
        target
    }

    /// Its health and counts, for the next process image; `None` if they are those of a new target.
    pub(crate) fn saved(&self) -> Option<handover::Target> {
        let health = *self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let (reach, unreachable) = self.reach.saved();
        let [connected, failed] = self.connects();
        let saved = handover::Target {
            address: String::new(),
            passive: if health.has_failures() { health.saved() } else { Vec::new() },
            checked: self.checked.saved(),
            change: self.change().as_ref().map(StateChange::saved),
            up_since: Some(self.up_since.load(Ordering::Relaxed))
                .filter(|since| *since != NOT_BEGUN)
                .unwrap_or_default(),
            drained: self.is_drained(),
            connected,
            failed,
            removed_at: self.removed_at.load(Ordering::Relaxed),
            drained_at: self.drained_at.load(Ordering::Relaxed),
            usual_micros: self.usual_micros.load(Ordering::Relaxed),
            reach,
            unreachable,
            unprobed: self.probe.is_pending(),
        };
        let is_new = saved == handover::Target::default();
        (!is_new).then(|| handover::Target { address: self.text.to_string(), ..saved })
    }

    /// Notes that no set of its forward has it any more, and returns since when.
    pub(crate) fn note_removed(&self, now: Time) -> Time {
        let since = self.removed_at.load(Ordering::Relaxed);
        // Later than now: the state of the previous process image was damaged.
        let since = if since == 0 { now.as_micros() } else { since.min(now.as_micros()) };
        self.removed_at.store(since.max(1), Ordering::Relaxed);
        Time::from_micros(since)
    }

    /// Notes that a set has it, or that no session has it any more.
    pub(crate) fn clear_removed(&self) {
        self.removed_at.store(0, Ordering::Relaxed);
    }

    /// The last change of its state.
    pub(crate) fn change(&self) -> Option<StateChange> {
        self.lock_change().clone()
    }

    /// Notes that it is down now.
    pub(crate) fn note_down(&self, at: SystemTime, cause: &DownCause, failures: u32) {
        let (noun, cause) = match cause {
            DownCause::Connects(cause) => ("failed connect", cause.of_target()),
            DownCause::Checks(error) => ("failed check", &**error),
        };
        let counted = plan::counted(failures, noun);
        let why = match failures {
            1 => format!("{counted}: {cause}"),
            _ => format!("{counted} in a row, the last one: {cause}"),
        };
        let why = Some(why.into());
        *self.lock_change() = Some(StateChange { at, why });
    }

    /// Notes that it is up, and begins its slow start. Returns how long it was noted as down, if it was.
    pub(crate) fn note_up(&self, at: SystemTime, now: Time) -> Option<Duration> {
        let before = self.lock_change().replace(StateChange { at, why: None });
        self.up_since.store(now.as_micros().max(1), Ordering::Relaxed);
        let down_since = before.filter(|change| change.why.is_some())?.at;
        Some(at.duration_since(down_since).unwrap_or_default())
    }

    /// Begins the slow start of a target that was added to a set in use. Those that a set begins with have
    /// none: they share alike.
    pub(crate) fn begin(&self, now: Time, was_added: bool) {
        if self.up_since.load(Ordering::Relaxed) == NOT_BEGUN {
            let since = if was_added { now.as_micros().max(1) } else { 0 };
            self.up_since.store(since, Ordering::Relaxed);
        }
    }

    /// Its weight during the slow start, in parts of [`flow::WEIGHT_PARTS`].
    pub(crate) fn ramped(&self, weight: u32, now: Time, slow_start: Duration) -> u32 {
        let lasts = match self.up_since.load(Ordering::Relaxed) {
            0 | NOT_BEGUN => Duration::MAX,
            since => now.since(Time::from_micros(since)),
        };
        flow::ramped(weight, lasts, slow_start)
    }

    /// Notes a check of the address that clients connect to. True if the target comes back by that from failed
    /// connects.
    pub(crate) fn connect_checked(&self, has_succeeded: bool, now: Time, rise: u32) -> bool {
        self.has_failed_connects()
            && self.change_health(|health| health.checked(has_succeeded, now, rise))
    }

    fn lock_change(&self) -> MutexGuard<'_, Option<StateChange>> {
        self.change.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an operator has drained it: it takes no new session, not even while no target is up.
    pub(crate) fn is_drained(&self) -> bool {
        self.drained_at.load(Ordering::Relaxed) != 0
    }

    /// When an operator has drained it; `None` if it is not drained, or a version that noted no time drained it.
    pub(crate) fn drained_at(&self) -> Option<SystemTime> {
        let at = self.drained_at.load(Ordering::Relaxed);
        (at > UNKNOWN_TIME).then(|| since_epoch(at))
    }

    /// Drains it at that time, or lets it take sessions again. True if that is a change.
    pub(crate) fn set_drained(&self, at: Option<SystemTime>) -> bool {
        if self.is_drained() == at.is_some() {
            return false;
        }
        let at = at.map_or(0, |at| micros_since_epoch(at).max(UNKNOWN_TIME));
        self.drained_at.store(at, Ordering::Relaxed);
        true
    }

    /// Limits its sessions as configured. The caller wakes the workers that wait for a place, after the set with
    /// this limit is in force.
    pub(crate) fn set_limit(&self, entry: &plan::TargetEntry) {
        self.gate.store_limit(limit(entry));
    }

    /// The limit of its sessions; `None` if there is none.
    pub(crate) fn limit(&self) -> Option<u32> {
        Some(self.gate.limit()).filter(|limit| *limit != NO_LIMIT)
    }

    /// When a client may try the target, if nothing but failed connects of the past prevents it now.
    pub(crate) fn trial_at(&self, now: Time) -> Option<Time> {
        self.tried_from().filter(|at| *at > now && !self.checked.is_down() && !self.is_drained())
    }

    /// The connects of all workers, and their failed attempts.
    pub(crate) fn connects(&self) -> [u64; 2] {
        let sum =
            |count: fn(&Connects) -> &Count| self.connects.iter().map(|it| count(it).get()).sum();
        [sum(|connects| &connects.connected), sum(|connects| &connects.failed)]
    }

    /// Whether passive health permits a session, and how many. After its back-off, a target takes one client
    /// that tries it; without a free place for that one it stays down, so that others serve.
    pub(crate) fn room(&self, now: Time) -> (bool, u32) {
        let free = self.gate.free();
        match self.tried_from() {
            None => (true, free),
            Some(from) if now >= from => (free > 0, free.min(1)),
            Some(_) => (false, free),
        }
    }

    /// Whether it is out of use, after failed connects or checks.
    pub(crate) fn is_down(&self) -> bool {
        self.is_down_in(true)
    }

    /// Whether it is out of use in a set with or without passive health.
    pub(crate) fn is_down_in(&self, has_passive_health: bool) -> bool {
        self.checked.is_down() || has_passive_health && self.has_failed_connects()
    }

    /// Whether it is out of use after failed connects.
    fn has_failed_connects(&self) -> bool {
        self.tried_from.load(Ordering::Relaxed) != 0
    }

    /// When a client may try it, while it is out of use.
    pub(crate) fn tried_from(&self) -> Option<Time> {
        let from = self.tried_from.load(Ordering::Relaxed);
        (from != 0).then(|| Time::from_micros(from))
    }

    /// Whether the selected target takes the session. Of a target that may be tried again, one client gets
    /// true; its result, or `until`, permits the next one. One that is not to be tried yet was selected
    /// because no target is up.
    pub(crate) fn admits(&self, now: Time, until: Time) -> bool {
        if self.tried_from().is_none_or(|from| now < from) {
            return true;
        }
        self.change_health(|health| health.try_to_return(now, until) || !health.is_down())
    }

    /// Notes that a client could not connect. True if the target goes down by that.
    pub(crate) fn failed(&self, now: Time, rules: &Passive) -> bool {
        self.change_health(|health| health.failed(now, rules))
    }

    /// Notes that a client has connected. True if the target comes back by that.
    pub(crate) fn works(&self) -> bool {
        // The usual case: no lock.
        self.has_failures.load(Ordering::Relaxed) && self.change_health(PassiveHealth::connected)
    }

    /// Changes the health, and publishes it to the workers.
    fn change_health(&self, change: impl FnOnce(&mut PassiveHealth) -> bool) -> bool {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut health);
        let from = health.may_be_tried_at().map_or(0, |at| at.as_micros().max(1));
        self.tried_from.store(from, Ordering::Relaxed);
        self.has_failures.store(health.has_failures(), Ordering::Relaxed);
        result
    }

    /// Counts a connect of `worker` to `address` that took this long.
    pub(crate) fn connected(&self, worker: usize, address: Option<SocketAddr>, took: Duration) {
        self.connects[worker].connected.add(1);
        let took = u32::try_from(took.as_micros()).unwrap_or(u32::MAX).max(1);
        let usual = self.usual_micros.load(Ordering::Relaxed);
        // A moving average. Two workers may overwrite each other, which does no harm.
        let usual = if usual == 0 { took } else { usual - usual / 8 + took / 8 };
        self.usual_micros.store(usual, Ordering::Relaxed);
        if self.address.is_resolved() {
            *self.worked.lock().unwrap_or_else(PoisonError::into_inner) = address;
        }
    }

    /// The time that a connect usually takes; zero before the first.
    pub(crate) fn usual_connect_time(&self) -> Duration {
        Duration::from_micros(self.usual_micros.load(Ordering::Relaxed).into())
    }

    /// The address of its name that was connected last.
    pub(crate) fn worked(&self) -> Option<SocketAddr> {
        *self.worked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a failed attempt of `worker`.
    pub(crate) fn connect_failed(&self, worker: usize) {
        self.connects[worker].failed.add(1);
    }
}

/// The id of the next target.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// [`Target::drained_at`] of a target that was drained at an unknown time.
const UNKNOWN_TIME: u64 = 1;

/// Begin of the slow start of a target that was in no set yet.
const NOT_BEGUN: u64 = u64::MAX;

/// The limit of a gate without a limit.
const NO_LIMIT: u32 = u32::MAX;

/// The limit of a target's own sessions.
pub(crate) fn limit(target: &plan::TargetEntry) -> u32 {
    target.options.max_sessions.map_or(NO_LIMIT, NonZeroU32::get)
}
