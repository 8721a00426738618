//! One command of a publisher, whose inputs a test gives by hand.

use fleet::{
    Connects, Current, Decision, Earlier, FORMAT, FleetReading, Found, Input, Instance,
    InstanceState, Line, Moment, On, Outcome, Publication, Request, Rollout, TextHash, Trial, Turn,
    Work,
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

pub(crate) const HOLD: Duration = Duration::from_secs(60);

/// A command, its lines and its decisions.
pub(crate) struct Command {
    machine: Rollout,
    pub(crate) lines: Vec<Line>,
    pub(crate) outcome: Option<Outcome>,
    /// The last one.
    pub(crate) decision: Option<Decision>,
}

impl Command {
    pub(crate) fn new(request: Request) -> Self {
        let machine = Rollout::new(request, "bob@ops2".to_owned());
        Self { machine, lines: Vec::new(), outcome: None, decision: None }
    }

    pub(crate) fn on(&mut self, second: u64, input: Input) -> Turn {
        let now = Moment { time: Duration::from_secs(second), at: SystemTime::UNIX_EPOCH };
        let turn = self.machine.on(now, input);
        self.lines.extend(turn.lines.iter().cloned());
        match &turn.work {
            Some(Work::Finish(outcome)) => self.outcome = Some(*outcome),
            Some(Work::Decide(decision)) => self.decision = Some(Decision::clone(decision)),
            _ => {}
        }
        turn
    }

    /// The command has ended with this line.
    #[track_caller]
    pub(crate) fn assert_ends(&self, outcome: Outcome, line: impl Into<Line>) {
        assert_eq!(self.outcome, Some(outcome), "{:?}", self.lines);
        assert_eq!(self.lines.last(), Some(&line.into()));
    }
}

pub(crate) fn text(number: u64) -> TextHash {
    TextHash::of(&format!("text {number}"))
}

pub(crate) fn publish(text: TextHash) -> Request {
    let (note, needs) = (String::new(), Vec::new());
    Request::Publish(Publication { text, canary: None, random: 0, hold: HOLD, note, needs })
}

/// A revision without a text.
pub(crate) fn current(revision: u64) -> Current {
    Current {
        format: FORMAT,
        revision,
        stable: None,
        trial: None,
        by: "alice@ops1".to_owned(),
        note: String::new(),
        at: String::new(),
        earlier: Vec::new(),
    }
}

/// A revision after which `text(0)` is stable, since revision 3.
pub(crate) fn stable(revision: u64) -> Current {
    let earlier = |revision: u64, text: TextHash| Earlier {
        revision,
        text,
        by: "alice@ops1".to_owned(),
        note: String::new(),
        at: String::new(),
    };
    let earlier = vec![earlier(3, text(0)), earlier(1, text(9))];
    Current { stable: Some(text(0)), earlier, ..current(revision) }
}

pub(crate) fn on_trial(base: Current, text: TextHash) -> Current {
    Current { trial: Some(Trial { text, on: On::ALL, hold: HOLD }), ..base }
}

/// The instance `edge-1`.
pub(crate) fn instance(revision: u64, state: InstanceState, runs: Option<TextHash>) -> Instance {
    Instance {
        revision,
        runs,
        state,
        why: String::new(),
        version: "0.2.0".to_owned(),
        generation: 1,
        sessions: 0,
        connects: Connects::default(),
        since: String::new(),
    }
}

pub(crate) fn reading(
    current: Option<Current>,
    mod_revision: i64,
    instance: Option<Instance>,
) -> Input {
    let found = current.map_or(Found::Nothing, |current| Found::Current(Box::new(current)));
    let instances: BTreeMap<_, _> =
        instance.map(|instance| ("edge-1".to_owned(), instance)).into_iter().collect();
    Input::Read(FleetReading { found, mod_revision, instances, unreadable: BTreeSet::new() })
}

pub(crate) fn away() -> String {
    "no endpoint answers".to_owned()
}
