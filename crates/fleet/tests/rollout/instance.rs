//! A model of an instance: it follows `current`, and falls back 10 s after the hold of a trial.

use fleet::{Connects, Current, Instance, InstanceState, TextHash};

/// Milliseconds.
pub(crate) type Millis = u64;

/// The effect of a text at an instance.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Behaviour {
    Fine,
    Refused,
    /// Falls back after this time.
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
    pub(crate) good: Option<TextHash>,
    pub(crate) runs: Option<TextHash>,
    pub(crate) state: InstanceState,
    pub(crate) last_run: Option<Run>,
    revision: u64,
    why: String,
    trial: Option<(TextHash, Millis)>,
    ended: Option<TextHash>,
}

impl Model {
    pub(crate) fn new(name: String, behaviours: Vec<(TextHash, Behaviour)>) -> Self {
        Self {
            name,
            is_alive: true,
            behaviours,
            next_read: 0,
            good: None,
            runs: None,
            state: InstanceState::Stable,
            last_run: None,
            revision: 0,
            why: String::new(),
            trial: None,
            ended: None,
        }
    }

    pub(crate) fn status(&self) -> Instance {
        Instance {
            revision: self.revision,
            runs: self.runs,
            state: self.state,
            why: self.why.clone(),
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

    fn run(&mut self, text: Option<TextHash>, now: Millis) {
        if self.runs != text {
            self.runs = text;
            self.last_run = text.map(|text| Run { text, since: now, until: now }).or(self.last_run);
        }
    }

    /// The end of a trial without a decision, and a verdict.
    pub(crate) fn tick(&mut self, now: Millis) {
        if let (Some(text), Some(run)) = (self.runs, &mut self.last_run)
            && run.text == text
        {
            run.until = now;
        }
        let Some((text, deadline)) = self.trial else { return };
        let since = self.last_run.map_or(now, |run| run.since);
        let is_bad = matches!(self.behaviour(text), Behaviour::Bad(after) if now >= since + after);
        if now >= deadline || is_bad {
            self.fall_back(now, if is_bad { "targets fail" } else { "no decision came" });
        }
    }

    fn fall_back(&mut self, now: Millis, why: &str) {
        let Some((text, _)) = self.trial.take() else { return };
        (self.ended, self.state, self.why) = (Some(text), InstanceState::FellBack, why.into());
        self.run_good(now);
    }

    fn run_good(&mut self, now: Millis) {
        // The trial's run stays known: a decision may be under way that follows it.
        let before = self.last_run;
        self.run(self.good, now);
        if before.is_some_and(|run| run.until + 5_000 > now) {
            self.last_run = before;
        }
    }

    /// The process starts anew, from the last good text.
    pub(crate) fn restart(&mut self, now: Millis) {
        self.is_alive = true;
        if self.trial.is_some() {
            self.fall_back(now, "restarted during the trial");
        }
        self.last_run = None;
        self.next_read = now;
    }

    pub(crate) fn follow(&mut self, current: &Current, now: Millis) {
        if current.revision <= self.revision {
            return;
        }
        self.revision = current.revision;
        match &current.trial {
            Some(trial) if trial.on.names(&self.name) => {
                let hold = u64::try_from(trial.hold.as_millis()).unwrap();
                if self.ended == Some(trial.text) {
                    return;
                }
                let is_new = self.trial.is_none_or(|(text, _)| text != trial.text);
                if is_new && matches!(self.behaviour(trial.text), Behaviour::Refused) {
                    self.trial = None;
                    self.ended = Some(trial.text);
                    (self.state, self.why) = (InstanceState::Refused, "a port is taken".into());
                    self.run_good(now);
                    return;
                }
                self.trial = Some((trial.text, now + hold + 10_000));
                (self.state, self.why) = (InstanceState::Trying, String::new());
                self.run(Some(trial.text), now);
            }
            _ => self.follow_stable(current.stable, now),
        }
    }

    fn follow_stable(&mut self, stable: Option<TextHash>, now: Millis) {
        self.ended = None;
        let tried = self.trial.take().map(|(text, _)| text);
        let is_confirmed = tried.is_some() && tried == stable;
        self.why = String::new();
        self.state = if is_confirmed { InstanceState::Confirmed } else { InstanceState::Stable };
        match stable {
            Some(text) if matches!(self.behaviour(text), Behaviour::Refused) => {
                self.state = InstanceState::Refused;
                self.run_good(now);
            }
            Some(text) => {
                self.good = Some(text);
                self.run(Some(text), now);
            }
            None => self.run_good(now),
        }
    }
}
