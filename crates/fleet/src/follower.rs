//! The decisions of an instance: which text it runs, on trial or not, and its status.
//!
//! A [`Follower`] is pure: readings and results come in as [`Event`]s, and [`Follower::next`] returns one [`Action`] at
//! a time, until the process runs the text that `current` names, or the reason why it does not is in the status.

mod acceptance;
mod event;
mod status;
mod store_fault;

pub use event::{Action, Event, Moment, Reading, Refusal};
pub use status::Status;
pub use store_fault::StoreFault;

use crate::keep::{Ended, Good, Kept, Trying};
use crate::model::{Current, InstanceState, TextHash};
use acceptance::accept;
use std::sync::Arc;
use std::time::Duration;

/// Why a trial ends that nothing confirmed.
pub const NOT_CONFIRMED: &str = "not confirmed in time";
/// Why a trial ends at a start.
const RESTARTED: &str = "restarted during the trial";
/// Random delay of a start for each instance, and its bound, so that a text does not start everywhere at once.
const DELAY_EACH: Duration = Duration::from_millis(2);
const DELAY_MAX: Duration = Duration::from_secs(2);

/// The state of one instance's decisions.
#[derive(Debug)]
pub struct Follower {
    name: String,
    /// The state in `keep`, or to be written there.
    kept: Kept,
    is_saved: bool,
    /// Why `keep` could not be written.
    save_error: Option<String>,
    /// The published text that the process runs.
    running: Option<Good>,
    /// The trial of `running`, if it is on trial.
    trial: Option<Trying>,
    /// Why the trial has to end.
    trial_fault: Option<String>,
    /// The latest `current` that was accepted.
    current: Option<Current>,
    store_fault: Option<StoreFault>,
    /// Why the latest text does not run yet: a fetch or an application without a trial failed.
    refusal: Option<(TextHash, String, InstanceState)>,
    fetched: Option<(TextHash, Arc<str>)>,
    in_flight: Option<Action>,
    /// The next reading tries again.
    is_blocked: bool,
    not_before: Duration,
    /// The text of the last trial that was confirmed.
    confirmed: Option<TextHash>,
    /// The state since a time.
    since: Moment,
    state: InstanceState,
}

/// The text for an instance.
enum Wanted {
    Stable(TextHash),
    Trial { text: TextHash, hold: Duration },
}

impl Follower {
    /// Begins with the state in `keep` and the published text that the process runs, which is on trial if an upgrade
    /// in place has carried a trial over.
    pub fn new(
        name: &str,
        kept: Option<Kept>,
        running: Option<Good>,
        is_on_trial: bool,
        now: Moment,
    ) -> Self {
        let mut kept = kept.unwrap_or_default();
        let trial = kept.trying.filter(|trying| {
            is_on_trial && running.as_ref().is_some_and(|good| good.hash == trying.text)
        });
        let interrupted = kept.trying.take_if(|_| trial.is_none());
        let mut is_saved = interrupted.is_none();
        // Before an upgrade, a text may have become good without a save.
        let unsaved =
            running.clone().filter(|good| !is_on_trial && kept.good.as_ref() != Some(good));
        if unsaved.is_some() {
            (kept.good, is_saved) = (unsaved, false);
        }
        if let Some(Trying { revision, text }) = interrupted {
            let (state, why) = (InstanceState::FellBack, RESTARTED.to_owned());
            kept.ended = Some(Ended { revision, text, state, why, since: now.rfc3339() });
        }
        let mut follower = Self {
            name: name.to_owned(),
            kept,
            is_saved,
            save_error: None,
            running,
            trial,
            // A trial that is unknown to `keep` cannot be followed.
            trial_fault: (is_on_trial && trial.is_none()).then(|| RESTARTED.to_owned()),
            current: None,
            store_fault: None,
            refusal: None,
            fetched: None,
            in_flight: None,
            is_blocked: false,
            not_before: Duration::ZERO,
            confirmed: None,
            since: now,
            state: InstanceState::Stable,
        };
        follower.state = follower.state_now();
        follower
    }

    /// Takes in an event.
    pub fn handle(&mut self, event: Event, now: Moment) {
        match event {
            Event::Read { reading, random } => self.on_read(*reading, random, now),
            Event::Fetched(result) => self.on_fetched(result),
            Event::Saved(result) => self.on_saved(result, now),
            Event::Applied(result) => self.on_applied(result, now),
            Event::Extended(true) => self.on_extended(),
            Event::Confirmed(true) => self.on_confirmed(),
            Event::Extended(false) | Event::Confirmed(false) => {
                self.in_flight = None;
                self.end_trial(NOT_CONFIRMED, now);
            }
            Event::FellBack => {
                self.in_flight = None;
                let why = self.trial_fault.take();
                self.end_trial(&why.unwrap_or_default(), now);
            }
            Event::TrialEnded(why) => self.end_trial(&why, now),
            Event::TrialFailed(why) => {
                self.trial_fault = self.trial_fault.take().or(self.trial.map(|_| why));
            }
        }
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
        let waits = self.in_flight.is_none() && !self.is_blocked && self.trial.is_none();
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
            return (!self.is_blocked).then(|| Action::Save(self.kept.clone()));
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
        Some(Action::Apply { text: Good { hash, revision, text }, hold })
    }

    /// The next action of a running trial.
    fn decide_trial(&mut self) -> Option<Action> {
        if let Some(why) = &self.trial_fault {
            return Some(Action::FallBack { why: why.clone() });
        }
        let (trial, current) = (self.trial?, self.current.as_ref()?);
        let goes_on = current.trial.as_ref().filter(|it| it.on.names(&self.name));
        match goes_on.filter(|it| it.text == trial.text) {
            Some(_) if trial.revision == current.revision => None,
            Some(next) => Some(Action::Extend { revision: current.revision, hold: next.hold }),
            None if current.stable == Some(trial.text) => Some(Action::Confirm),
            None => {
                let why = format!("taken back by revision {}", current.revision);
                self.trial_fault = Some(why.clone());
                Some(Action::FallBack { why })
            }
        }
    }

    /// What `current` names, unless it runs already or this instance has ended its trial.
    fn wanted_change(&self) -> Option<Wanted> {
        let current = self.current.as_ref()?;
        let ended = self.kept.ended.as_ref().map(|ended| ended.text);
        let trial = current.trial.as_ref().filter(|trial| trial.on.names(&self.name));
        if let Some(trial) = trial.filter(|trial| Some(trial.text) != ended) {
            return Some(Wanted::Trial { text: trial.text, hold: trial.hold });
        }
        let stable = current.stable?;
        let runs = self.running.as_ref().is_some_and(|good| good.hash == stable);
        (!runs).then_some(Wanted::Stable(stable))
    }

    fn text_of(&self, hash: TextHash) -> Option<Arc<str>> {
        let known = self.running.iter().chain(&self.kept.good).find(|good| good.hash == hash);
        let fetched = self.fetched.as_ref().filter(|(of, _)| *of == hash).map(|(_, text)| text);
        known.map(|good| &good.text).or(fetched).cloned()
    }

    fn change_kept(&mut self, change: impl FnOnce(&mut Kept)) {
        let before = self.kept.clone();
        change(&mut self.kept);
        self.is_saved &= self.kept == before;
    }

    fn on_read(&mut self, reading: Reading, random: u64, now: Moment) {
        self.is_blocked = false;
        let Reading { cluster, current, instances } = reading;
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
        let is_canary = current
            .trial
            .as_ref()
            .is_some_and(|it| it.on != crate::model::On::ALL && it.on.names(&self.name));
        self.current = Some(current);
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
            Err(why) => self.block(hash, why, self.state),
        }
    }

    /// Leaves a text until the next reading.
    fn block(&mut self, text: TextHash, why: String, state: InstanceState) {
        self.refusal = Some((text, why, state));
        self.is_blocked = true;
    }

    fn on_saved(&mut self, result: Result<(), String>, now: Moment) {
        let Some(Action::Save(saved)) = self.in_flight.take() else { return };
        match result {
            Ok(()) => {
                self.save_error = None;
                self.is_saved = self.kept == saved;
            }
            Err(error) => {
                self.is_blocked = true;
                self.is_saved = false;
                if let Some(trying) = self.kept.trying.filter(|_| self.trial.is_none()) {
                    let why = format!("the trial cannot be recorded: {error}");
                    self.end(trying.text, InstanceState::Refused, why, now);
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
                self.fetched = None;
                self.confirmed = None;
                if hold.is_some() {
                    self.trial = Some(Trying { revision: text.revision, text: hash });
                } else {
                    self.change_kept(|kept| kept.good = Some(text.clone()));
                }
                self.running = Some(text);
            }
            Err(Refusal::Busy(why)) => self.block(hash, why, self.state),
            Err(Refusal::Unfit(why)) if hold.is_some() => {
                self.end(hash, InstanceState::Refused, why, now);
            }
            Err(Refusal::Unfit(why)) => self.block(hash, why, InstanceState::Refused),
        }
    }

    fn on_extended(&mut self) {
        let Some(Action::Extend { revision, .. }) = self.in_flight.take() else { return };
        if let Some(trial) = &mut self.trial {
            trial.revision = revision;
            let trying = *trial;
            self.change_kept(|kept| kept.trying = Some(trying));
        }
    }

    fn on_confirmed(&mut self) {
        self.in_flight = None;
        self.trial_fault = None;
        if let Some(trial) = self.trial.take() {
            self.confirmed = Some(trial.text);
            let good = self.running.clone();
            self.change_kept(|kept| (kept.good, kept.trying) = (good, None));
        }
    }

    /// Returns to the text before the trial, which the process runs again.
    fn end_trial(&mut self, why: &str, now: Moment) {
        self.trial_fault = None;
        let Some(trial) = self.trial.take() else { return };
        self.running.clone_from(&self.kept.good);
        self.end(trial.text, InstanceState::FellBack, why.to_owned(), now);
    }

    /// Records the end of a trial here. One that `current` has taken back needs no record.
    fn end(&mut self, text: TextHash, state: InstanceState, why: String, now: Moment) {
        let goes_on = |current: &Current| current.trial.as_ref().is_some_and(|it| it.text == text);
        let stays = self.current.as_ref().is_none_or(goes_on);
        let revision = self.kept.revision;
        let ended = Ended { revision, text, state, why, since: now.rfc3339() };
        self.change_kept(|kept| {
            kept.trying = None;
            kept.ended = stays.then_some(ended);
        });
    }
}

/// A delay before a start, at most 2 s and 2 ms for each instance.
fn delay(instances: u64, random: u64) -> Duration {
    let each = DELAY_EACH.saturating_mul(u32::try_from(instances).unwrap_or(u32::MAX));
    let most = u64::try_from(each.min(DELAY_MAX).as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(random % (most + 1))
}
