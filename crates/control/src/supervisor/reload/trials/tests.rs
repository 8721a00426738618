//! Histories of trials, chosen by a seed: published texts, reloads, confirmations, withdrawals, lost listeners, upgrades
//! and time in any order. The rules are kept beside them, and compared after each step.

use super::*;
use flow::Random;

const HISTORIES: u64 = 10_000;
const STEPS: usize = 60;
const HOLD: Duration = Duration::from_secs(20);
const CONFIRM: Duration = Duration::from_secs(30);
const NOT_ACCEPTING: [&str; 3] = ["a", "b", "c"];

/// A local file and a published text, each by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Config {
    local: u64,
    published: Option<u64>,
}

/// The trial that has to run.
struct Expected {
    owner: TrialOwner,
    until: Instant,
    back_to: Config,
    /// Listeners that have not accepted since the begin.
    lost: Vec<String>,
}

struct World {
    seed: u64,
    random: Random,
    now: Instant,
    trials: Trials<Config>,
    running: Config,
    generation: u64,
    revision: u64,
    expected: Option<Expected>,
    lost: Vec<String>,
    counts: [u64; 8],
}

const NAMES: [&str; 8] = [
    "fleet's trials",
    "operators' trials",
    "texts that wait for an operator",
    "reloads in a fleet's trial",
    "fall-backs",
    "confirmations",
    "late extensions",
    "lost listeners",
];

impl World {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            random: Random::new(seed),
            now: Instant::now(),
            trials: Trials::new(None, None),
            running: Config { local: 0, published: None },
            generation: 1,
            revision: 0,
            expected: None,
            lost: Vec::new(),
            counts: [0; 8],
        }
    }

    fn count(&mut self, name: &str) {
        let index = NAMES.iter().position(|it| *it == name).expect("a listed name");
        self.counts[index] += 1;
    }

    fn step(&mut self) {
        self.revision += 1;
        match self.random.below(16) {
            0..=2 => self.now += Duration::from_secs(self.random.below(25)),
            3..=5 => self.publish(),
            6 | 7 => self.reload_file(),
            8 => self.reload(),
            9 => self.confirm(),
            10 => self.confirm_published(),
            11 | 12 => self.extend(),
            13 => self.take_back(),
            14 => self.upgrade(),
            _ => self.lose_listeners(),
        }
        if self.random.once_in(2) {
            self.end_if_due();
        }
        self.check();
    }

    fn is_of_fleet(&self) -> bool {
        self.expected.as_ref().is_some_and(|it| it.owner != TrialOwner::Operator)
    }

    /// The end of a trial whose time is over.
    fn end_if_due(&mut self) {
        let ends = self.expected.take_if(|it| it.until <= self.now);
        let trial = self.trials.take_unconfirmed(self.now);
        assert_eq!(trial.is_some(), ends.is_some(), "seed {}", self.seed);
        if let (Some(trial), Some(ends)) = (trial, ends) {
            self.fall_back(&trial, &ends);
        }
    }

    fn fall_back(&mut self, trial: &Trial<Config>, ends: &Expected) {
        self.count("fall-backs");
        assert_eq!(trial.back_to, ends.back_to, "seed {}", self.seed);
        let revision = self.trials.ended().map(|ended| ended.revision);
        if let TrialOwner::Fleet { revision: of } = ends.owner {
            assert_eq!(revision, Some(of), "seed {}: the end is reported", self.seed);
        }
        self.generation += 1;
        self.running = trial.back_to;
    }

    /// A reload to `next`, as a part of the trial that runs.
    fn apply(&mut self, next: Config, new: Option<NewTrial>) {
        let none = (HashSet::new(), BTreeSet::new());
        let before =
            Before { plan: self.running, skipped: none.0, drained: none.1, names: HashSet::new() };
        let trial = self.trials.of_fleet().filter(|_| new.is_none());
        let back_to = trial.map(|trial| Config { local: next.local, ..trial.back_to });
        self.generation += 1;
        let after = After { generation: self.generation, is_new: next != self.running, back_to };
        self.trials.follow_reload(before, after, new, self.now);
        let until = new.map(|new| self.now + new.within);
        match (&mut self.expected, new) {
            (Some(expected), _) => {
                expected.until = until.unwrap_or(expected.until);
                if expected.owner != TrialOwner::Operator {
                    expected.back_to.local = next.local;
                }
            }
            (None, Some(NewTrial { within, owner })) => {
                let (until, back_to) = (self.now + within, self.running);
                self.expected = Some(Expected { owner, until, back_to, lost: self.lost.clone() });
            }
            (None, None) => {}
        }
        self.running = next;
    }

    fn publish(&mut self) {
        self.end_if_due();
        let waits = self.trials.refuse_published(self.generation, self.now).is_err();
        assert_eq!(waits, self.expected.is_some() && !self.is_of_fleet(), "seed {}", self.seed);
        if waits {
            return self.count("texts that wait for an operator");
        }
        self.take_back();
        let hold = self.random.below(3) > 0;
        let new = hold.then(|| NewTrial::of_fleet(self.revision, HOLD));
        self.apply(Config { published: Some(self.revision), ..self.running }, new);
        self.trials.forget_end();
        if hold {
            self.count("fleet's trials");
            let connects = TrialConnects::default();
            let begin = TrialBegin {
                connects,
                all: Connects::default(),
                lost_listeners: self.lost.clone(),
            };
            self.trials.set_begin(begin, &self.lost);
        }
    }

    /// A signal, or a change of a watched file.
    fn reload_file(&mut self) {
        self.end_if_due();
        if self.is_of_fleet() {
            self.count("reloads in a fleet's trial");
        }
        self.apply(Config { local: self.revision, ..self.running }, None);
    }

    fn reload(&mut self) {
        self.end_if_due();
        let confirm = self.random.once_in(2);
        let result = self.trials.refuse_reload(confirm, self.generation, self.now);
        let is_refused = self.expected.is_some() && (self.is_of_fleet() || !confirm);
        assert_eq!(result.is_err(), is_refused, "seed {}", self.seed);
        if !is_refused {
            self.count("operators' trials");
            let new = confirm.then(|| NewTrial::of_operator(CONFIRM));
            self.apply(Config { local: self.revision, ..self.running }, new);
        }
    }

    fn confirm(&mut self) {
        let result = self.trials.confirm(Some(self.generation), self.generation);
        let is_operators = self.expected.is_some() && !self.is_of_fleet();
        assert_eq!(result.is_ok(), is_operators, "seed {}: {result:?}", self.seed);
        if is_operators {
            self.count("confirmations");
            self.expected = None;
        }
    }

    fn confirm_published(&mut self) {
        let expected = self.expected.take_if(|it| it.owner != TrialOwner::Operator);
        let revision = self.trials.confirm_published();
        let owner = revision.map(|revision| TrialOwner::Fleet { revision });
        assert_eq!(owner, expected.map(|it| it.owner), "seed {}", self.seed);
    }

    fn extend(&mut self) {
        let is_open = self.is_of_fleet()
            && self.expected.as_ref().is_some_and(|expected| self.now < expected.until);
        if self.is_of_fleet() && !is_open {
            self.count("late extensions");
        }
        let extended = self.trials.extend(self.revision, HOLD, self.now);
        assert_eq!(extended, is_open, "seed {}", self.seed);
        if let (true, Some(expected)) = (extended, &mut self.expected) {
            expected.owner = TrialOwner::Fleet { revision: self.revision };
            expected.until = self.now + HOLD + MARGIN;
        }
    }

    fn take_back(&mut self) {
        let ends = self.expected.take_if(|it| it.owner != TrialOwner::Operator);
        let trial = self.trials.take_back("a reason");
        assert_eq!(trial.is_some(), ends.is_some(), "seed {}", self.seed);
        if let (Some(trial), Some(ends)) = (trial, ends) {
            self.fall_back(&trial, &ends);
        }
    }

    /// The next process image has the state of this one.
    fn upgrade(&mut self) {
        let Trials { running, ended } = self.trials.clone();
        self.trials = Trials::new(running, ended);
    }

    fn lose_listeners(&mut self) {
        let mut names = NOT_ACCEPTING.to_vec();
        names.retain(|_| self.random.once_in(3));
        self.lost = names.into_iter().map(str::to_owned).collect();
        let found = self.trials.lost_listener(&self.lost);
        let Some(expected) = self.expected.as_mut().filter(|it| it.owner != TrialOwner::Operator)
        else {
            return assert_eq!(found, None, "seed {}: no trial of the fleet", self.seed);
        };
        expected.lost.retain(|it| self.lost.contains(it));
        let new = self.lost.iter().find(|it| !expected.lost.contains(it)).cloned();
        assert_eq!(found, new, "seed {}", self.seed);
        if let Some(why) = found {
            self.count("lost listeners");
            assert!(!why.is_empty());
            self.take_back();
        }
    }

    fn check(&self) {
        let (seed, expected) = (self.seed, self.expected.as_ref());
        let found = self.trials.running().map(|it| (it.owner, it.until, it.back_to));
        let expected = expected.map(|it| (it.owner, it.until, it.back_to));
        assert_eq!(found, expected, "seed {seed}");
        let is_of_fleet = self.trials.of_fleet().is_some();
        assert!(!is_of_fleet || self.trials.ended().is_none(), "seed {seed}: an end of a trial");
        // Before the trial of an operator, and since: the same published text. In one of the fleet: the same local file.
        let Some((owner, _, back_to)) = expected else { return };
        if owner == TrialOwner::Operator {
            assert_eq!(self.running.published, back_to.published, "seed {seed}");
        } else {
            assert_eq!(self.running.local, back_to.local, "seed {seed}");
        }
    }
}

#[test]
fn every_history_of_trials_keeps_the_rules() {
    let mut counts = [0; 8];
    for seed in 0..HISTORIES {
        let mut world = World::new(seed);
        (0..STEPS).for_each(|_| world.step());
        world.now += HOLD + CONFIRM;
        world.end_if_due();
        assert!(world.trials.running().is_none(), "seed {seed}: a trial has no end");
        counts.iter_mut().zip(world.counts).for_each(|(sum, count)| *sum += count);
    }
    for (name, count) in NAMES.iter().zip(counts) {
        assert!(count >= 200, "only {count} {name}");
    }
}
