//! An instance: its decisions are the real ones, and its process a model.

use crate::process::Process;
use fleet::{
    Action, Connects, Current, CurrentError, CurrentReading, Event, Follower, Instance,
    InstanceState, Moment, NOT_CONFIRMED, PublishedText, Refusal, TextHash,
};
use std::time::{Duration, SystemTime};

/// Milliseconds.
pub(crate) type Millis = u64;

/// The effect of a text at an instance.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Behaviour {
    Fine,
    Refused,
    /// Its trial fails after this time.
    Bad(Millis),
}

/// A text that runs, or ran until shortly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) text: TextHash,
    pub(crate) since: Millis,
    pub(crate) until: Millis,
}

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) is_alive: bool,
    pub(crate) behaviours: Vec<(TextHash, Behaviour)>,
    pub(crate) next_read: Millis,
    /// The present run, and the one before it: a decision may be under way that follows the latter.
    pub(crate) runs_since: [Option<Run>; 2],
    /// The revision of the last reading, and its time.
    read: Option<(u64, Millis)>,
    follower: Follower,
    process: Process,
    /// It has read the store until the first publication.
    found_none: bool,
}

/// Time between two readings of the same revision.
const READ_PERIOD: Millis = 10_000;

impl Model {
    pub(crate) fn new(name: String, behaviours: Vec<(TextHash, Behaviour)>) -> Self {
        let process = Process::default();
        Self {
            is_alive: true,
            behaviours,
            next_read: 0,
            runs_since: [None; 2],
            read: None,
            follower: Follower::new(&name, None, process.view(), moment(0)),
            process,
            name,
            found_none: true,
        }
    }

    /// The text that runs.
    pub(crate) fn runs(&self) -> Option<TextHash> {
        self.process.hash()
    }

    /// The text that a restart would run.
    pub(crate) fn good(&self) -> Option<TextHash> {
        self.process.disk.as_ref().and_then(|kept| kept.good.as_ref()).map(|good| good.hash)
    }

    pub(crate) fn state(&self) -> InstanceState {
        self.follower.status().state
    }

    pub(crate) fn status(&self) -> Instance {
        let status = self.follower.status();
        Instance {
            revision: status.revision,
            runs: status.runs,
            state: status.state,
            why: status.why,
            version: "0.2.0".into(),
            generation: 1,
            sessions: 0,
            connects: Connects::default(),
            since: String::new(),
        }
    }

    fn behaviour(&self, text: TextHash) -> Behaviour {
        let found = self.behaviours.iter().find(|(it, _)| *it == text);
        found.map_or(Behaviour::Fine, |(_, behaviour)| *behaviour)
    }

    pub(crate) fn refuses(&self, text: TextHash) -> bool {
        matches!(self.behaviour(text), Behaviour::Refused)
    }

    /// The end of a trial without a decision, a failed trial, and the actions that are due.
    pub(crate) fn tick(&mut self, now: Millis) {
        if self.process.end_trial_if_due(Duration::from_millis(now)) {
            let running = self.process.running.clone();
            self.handle(Event::TrialEnded { why: NOT_CONFIRMED.to_owned(), running }, now);
        }
        if let Some(Run { text, since, .. }) = self.runs_since[0]
            && matches!(self.behaviour(text), Behaviour::Bad(after) if now >= since + after)
        {
            self.handle(Event::TrialFailed("targets fail".to_owned()), now);
        }
        self.act(now);
    }

    /// The process starts again, from `keep`.
    pub(crate) fn restart(&mut self, now: Millis) {
        (self.is_alive, self.found_none) = (true, false);
        self.process.restart();
        let (kept, running) = (self.process.disk.clone(), self.process.view());
        self.follower = Follower::new(&self.name, kept, running, moment(now));
        let run = self.runs().map(|text| Run { text, since: now, until: now });
        self.runs_since = [run, self.runs_since[0]];
        (self.next_read, self.read) = (now, None);
    }

    /// Reads `current`, if it has changed or the last reading is old.
    pub(crate) fn follow(&mut self, current: &Current, now: Millis) {
        let is_known = |(revision, at)| revision == current.revision && now < at + READ_PERIOD;
        if self.read.is_some_and(is_known) {
            return;
        }
        self.read = Some((current.revision, now));
        if std::mem::take(&mut self.found_none) {
            self.take_in(None, now);
        }
        self.take_in(Some(Ok(current.clone())), now);
        self.act(now);
    }

    fn take_in(&mut self, current: Option<Result<Current, CurrentError>>, now: Millis) {
        let reading = Box::new(CurrentReading { cluster: 1, current, instances: 1 });
        self.handle(Event::Read { reading, random: 0 }, now);
    }

    fn handle(&mut self, event: Event, now: Millis) {
        self.follower.handle(event, moment(now));
        self.note_run(now);
    }

    /// Carries out all that the follower wants now.
    fn act(&mut self, now: Millis) {
        while let Some(action) = self.follower.next(Duration::from_millis(now)) {
            let event = self.carry_out(action, Duration::from_millis(now));
            self.handle(event, now);
        }
        self.note_run(now);
    }

    fn carry_out(&mut self, action: Action, now: Duration) -> Event {
        match action {
            Action::Save(kept) => {
                self.process.disk = Some(kept);
                Event::Saved(Ok(()))
            }
            Action::Fetch(hash) => Event::Fetched(Ok(hash.to_string().into())),
            Action::Apply { text: PublishedText { hash, .. }, .. } if self.refuses(hash) => {
                Event::Applied(Err(Refusal::Unfit("a port is taken".to_owned())))
            }
            Action::Apply { text, hold } => {
                self.process.apply(text, hold, now);
                Event::Applied(Ok(()))
            }
            Action::Extend { hold, .. } if self.process.extend(hold, now) => Event::Extended,
            Action::Confirm if self.process.confirm() => Event::Confirmed,
            Action::Extend { .. } | Action::Confirm => {
                let running = self.process.running.clone();
                Event::TrialEnded { why: NOT_CONFIRMED.to_owned(), running }
            }
            Action::FallBack { .. } => {
                self.process.fall_back();
                Event::FellBack { running: self.process.running.clone() }
            }
        }
    }

    /// Notes the text that runs.
    fn note_run(&mut self, now: Millis) {
        let runs = self.runs();
        match &mut self.runs_since[0] {
            Some(run) if Some(run.text) == runs => run.until = now,
            before => {
                let run = runs.map(|text| Run { text, since: now, until: now });
                self.runs_since = [run, *before];
            }
        }
    }
}

fn moment(now: Millis) -> Moment {
    let time = Duration::from_millis(now);
    Moment { time, at: SystemTime::UNIX_EPOCH + time }
}
