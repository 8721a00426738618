//! Decisions about trials: configurations that fall back unless they are confirmed in time.
//!
//! Pure: the time and the configurations come in, and the trial to fall back from goes out. At most one trial runs, of
//! an operator or of the fleet. One of an operator decides about the whole configuration; one of the fleet decides about
//! the published text, and what it falls back to follows the local file.

use super::outcome::ReloadError;
use fleet::{Connects, NOT_CONFIRMED, TrialConnects};
use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::time::{Duration, Instant};

/// Time beyond `hold` after which a trial of the fleet without a decision falls back. Publishers decide within `hold`
/// and 5 s.
const MARGIN: Duration = Duration::from_secs(10);

/// The running trial, and the end of the fleet's last one. `P` is a configuration.
#[derive(Clone, Debug)]
pub(crate) struct Trials<P> {
    running: Option<Trial<P>>,
    /// The end of the fleet's last trial, unless another text has been applied since.
    ended: Option<EndedTrial>,
}

/// The way back from a configuration that is on trial.
#[derive(Clone, Debug)]
pub(crate) struct Trial<P> {
    /// The configuration to fall back to.
    pub(crate) back_to: P,
    /// Names of its forwards that could not be bound, and may be skipped again.
    pub(crate) skipped: HashSet<String>,
    /// Names of its forwards that an operator drained and the trial removed.
    pub(crate) drained: BTreeSet<String>,
    /// The party that may confirm it.
    pub(crate) owner: TrialOwner,
    /// Deadline of the confirmation.
    pub(crate) until: Instant,
    /// First generation of the configuration on trial. Reloads of the same text count up the
    /// generation.
    pub(crate) first: u64,
    /// Whether the configuration on trial replaced another one during the trial.
    pub(crate) replaced: bool,
    /// The begin of a trial of the fleet.
    pub(crate) begin: Option<TrialBegin>,
}

/// The process at the begin of a trial of the fleet, with which its targets and listeners are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TrialBegin {
    /// The forwards that the trial changes or adds.
    pub(crate) connects: TrialConnects,
    /// Connects of all forwards since the start of the process.
    pub(crate) all: Connects,
    /// Listeners that have not accepted since the begin, in words.
    pub(crate) lost_listeners: Vec<String>,
}

/// The party that a trial waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrialOwner {
    /// `reload --confirm`.
    Operator,
    /// A published text of the fleet.
    Fleet { revision: u64 },
}

/// A trial that a reload begins or extends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewTrial {
    pub(crate) within: Duration,
    pub(crate) owner: TrialOwner,
}

/// The running configuration before a reload.
pub(crate) struct Before<P> {
    pub(crate) plan: P,
    /// Names of its forwards that could not be bound.
    pub(crate) skipped: HashSet<String>,
    /// Names of its drained forwards.
    pub(crate) drained: BTreeSet<String>,
    /// Names of all its forwards.
    pub(crate) names: HashSet<String>,
}

/// The running configuration after a reload.
pub(crate) struct After<P> {
    pub(crate) generation: u64,
    /// Whether its texts differ from those before.
    pub(crate) is_new: bool,
    /// The configuration before the fleet's trial with the new local file.
    pub(crate) back_to: Option<P>,
}

/// Why a configuration was not confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotConfirmed {
    /// No configuration is on trial.
    Nothing,
    /// This revision of the fleet is on trial, which its publisher confirms.
    OfFleet(u64),
    /// The named generation is not on trial; this one is.
    Other(u64),
    /// No generation was named, and the trial has had several. The last is this one.
    Several(u64),
}

/// The end of a trial that its owner did not decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EndedTrial {
    pub(crate) revision: u64,
    pub(crate) how: TrialEnd,
}

/// Why a trial of the fleet ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TrialEnd {
    /// No decision came in time.
    Deadline,
    /// The instance, or its publisher, took it back for this reason.
    TakenBack(String),
    /// The text could not be read by the program that an upgrade switched to.
    Upgrade,
}

impl fmt::Display for TrialEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deadline => NOT_CONFIRMED,
            Self::TakenBack(why) => why,
            Self::Upgrade => "the program after an upgrade cannot read the text",
        })
    }
}

impl NewTrial {
    /// A trial of an operator, to be confirmed within this time.
    pub(super) fn of_operator(within: Duration) -> Self {
        Self { within, owner: TrialOwner::Operator }
    }

    /// A trial of the fleet, which its publisher decides after `hold`.
    pub(super) fn of_fleet(revision: u64, hold: Duration) -> Self {
        Self { within: hold.saturating_add(MARGIN), owner: TrialOwner::Fleet { revision } }
    }
}

impl<P> Trial<P> {
    /// Time left to confirm it.
    pub(crate) fn left(&self, now: Instant) -> Duration {
        self.until.saturating_duration_since(now)
    }

    /// The revision of the fleet that is on trial; `None` for a trial of an operator.
    pub(crate) fn revision(&self) -> Option<u64> {
        match self.owner {
            TrialOwner::Operator => None,
            TrialOwner::Fleet { revision } => Some(revision),
        }
    }

    /// Updates the drained forwards: `running` ones have their current state, others their state at
    /// removal.
    pub(super) fn note_drained(&mut self, running: &HashSet<String>, drained: BTreeSet<String>) {
        self.drained.retain(|name| !running.contains(name));
        self.drained.extend(drained);
    }

    /// The first of the `lost` listeners that has accepted since the begin of the fleet's trial.
    fn lost_listener(&mut self, lost: &[String]) -> Option<String> {
        let begin = self.begin.as_mut()?;
        begin.lost_listeners.retain(|it| lost.contains(it));
        lost.iter().find(|it| !begin.lost_listeners.contains(it)).cloned()
    }
}

impl<P> Trials<P> {
    /// The trial and the end of an earlier one, as a process image leaves them to the next one.
    pub(crate) fn new(running: Option<Trial<P>>, ended: Option<EndedTrial>) -> Self {
        Self { running, ended }
    }

    /// The trial that runs.
    pub(crate) fn running(&self) -> Option<&Trial<P>> {
        self.running.as_ref()
    }

    /// The trial that runs, if it is one of the fleet.
    pub(crate) fn of_fleet(&self) -> Option<&Trial<P>> {
        self.running.as_ref().filter(|trial| trial.revision().is_some())
    }

    /// The end of the fleet's last trial, unless another text has been applied since.
    pub(crate) fn ended(&self) -> Option<&EndedTrial> {
        self.ended.as_ref()
    }

    /// Refuses a reload of an operator without `confirm` during a trial: the end of the trial would be undefined. A
    /// trial of the fleet takes none at all: it compares the process with the time before it.
    pub(super) fn refuse_reload(
        &self,
        confirm: bool,
        generation: u64,
        now: Instant,
    ) -> Result<(), ReloadError> {
        let Some(trial) = &self.running else { return Ok(()) };
        let left = trial.left(now);
        match trial.owner {
            TrialOwner::Fleet { revision } => Err(ReloadError::FleetTrial { revision, left }),
            TrialOwner::Operator if confirm => Ok(()),
            TrialOwner::Operator => Err(ReloadError::OnTrial { generation, left }),
        }
    }

    /// Refuses a published text during a trial of an operator, whose end would decide about it.
    pub(super) fn refuse_published(
        &self,
        generation: u64,
        now: Instant,
    ) -> Result<(), ReloadError> {
        match self.running.as_ref().filter(|trial| trial.owner == TrialOwner::Operator) {
            Some(trial) => Err(ReloadError::OnTrial { generation, left: trial.left(now) }),
            None => Ok(()),
        }
    }

    /// Begins a trial or continues the current one, after a reload has replaced `before`.
    pub(super) fn follow_reload(
        &mut self,
        before: Before<P>,
        after: After<P>,
        new: Option<NewTrial>,
        now: Instant,
    ) {
        let Before { plan, skipped, drained, names } = before;
        let until = new.map(|new| now + new.within);
        let first = after.generation;
        let Some(trial) = &mut self.running else {
            self.running = new.map(|NewTrial { within, owner }| Trial {
                back_to: plan,
                skipped,
                drained,
                owner,
                until: now + within,
                first,
                replaced: false,
                begin: None,
            });
            return;
        };
        trial.note_drained(&names, drained);
        trial.until = until.unwrap_or(trial.until);
        if after.is_new {
            (trial.first, trial.replaced) = (first, true);
        }
        if let Some(back_to) = after.back_to {
            trial.back_to = back_to;
        }
    }

    /// A published text has been applied.
    pub(super) fn forget_end(&mut self) {
        self.ended = None;
    }

    /// Records the begin of the fleet's trial, which an upgrade in place carries over. `lost` are the listeners that do
    /// not accept now.
    pub(super) fn set_begin(&mut self, begin: TrialBegin, lost: &[String]) {
        if let Some(trial) = self.running.as_mut().filter(|trial| trial.revision().is_some()) {
            trial.begin = Some(begin);
            trial.lost_listener(lost);
        }
    }

    /// The first of the `lost` listeners that has accepted since the begin of the fleet's trial.
    pub(super) fn lost_listener(&mut self, lost: &[String]) -> Option<String> {
        self.running.as_mut()?.lost_listener(lost)
    }

    /// Gives the fleet's trial another `hold`: it is that of `revision` now. Returns false if none runs, or its time is
    /// over.
    pub(super) fn extend(&mut self, revision: u64, hold: Duration, now: Instant) -> bool {
        let is_open = |trial: &&mut Trial<P>| trial.revision().is_some() && now < trial.until;
        let Some(trial) = self.running.as_mut().filter(is_open) else { return false };
        let NewTrial { within, owner } = NewTrial::of_fleet(revision, hold);
        (trial.owner, trial.until) = (owner, now + within);
        true
    }

    /// Ends the trial of an operator in favour of the running `generation`. `named` may be `None` if the trial has had
    /// only one configuration.
    pub(super) fn confirm(
        &mut self,
        named: Option<u64>,
        generation: u64,
    ) -> Result<(), NotConfirmed> {
        let Some(trial) = &self.running else { return Err(NotConfirmed::Nothing) };
        if let TrialOwner::Fleet { revision } = trial.owner {
            return Err(NotConfirmed::OfFleet(revision));
        }
        match named {
            Some(named) if !(trial.first..=generation).contains(&named) => {
                return Err(NotConfirmed::Other(generation));
            }
            None if trial.replaced => return Err(NotConfirmed::Several(generation)),
            _ => {}
        }
        self.running = None;
        Ok(())
    }

    /// Ends the fleet's trial in favour of its text. Returns its revision.
    pub(super) fn confirm_published(&mut self) -> Option<u64> {
        self.running.take_if(|trial| trial.revision().is_some())?.revision()
    }

    /// Ends the fleet's trial for this reason. Returns the trial to fall back from.
    pub(super) fn take_back(&mut self, why: &str) -> Option<Trial<P>> {
        let trial = self.running.take_if(|trial| trial.revision().is_some())?;
        Some(self.end(trial, TrialEnd::TakenBack(why.to_owned())))
    }

    /// Ends a trial whose time is over. Returns the trial to fall back from.
    pub(super) fn take_unconfirmed(&mut self, now: Instant) -> Option<Trial<P>> {
        let trial = self.running.take_if(|trial| trial.until <= now)?;
        Some(self.end(trial, TrialEnd::Deadline))
    }

    fn end(&mut self, trial: Trial<P>, how: TrialEnd) -> Trial<P> {
        if let Some(revision) = trial.revision() {
            self.ended = Some(EndedTrial { revision, how });
        }
        trial
    }
}

#[cfg(test)]
mod tests;
