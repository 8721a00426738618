//! The attempts of one session to connect.

use super::choice::Client;
use flow::Time;
use std::time::Duration;

/// The least wait for a silent target, unless the time is shared by many.
const LEAST_SILENCE: Duration = Duration::from_secs(1);
/// The least wait, however many targets share the time.
const FLOOR: Duration = Duration::from_millis(250);
/// A worker may be late by so much: it is held for some steps.
const LATE: Duration = Duration::from_millis(150);

/// A session of the engine.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) forward: String,
    pub(super) client: Client,
    /// The number of the rule whose route it takes.
    pub(super) rule: Option<u8>,
    /// Its hello decides its rule, and has not yet.
    pub(super) awaits_hello: bool,
    pub(super) began: Time,
    /// The end of all attempts.
    pub(super) until: Time,
    /// Number of targets in the set at the beginning.
    pub(super) targets: u32,
    /// It follows the rules of the present configuration.
    pub(super) is_certain: bool,
    /// No rule has changed since it began, in this process image.
    pub(super) is_unchanged: bool,
    pub(super) tries: Vec<Try>,
    /// The target that serves it.
    pub(super) connected: Option<String>,
    /// Since when it waits for a place.
    pub(super) waits_since: Option<Time>,
    /// How long it has waited for places before.
    pub(super) waited: Duration,
}

/// The attempts of a session at one target.
#[derive(Debug)]
pub(super) struct Try {
    pub(super) target: String,
    pub(super) at: Time,
    /// Failed attempts.
    pub(super) failed: usize,
    /// All attempts have failed.
    pub(super) is_over: bool,
    /// This host was short of something.
    pub(super) was_short: bool,
    /// The session has a place in the target.
    pub(super) has_place: bool,
}

impl Session {
    pub(super) fn has_tried(&self, target: &str) -> bool {
        self.tries.iter().any(|it| it.target == target)
    }

    /// The targets in which it has a place.
    pub(super) fn places(&self) -> impl Iterator<Item = &str> {
        let tried = self.tries.iter().filter(|it| it.has_place).map(|it| &*it.target);
        tried.chain(self.connected.as_deref())
    }

    /// The part of the time for each target.
    fn share(&self) -> Duration {
        let whole = self.until.since(self.began);
        (whole / self.targets.max(1)).max(FLOOR.min(whole / 2))
    }

    /// Checks that the next target follows a failure or a silence: each target is followed by at most one.
    pub(super) fn follows(&self, now: Time) {
        let least = LEAST_SILENCE.min(self.share());
        let is_due = |it: &&Try| it.is_over || now >= it.at.after(least);
        let due = self.tries.iter().filter(is_due).count();
        assert!(
            due >= self.tries.len(),
            "another target is tried before one has failed, or was silent for {least:?}: {self:?}"
        );
    }

    /// It has found no place, and waits for one.
    pub(super) fn begin_wait(&mut self, now: Time) {
        self.waits_since.get_or_insert(now);
    }

    /// It goes on with another target.
    pub(super) fn end_wait(&mut self, now: Time) {
        self.waited = self.time_waited(now);
        self.waits_since = None;
    }

    fn time_waited(&self, now: Time) -> Duration {
        self.waited + self.waits_since.map_or(Duration::ZERO, |since| now.since(since))
    }

    /// Least number of targets tried by `now`, if so many were eligible: each silent one is followed after its
    /// share at the latest, or when there is a place.
    pub(super) fn tries_due(&self, now: Time) -> usize {
        let step = self.share() + LATE;
        let time = now.since(self.began).saturating_sub(self.time_waited(now));
        let steps = time.as_micros() / step.as_micros().max(1);
        1 + usize::try_from(steps).unwrap_or(usize::MAX)
    }
}
