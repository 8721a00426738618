//! One history: an instance, its process, and two clusters.

use crate::process::{GRACE, Process};
use crate::publisher::{Cluster, HOLD, NAME, Published, is_unfit, text_by};
use crate::random::Random;
use crate::seen::Seen;
use fleet::{
    Action, Current, CurrentReading, Event, Follower, InstanceState, Moment, PublishedText,
    Refusal, TextHash,
};
use std::collections::HashSet;
use std::time::{Duration, SystemTime};

pub(crate) struct World {
    seed: u64,
    random: Random,
    now: Duration,
    clusters: [Cluster; 2],
    /// The cluster that `from` leads to.
    at: usize,
    is_away: bool,
    has_faults: bool,
    published: Published,
    process: Process,
    follower: Follower,
    /// The latest document that the follower has accepted, with its cluster.
    followed: Option<(u64, Current)>,
    /// When this follower has read it first, and the last reading before that; without one at a start.
    followed_at: Option<(Duration, Option<Duration>)>,
    last_read: Option<Duration>,
    /// Trials that have ended here.
    ended: HashSet<u64>,
    /// The trial that runs.
    running_trial: Option<u64>,
    known: u64,
    /// The last save has failed.
    is_unsaved: bool,
    /// Nothing has been saved since `keep` was emptied.
    is_lost: bool,
    pub(crate) seen: Seen,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            random: Random::new(seed),
            now: Duration::from_secs(1),
            clusters: [Cluster::new(7), Cluster::new(8)],
            at: 0,
            is_away: false,
            has_faults: true,
            published: Published::default(),
            process: Process::default(),
            follower: Follower::new(NAME, None, Process::default().view(), moment(Duration::ZERO)),
            followed: None,
            followed_at: None,
            last_read: None,
            ended: HashSet::new(),
            running_trial: None,
            known: 0,
            is_unsaved: false,
            is_lost: false,
            seen: Seen::default(),
        }
    }

    /// One random event and the follower's reaction.
    pub(crate) fn step(&mut self) {
        match self.random.below(24) {
            0..=5 => self.pass_time(),
            6..=10 => self.publish(),
            11..=16 => self.read(),
            17 => self.is_away = !self.is_away,
            18 if self.random.once_in(3) => {
                self.clusters[self.at].go_back(&mut self.random, &mut self.published);
            }
            19 if self.random.once_in(6) => self.at = 1 - self.at,
            20 if self.random.once_in(3) => self.restart(),
            21 if self.random.once_in(2) => self.upgrade(),
            23 if self.random.once_in(2) => self.lose_keep(),
            22 if self.process.trial.is_some() => {
                self.follower
                    .handle(Event::TrialFailed("failed connects".to_owned()), moment(self.now));
            }
            _ => {}
        }
        self.act();
        self.check();
    }

    fn pass_time(&mut self) {
        self.now += Duration::from_millis(self.random.below(9000));
        if self.process.end_trial_if_due(self.now) {
            self.seen.count("trials ended by time");
            self.trial_is_over();
            self.on_trial_end();
        }
    }

    /// The process has fallen back by itself.
    fn on_trial_end(&mut self) {
        let event = self.ended_event();
        self.follower.handle(event, moment(self.now));
    }

    fn ended_event(&self) -> Event {
        let (why, running) = (fleet::NOT_CONFIRMED.to_owned(), self.process.running.clone());
        Event::TrialEnded { why, running }
    }

    fn publish(&mut self) {
        // A publisher sees the status of the instances in the same store.
        let known = self.known;
        self.clusters[self.at].publish(known, &mut self.random, &mut self.published);
    }

    fn read(&mut self) {
        if self.is_away {
            return;
        }
        let last = self.last_read.replace(self.now);
        let cluster = &self.clusters[self.at];
        let (id, current) = (cluster.id, cluster.current.clone());
        let reading =
            CurrentReading { cluster: id, current: current.clone().map(Ok), instances: 1000 };
        let random = self.random.number();
        self.follower.handle(Event::Read { reading: Box::new(reading), random }, moment(self.now));
        let status = self.follower.status();
        if status.why.contains("was on trial before") {
            self.seen.count("trials missed");
        }
        let is_followed = current
            .as_ref()
            .is_some_and(|it| it.revision == status.revision && is_good(&status.why));
        if let (true, Some(current)) = (is_followed, current) {
            let found = Some((id, current));
            if self.followed_at.is_none() || self.followed != found {
                self.followed_at = Some((self.now, last));
            }
            self.followed = found;
        } else {
            self.seen.count("stores refused");
        }
    }

    fn act(&mut self) {
        for _ in 0..self.random.below(6) {
            let Some(action) = self.follower.next(self.now) else { return self.check_idle() };
            if self.has_faults && self.random.once_in(40) {
                // The process ends before, or after, the action.
                if self.random.once_in(2) {
                    let _ = self.carry_out(action);
                }
                return self.restart();
            }
            let event = self.carry_out(action);
            self.follower.handle(event, moment(self.now));
            self.check();
        }
    }

    fn fails(&mut self) -> bool {
        self.has_faults && self.random.once_in(12)
    }

    fn carry_out(&mut self, action: Action) -> Event {
        match action {
            Action::Save(_) if self.fails() => {
                self.seen.count("failed saves");
                self.is_unsaved = true;
                Event::Saved(Err("no space left on device".to_owned()))
            }
            Action::Save(kept) => {
                self.process.disk = Some(kept);
                (self.is_unsaved, self.is_lost) = (false, false);
                Event::Saved(Ok(()))
            }
            Action::Fetch(_) if self.is_away || self.fails() => {
                Event::Fetched(Err("no answer".to_owned()))
            }
            Action::Fetch(hash) => Event::Fetched(Ok(text_by(hash).into())),
            Action::Apply { text, hold } => self.apply(text, hold),
            Action::Extend { hold, .. } => {
                self.seen.count("trials extended");
                if self.process.extend(hold, self.now) {
                    Event::Extended
                } else {
                    self.ended_event()
                }
            }
            Action::Confirm => {
                self.seen.count("trials confirmed");
                self.running_trial = None;
                if self.process.confirm() { Event::Confirmed } else { self.ended_event() }
            }
            Action::FallBack { why } => {
                assert!(!why.is_empty());
                self.seen.count("fall-backs ordered");
                self.trial_is_over();
                self.process.fall_back();
                Event::FellBack { running: self.process.running.clone() }
            }
        }
    }

    fn apply(&mut self, text: PublishedText, hold: Option<Duration>) -> Event {
        let (cluster, current) = self.followed.as_ref().expect("an accepted document");
        assert_eq!(text.revision, current.revision, "seed {}", self.seed);
        let trial = current.trial.as_ref().filter(|trial| trial.on.names(NAME));
        let named = trial.filter(|_| hold.is_some()).map(|trial| trial.text);
        let expected = if hold.is_some() { named } else { current.stable };
        assert_eq!(Some(text.hash), expected, "seed {}", self.seed);
        let number = hold.and_then(|_| self.published.trial_of(*cluster, current));
        if hold.is_some() {
            let (at, last) = self.followed_at.expect("a reading");
            let is_late = last.is_none_or(|last| at.saturating_sub(last) > HOLD + GRACE);
            assert!(!is_late, "seed {}: a trial that may be over", self.seed);
        }
        if let Some(number) = number {
            assert!(!self.ended.contains(&number), "seed {}: an ended trial", self.seed);
            let recorded = self.process.disk.as_ref().and_then(|kept| kept.trying);
            assert_eq!(recorded.map(|it| it.text), Some(text.hash), "a trial without a record");
        }
        if self.has_faults && self.random.once_in(12) {
            self.seen.count("operators' trials");
            return Event::Applied(Err(Refusal::Busy("an operator's trial runs".to_owned())));
        }
        if is_unfit(text.hash) {
            self.seen.count("texts refused");
            self.ended.extend(number);
            return Event::Applied(Err(Refusal::Unfit("address in use".to_owned())));
        }
        if hold.is_some() {
            self.seen.count("trials begun");
            self.running_trial = number;
        }
        self.process.apply(text, hold, self.now);
        Event::Applied(Ok(()))
    }

    fn trial_is_over(&mut self) {
        self.ended.extend(self.running_trial.take());
    }

    fn restart(&mut self) {
        if self.process.trial.is_some() {
            self.seen.count("restarts during a trial");
        }
        self.trial_is_over();
        if self.is_lost {
            self.ended.clear();
        }
        self.process.restart();
        self.begin(None);
    }

    fn upgrade(&mut self) {
        let is_on_trial = self.process.trial.is_some();
        let recorded = self.process.disk.as_ref().and_then(|kept| kept.trying);
        if is_on_trial {
            self.seen.count("upgrades during a trial");
        }
        if is_on_trial && recorded.map(|it| it.text) != self.process.hash() {
            self.seen.count("upgrades without the record of the trial");
        }
        self.begin(Some(self.now));
        assert_eq!(self.follower.is_on_trial(), is_on_trial, "seed {}", self.seed);
    }

    /// Empties `keep` and begins again, with the process or in it. Ended trials are forgotten with it, and so is one
    /// that ends before the next save.
    fn lose_keep(&mut self) {
        self.seen.count("losses of keep");
        (self.process.disk, self.is_lost) = (None, true);
        self.ended.clear();
        if self.random.once_in(3) { self.restart() } else { self.upgrade() }
    }

    /// With the last reading of an upgraded process.
    fn begin(&mut self, last_read: Option<Duration>) {
        let (kept, running) = (self.process.disk.clone(), self.process.view());
        // A revision that was not saved is forgotten.
        self.known = kept.as_ref().map_or(0, |kept| kept.revision);
        self.is_unsaved = false;
        (self.followed_at, self.last_read) = (None, last_read);
        let follower = Follower::new(NAME, kept, running, moment(self.now));
        self.follower = match last_read {
            Some(at) => follower.with_last_reading(at),
            None => follower,
        };
    }

    /// With nothing left to do, not even later, the disk has a record of the trial that runs, and of no other, and the text that
    /// runs without it.
    fn check_idle(&self) {
        let recorded = self.process.disk.as_ref().and_then(|kept| kept.trying);
        let on_trial = self.process.trial.as_ref().and_then(|_| self.process.hash());
        let is_pending = self.is_unsaved || self.follower.wakes_at().is_some();
        let is_right = (is_pending && on_trial.is_none()) || recorded.map(|it| it.text) == on_trial;
        assert!(is_right, "seed {}: {recorded:?} is recorded", self.seed);
        let kept = self.process.disk.as_ref().and_then(|kept| kept.good.as_ref());
        let is_right = is_pending || self.settled().is_none_or(|text| kept == Some(text));
        assert!(is_right, "seed {}: {kept:?} is kept", self.seed);
    }

    /// The text that runs, or the one before the trial.
    fn settled(&self) -> Option<&PublishedText> {
        let before = self.process.trial.as_ref().map(|(before, _)| before);
        before.unwrap_or(&self.process.running).as_ref()
    }

    fn check(&mut self) {
        let (status, seed) = (self.follower.status(), self.seed);
        assert!(status.revision >= self.known, "seed {seed}: the revision went back");
        self.known = status.revision;
        assert_eq!(status.runs, self.process.hash(), "seed {seed}");
        let is_trying = status.state == InstanceState::Trying;
        assert_eq!(is_trying, self.process.trial.is_some(), "seed {seed}: {status:?}");
        self.check_was_stable(self.settled().map(|good| good.hash));
        let kept = self.process.disk.as_ref().and_then(|kept| kept.good.as_ref());
        self.check_was_stable(kept.map(|good| good.hash));
        let is_failed = matches!(status.state, InstanceState::Refused | InstanceState::FellBack);
        assert!(!is_failed || !status.why.is_empty(), "seed {seed}: no reason");
    }

    fn check_was_stable(&self, text: Option<TextHash>) {
        let is_right = text.is_none_or(|text| self.published.was_stable(text));
        assert!(is_right, "seed {}: a text that was never stable", self.seed);
    }

    /// Without faults, the instance runs the published text.
    pub(crate) fn settle(&mut self) {
        (self.has_faults, self.is_away) = (false, false);
        self.read();
        self.drain();
        let (known, all) = (self.known, &mut self.published);
        let stable = self.clusters[self.at].publish_stable(known, all);
        for _ in 0..4 {
            self.now += Duration::from_secs(10);
            if self.process.end_trial_if_due(self.now) {
                self.trial_is_over();
                self.on_trial_end();
            }
            self.read();
            self.drain();
        }
        let (status, seed) = (self.follower.status(), self.seed);
        assert_eq!(self.process.hash(), Some(stable), "seed {seed}: {status:?}");
        let kept = self.process.disk.as_ref().expect("a saved state");
        assert_eq!(kept.good.as_ref().map(|good| good.hash), Some(stable), "seed {seed}");
        assert_eq!(kept.trying, None, "seed {seed}: a restart would report a trial");
        assert_eq!(status.why, "", "seed {seed}");
    }

    fn drain(&mut self) {
        for _ in 0..20 {
            self.act();
            self.check();
        }
    }
}

/// Whether a status says nothing against the store.
fn is_good(why: &str) -> bool {
    !why.contains("store")
}

fn moment(time: Duration) -> Moment {
    Moment { time, at: SystemTime::UNIX_EPOCH + time }
}
