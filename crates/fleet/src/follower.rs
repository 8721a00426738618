//! The decisions of an instance: which text it runs, on trial or not, and its status.
//!
//! A [`Follower`] is pure: readings and results come in as [`Event`]s, and [`Follower::next`] returns one [`Action`] at
//! a time, until the process runs the text that `current` names, or the reason why it does not is in the status.

mod acceptance;
mod begin;
mod event;
mod status;
mod store_fault;
mod trial;

pub use begin::Running;
pub use event::{Action, CurrentReading, Event, Refusal};
pub use status::Status;
pub use store_fault::StoreFault;

use crate::keep::{KeepState, PublishedText, Trying};
use crate::model::{Current, InstanceState, On, TextHash, Trial};
use crate::moment::Moment;
use acceptance::accept;
use std::sync::Arc;
use std::time::Duration;
use trial::is_late;

/// Reason of a trial that ended without a decision.
pub const NOT_CONFIRMED: &str = "not confirmed in time";
/// Random delay of a start for each instance, and its bound, so that a text does not start everywhere at once.
const DELAY_EACH: Duration = Duration::from_millis(2);
const DELAY_MAX: Duration = Duration::from_secs(2);

/// The state of one instance's decisions.
#[derive(Debug)]
pub struct Follower {
    name: String,
    /// The state in `keep`, or to be written there.
    kept: KeepState,
    is_saved: bool,
    /// The trial in the state on the disk.
    recorded: Option<TextHash>,
    /// The text in the state on the disk, and its revision.
    held: Option<(TextHash, u64)>,
    /// Why `keep` could not be written.
    save_error: Option<String>,
    /// The published text that the process runs.
    running: Option<PublishedText>,
    /// The trial of `running`, if it is on trial.
    trial: Option<Trying>,
    /// Why the trial has to end.
    trial_fault: Option<String>,
    /// The latest `current` that was accepted.
    current: Option<Current>,
    /// Time of the last reading, also of one that was not accepted.
    last_read: Option<Duration>,
    /// The revision of `current` if its trial may be over already: see [`trial::is_late`].
    missed: Option<u64>,
    store_fault: Option<StoreFault>,
    /// The revision in the last reading, followed or not.
    named: Option<u64>,
    /// Why the latest text does not run yet: a fetch or an application without a trial failed.
    refusal: Option<Refused>,
    /// The process has logged the reason for the end of the last trial.
    is_end_logged: bool,
    fetched: Option<(TextHash, Arc<str>)>,
    in_flight: Option<Action>,
    /// The next reading tries the text again.
    is_blocked: bool,
    /// The next reading tries to save again.
    is_save_blocked: bool,
    not_before: Duration,
    /// The text of the last trial that was confirmed.
    confirmed: Option<TextHash>,
    /// The state since a time.
    since: Moment,
    state: InstanceState,
}

/// Why a text does not run yet.
#[derive(Debug)]
struct Refused {
    why: String,
    state: InstanceState,
    /// The process has logged the reason.
    is_logged: bool,
}

/// The text for an instance.
enum Wanted {
    Stable(TextHash),
    Trial { text: TextHash, hold: Duration },
}

impl Follower {
    /// Takes in an event.
    pub fn handle(&mut self, event: Event, now: Moment) {
        match event {
            Event::Read { reading, random } => self.on_read(*reading, random, now),
            Event::Fetched(result) => self.on_fetched(result),
            Event::Saved(result) => self.on_saved(result, now),
            Event::Applied(result) => self.on_applied(result, now),
            Event::Extended => self.on_extended(),
            Event::Confirmed => self.on_confirmed(),
            Event::FellBack { running } => {
                self.in_flight = None;
                let why = self.trial_fault.take();
                self.end_trial(&why.unwrap_or_default(), running, now);
            }
            Event::TrialEnded { why, running } => {
                self.in_flight.take_if(|it| matches!(it, Action::Extend { .. } | Action::Confirm));
                self.end_trial(&why, running, now);
            }
            Event::TrialFailed(why) => {
                self.trial_fault = self.trial_fault.take().or(self.trial.map(|_| why));
            }
        }
        self.forget_unwanted_text();
        let state = self.state_now();
        if state != self.state {
            (self.state, self.since) = (state, now);
        }
    }

    /// The next thing to do; its result is an event. `None` until another event, or until [`Self::wakes_at`].
    pub fn next(&mut self, now: Duration) -> Option<Action> {
        if self.in_flight.is_some() {
            return None;
        }
        let action = self.decide(now)?;
        self.in_flight = Some(action.clone());
        Some(action)
    }

    /// When the follower has something to do without an event.
    pub fn wakes_at(&self) -> Option<Duration> {
        let is_blocked = self.is_blocked || self.is_save_blocked;
        let waits = self.in_flight.is_none() && !is_blocked && self.trial.is_none();
        (waits && self.wanted_change().is_some()).then_some(self.not_before)
    }

    /// Whether a trial runs.
    pub fn is_on_trial(&self) -> bool {
        self.trial.is_some()
    }

    fn decide(&mut self, now: Duration) -> Option<Action> {
        // The end of a trial waits for no disk.
        if let Some(action) = self.decide_trial() {
            return Some(action);
        }
        if !self.is_saved {
            return (!self.is_save_blocked).then(|| Action::Save(self.kept.clone()));
        }
        if self.trial.is_some() || self.is_blocked || now < self.not_before {
            return None;
        }
        let (hash, hold) = match self.wanted_change()? {
            Wanted::Stable(text) => (text, None),
            Wanted::Trial { text, hold } => (text, Some(hold)),
        };
        let Some(text) = self.text_of(hash) else { return Some(Action::Fetch(hash)) };
        let revision = self.kept.revision;
        let trying = hold.map(|_| Trying { revision, text: hash });
        if self.kept.trying != trying {
            // A crash during the trial must not begin it again.
            self.change_kept(|kept| kept.trying = trying);
            return Some(Action::Save(self.kept.clone()));
        }
        Some(Action::Apply { text: PublishedText { hash, revision, text }, hold })
    }

    /// What `current` names, unless it runs already or this instance has ended its trial. Before the first reading, the
    /// last good text: a start does not run it if `keep` could not be read then.
    fn wanted_change(&self) -> Option<Wanted> {
        let Some(current) = &self.current else {
            let good = self.kept.good.as_ref().filter(|_| self.running.is_none())?;
            return Some(Wanted::Stable(good.hash));
        };
        let ended = self.kept.ended.as_ref().map(|ended| ended.text);
        let is_open = |trial: &&Trial| Some(trial.text) != ended && self.missed.is_none();
        if let Some(trial) = current.trial_for(&self.name).filter(is_open) {
            return Some(Wanted::Trial { text: trial.text, hold: trial.hold });
        }
        let stable = current.stable?;
        let runs = self.running.as_ref().is_some_and(|good| good.hash == stable);
        (!runs).then_some(Wanted::Stable(stable))
    }

    /// The text of a trial that has not begun here.
    fn trial_to_begin(&self) -> Option<TextHash> {
        if self.trial.is_some() {
            return None;
        }
        let recorded = self.kept.trying.map(|trying| trying.text);
        recorded.or_else(|| match self.wanted_change()? {
            Wanted::Trial { text, .. } => Some(text),
            Wanted::Stable(_) => None,
        })
    }

    /// Whether it has read the store. A publisher waits for each instance with a status, and one that has not read would
    /// take no part in the trial.
    pub fn has_read(&self) -> bool {
        self.last_read.is_some()
    }

    fn runs_on_trial(&self, text: TextHash) -> bool {
        self.trial.is_some_and(|trial| trial.text == text)
    }

    fn is_recorded(&self, text: TextHash) -> bool {
        self.kept.trying.is_some_and(|trying| trying.text == text)
    }

    fn text_of(&self, hash: TextHash) -> Option<Arc<str>> {
        let known = self.running.iter().chain(&self.kept.good).find(|good| good.hash == hash);
        let fetched = self.fetched.as_ref().filter(|(of, _)| *of == hash).map(|(_, text)| text);
        known.map(|good| &good.text).or(fetched).cloned()
    }

    /// Frees a fetched text, which may be large, once it runs or nothing names it.
    fn forget_unwanted_text(&mut self) {
        let wanted =
            self.wanted_change().map(|(Wanted::Stable(text) | Wanted::Trial { text, .. })| text);
        let running = self.running.as_ref().map(|text| text.hash);
        self.fetched.take_if(|(hash, _)| wanted != Some(*hash) || running == Some(*hash));
    }

    fn change_kept(&mut self, change: impl FnOnce(&mut KeepState)) {
        let before = self.kept.clone();
        change(&mut self.kept);
        self.is_saved &= self.kept == before;
    }

    fn on_read(&mut self, reading: CurrentReading, random: u64, now: Moment) {
        (self.is_blocked, self.is_save_blocked) = (false, false);
        let last_read = self.last_read.replace(now.time);
        let CurrentReading { cluster, current, instances } = reading;
        let named = current.as_ref().and_then(|current| current.as_ref().ok());
        self.named = named.map(|current| current.revision);
        let accepted = accept(&self.kept, self.current.as_ref(), cluster, current);
        let current = match accepted {
            Ok(current) => current,
            Err((fault, foreign)) => {
                if foreign.is_some() {
                    self.change_kept(|kept| kept.foreign = foreign);
                }
                self.store_fault = Some(fault);
                return;
            }
        };
        self.store_fault = None;
        let is_new = self.current.as_ref() != Some(&current);
        let on_trial = current.trial.as_ref().map(|trial| trial.text);
        self.change_kept(|kept| {
            (kept.cluster, kept.revision, kept.foreign) = (cluster, current.revision, None);
            // Published again later, the text is tried again.
            kept.ended.take_if(|ended| Some(ended.text) != on_trial);
            if let (Some(ended), true) = (&mut kept.ended, on_trial.is_some()) {
                ended.revision = current.revision;
            }
        });
        let is_canary = current.trial_for(&self.name).is_some_and(|trial| trial.on != On::ALL);
        if is_new {
            let begins = current.trial.as_ref().filter(|it| !self.runs_on_trial(it.text));
            let is_late = begins.is_some_and(|trial| is_late(trial, last_read, now.time));
            self.missed = is_late.then_some(current.revision);
        }
        self.current = Some(current);
        if !matches!(self.wanted_change(), Some(Wanted::Trial { text, .. }) if self.is_recorded(text))
        {
            self.withdraw_record();
        }
        self.keep_what_runs();
        if is_new {
            self.refusal = None;
            let delay = if is_canary { Duration::ZERO } else { delay(instances, random) };
            self.not_before = now.time + delay;
        }
    }

    /// Keeps a stable text that runs already, as after `keep` was lost.
    fn keep_what_runs(&mut self) {
        let stable = self.current.as_ref().and_then(|current| current.stable);
        let runs = self.running.clone().filter(|good| Some(good.hash) == stable);
        let is_kept = self.kept.good.as_ref().map(|good| good.hash) == stable;
        if self.trial.is_none() && runs.is_some() && !is_kept {
            self.change_kept(|kept| kept.good = runs);
        }
    }

    fn on_fetched(&mut self, result: Result<Arc<str>, String>) {
        let Some(Action::Fetch(hash)) = self.in_flight.take() else { return };
        match result {
            Ok(text) => self.fetched = Some((hash, text)),
            Err(why) => self.block(Refused { why, state: self.state, is_logged: false }),
        }
    }

    /// Leaves the text until the next reading.
    fn block(&mut self, refused: Refused) {
        self.refusal = Some(refused);
        self.is_blocked = true;
    }

    fn on_saved(&mut self, result: Result<(), String>, now: Moment) {
        let Some(Action::Save(saved)) = self.in_flight.take() else { return };
        match result {
            Ok(()) => {
                self.save_error = None;
                self.recorded = saved.trying.map(|trying| trying.text);
                self.held = saved.good.as_ref().map(|good| (good.hash, good.revision));
                self.is_saved = self.kept == saved;
            }
            Err(error) => {
                self.is_save_blocked = true;
                self.is_saved = false;
                self.end_if_unrecorded(&error);
                if let Some(text) = self.trial_to_begin() {
                    let why = format!("the trial cannot be recorded: {error}");
                    self.end(text, InstanceState::Refused, why, now);
                    self.is_end_logged = false;
                }
                self.save_error = Some(error);
            }
        }
    }

    fn on_applied(&mut self, result: Result<(), Refusal>, now: Moment) {
        let Some(Action::Apply { text, hold }) = self.in_flight.take() else { return };
        let hash = text.hash;
        match result {
            Ok(()) => {
                self.refusal = None;
                self.confirmed = None;
                if hold.is_some() {
                    let trying = Trying { revision: text.revision, text: hash };
                    self.trial = Some(trying);
                    self.change_kept(|kept| kept.trying = Some(trying));
                } else {
                    self.change_kept(|kept| kept.good = Some(text.clone()));
                }
                self.running = Some(text);
            }
            Err(Refusal::Busy(why)) => {
                self.withdraw_record();
                self.block(Refused { why, state: self.state, is_logged: true });
            }
            Err(Refusal::Unfit(why)) if hold.is_some() => {
                self.end(hash, InstanceState::Refused, why, now);
            }
            Err(Refusal::Unfit(why)) => {
                let state = InstanceState::Refused;
                self.block(Refused { why, state, is_logged: true });
            }
        }
    }
}

/// A delay before a start, at most 2 s and 2 ms for each instance.
fn delay(instances: u64, random: u64) -> Duration {
    let each = DELAY_EACH.saturating_mul(u32::try_from(instances).unwrap_or(u32::MAX));
    let most = u64::try_from(each.min(DELAY_MAX).as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(random % (most + 1))
}
