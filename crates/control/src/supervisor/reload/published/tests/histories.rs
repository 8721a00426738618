//! Histories of a supervisor with published texts, chosen by a seed: trials, confirmations, withdrawals, reloads of the
//! local file, trials of operators, drains, upgrades, lost listeners and a shutdown, in any order. After each step, the
//! running configuration, its trial and its listeners are compared with the rules.

mod rules;

use super::*;
use crate::supervisor::reload::{Trial, Trials};
use crate::supervisor::upgrade::{RetryPolicy, next_image, resume};
use flow::Random;
use plan::InForce;
use std::collections::BTreeSet;

const HISTORIES: u64 = 120;
const STEPS: usize = 30;
/// Names of forwards: of the local file only, of published texts only, and of both.
const LOCAL: [&str; 2] = ["local", "more"];
const PUBLISHED: [&str; 3] = ["a", "b", "c"];
const BOTH: &str = "both";
/// Its address is in use.
const TAKEN: &str = "taken";
/// Precision of times: a history takes longer than the time that passes in it.
const SLACK: Duration = Duration::from_secs(5);

type Names = BTreeSet<&'static str>;
type Text = Option<(u64, Names)>;

enum Owner {
    /// The local file before it.
    Operator(Names),
    /// Its revision, and the text before it.
    Fleet(u64, Text),
}

struct Expected {
    owner: Owner,
    left: Duration,
}

struct World {
    it: Fixture,
    seed: u64,
    random: Random,
    revision: u64,
    local: Names,
    text: Text,
    trial: Option<Expected>,
    drained: Names,
    /// Drained forwards that the trial has removed.
    removed: Names,
    is_stopping: bool,
    counts: [u64; 9],
}

const SEEN: [&str; 9] = [
    "fall-backs",
    "confirmations",
    "reloads in a fleet's trial",
    "reloads that the text before a trial excludes",
    "texts that cannot run",
    "texts that wait for an operator",
    "lost listeners in a trial",
    "upgrades in a trial",
    "requests in a shutdown",
];

impl World {
    fn new(seed: u64) -> Self {
        Self {
            it: Fixture::start(),
            seed,
            random: Random::new(seed),
            revision: 0,
            local: Names::from(["local"]),
            text: None,
            trial: None,
            drained: Names::new(),
            removed: Names::new(),
            is_stopping: false,
            counts: [0; 9],
        }
    }

    fn count(&mut self, name: &str) {
        let index = SEEN.iter().position(|it| *it == name).expect("a listed name");
        self.counts[index] += 1;
    }

    async fn step(&mut self) {
        self.revision += 1;
        if self.is_stopping {
            self.count("requests in a shutdown");
        }
        match self.random.below(20) {
            0..=4 => self.publish().await,
            5 | 6 => self.pass_time().await,
            7 | 8 => self.signal().await,
            9 | 10 => self.reload().await,
            11 => self.confirm(),
            12 => self.confirm_published(),
            13 => self.extend().await,
            14 => self.take_back().await,
            15 | 16 => self.lose_listener().await,
            17 => self.drain_forward().await,
            18 => self.upgrade(),
            _ if self.random.once_in(4) && !self.is_stopping => {
                self.it.supervisor.drain("test");
                self.is_stopping = true;
            }
            _ => {}
        }
        self.check();
    }

    fn owner(&self) -> Option<&Owner> {
        self.trial.as_ref().map(|trial| &trial.owner)
    }

    fn is_of_fleet(&self) -> bool {
        matches!(self.owner(), Some(Owner::Fleet(..)))
    }

    fn choose(&mut self, names: &[&'static str]) -> Names {
        let mut chosen: Names = names.iter().copied().filter(|_| self.random.once_in(2)).collect();
        if self.random.once_in(3) {
            chosen.insert(BOTH);
        }
        if self.random.once_in(12) {
            chosen.insert(TAKEN);
        }
        chosen
    }

    async fn publish(&mut self) {
        let names = self.choose(&PUBLISHED);
        let text = self.it.text(self.revision, &names.iter().copied().collect::<Vec<_>>());
        let hold = (self.random.below(3) > 0).then_some(HOLD);
        let result = self.it.supervisor.apply_published(text, hold).await;
        if self.is_stopping {
            return assert!(matches!(result, Err(ReloadError::Draining)));
        }
        if let Some(Owner::Operator(_)) = self.owner() {
            self.count("texts that wait for an operator");
            return assert!(matches!(result, Err(ReloadError::OnTrial { .. })));
        }
        self.fall_back();
        let local = self.local.clone();
        if names.is_empty() || names.contains(TAKEN) || !names.is_disjoint(&local) {
            self.count("texts that cannot run");
            return assert!(result.is_err(), "seed {}: {names:?}", self.seed);
        }
        result.unwrap_or_else(|error| panic!("seed {}: {error}", self.seed));
        let before = self.text.replace((self.revision, names));
        self.trial = hold.map(|hold| Expected {
            owner: Owner::Fleet(self.revision, before),
            left: hold + Duration::from_secs(10),
        });
        self.follow_drains(false);
        if hold.is_some() {
            let begin = TrialBegin {
                connects: fleet::TrialConnects::default(),
                all: fleet::Connects::default(),
                lost_listeners: Vec::new(),
            };
            self.it.supervisor.set_trial_begin(begin);
        }
    }

    /// Time passes by moving the deadline.
    async fn pass_time(&mut self) {
        let passed = Duration::from_secs(self.random.below(60));
        let supervisor = &mut self.it.supervisor;
        let running = supervisor.trials.running().cloned();
        let running = running.map(|mut trial| {
            trial.until =
                trial.until.checked_sub(passed).expect("a host that has run for a minute");
            trial
        });
        supervisor.trials = Trials::new(running, supervisor.trials.ended().cloned());
        supervisor.run_due_work().await;
        if self.is_stopping {
            return;
        }
        if let Some(trial) = &mut self.trial {
            trial.left = trial.left.saturating_sub(passed);
            if supervisor.trials.running().is_none() {
                assert!(trial.left <= SLACK, "seed {}: an early end", self.seed);
                self.fall_back();
            }
        }
    }

    async fn signal(&mut self) {
        let mut names = self.choose(&LOCAL);
        if let Some(Owner::Fleet(_, Some((_, before)))) = self.owner()
            && before.contains(BOTH)
        {
            names.insert(BOTH);
        }
        self.it.write_local(&names.iter().copied().collect::<Vec<_>>());
        self.it.supervisor.reload_by("SIGHUP").await;
        if self.expect_reload(&names) {
            self.local = names;
            self.follow_drains(false);
        }
    }

    async fn reload(&mut self) {
        let names = self.choose(&LOCAL);
        self.it.write_local(&names.iter().copied().collect::<Vec<_>>());
        let confirm = self.random.once_in(2).then_some(HOLD);
        let result = self.it.reload(confirm).await;
        let seed = self.seed;
        match self.owner() {
            _ if self.is_stopping => assert!(result.is_err(), "seed {seed}"),
            Some(Owner::Fleet(..)) => {
                assert!(matches!(result, Err(ReloadError::FleetTrial { .. })), "seed {seed}");
            }
            Some(Owner::Operator(_)) if confirm.is_none() => {
                assert!(matches!(result, Err(ReloadError::OnTrial { .. })), "seed {seed}");
            }
            _ => {
                let fits = self.expect_reload(&names);
                assert_eq!(result.is_ok(), fits, "seed {seed}: {result:?}");
                let before = std::mem::replace(&mut self.local, names);
                if !fits {
                    self.local = before;
                    return;
                }
                if let Some(left) = confirm {
                    let owner = Owner::Operator(before);
                    let owner = self.trial.take().map_or(owner, |trial| trial.owner);
                    self.trial = Some(Expected { owner, left });
                }
                self.follow_drains(false);
            }
        }
    }

    fn confirm(&mut self) {
        let generation = self.it.supervisor.generation;
        let result = self.it.supervisor.confirm(Some(generation));
        let is_operators = matches!(self.owner(), Some(Owner::Operator(_)));
        assert_eq!(result.is_ok(), is_operators, "seed {}", self.seed);
        if self.trial.take_if(|_| is_operators).is_some() {
            self.follow_drains(false);
        }
    }

    fn confirm_published(&mut self) {
        let is_of_fleet = self.is_of_fleet();
        let confirmed = self.it.supervisor.confirm_published();
        assert_eq!(confirmed, is_of_fleet, "seed {}", self.seed);
        if self.trial.take_if(|_| is_of_fleet).is_some() {
            self.count("confirmations");
            self.follow_drains(false);
        }
    }

    async fn extend(&mut self) {
        let extended = self.it.supervisor.extend_published(self.revision, HOLD).await;
        assert_eq!(extended, self.is_of_fleet(), "seed {}", self.seed);
        if let Some(Expected { owner: Owner::Fleet(revision, _), left }) = &mut self.trial {
            (*revision, *left) = (self.revision, HOLD + Duration::from_secs(10));
        }
    }

    async fn take_back(&mut self) {
        let taken = self.it.supervisor.fall_back_published("it failed").await;
        assert_eq!(taken, self.is_of_fleet() && !self.is_stopping, "seed {}", self.seed);
        if taken {
            self.fall_back();
        }
    }

    /// The file of a listener is removed. Its trial ends then, if one of the fleet runs.
    async fn lose_listener(&mut self) {
        let names: Vec<_> = self.listening().into_iter().collect();
        if names.is_empty() || self.is_stopping {
            return;
        }
        let name = names[usize::try_from(self.random.below(names.len() as u64)).expect("small")];
        fs::remove_file(self.it.path(name)).expect("remove the listener's file");
        let lost = self.it.supervisor.lost_in_trial();
        assert_eq!(lost.is_some(), self.is_of_fleet(), "seed {}: {lost:?}", self.seed);
        if let Some(why) = lost {
            self.count("lost listeners in a trial");
            assert!(self.it.supervisor.fall_back_published(&why).await);
            self.fall_back();
        }
        // A reload of the same file makes the listener again.
        self.it.write_local(&self.local.iter().copied().collect::<Vec<_>>());
        self.it.supervisor.reload_by("SIGHUP").await;
        assert_eq!(self.it.supervisor.lost_listeners(), [""; 0], "seed {}", self.seed);
    }

    async fn drain_forward(&mut self) {
        let names: Vec<_> = self.configured().into_iter().collect();
        if names.is_empty() || self.is_stopping || self.trial.is_some() {
            return;
        }
        let name = names[usize::try_from(self.random.below(names.len() as u64)).expect("small")];
        let supervisor = &mut self.it.supervisor;
        if self.drained.remove(name) {
            supervisor.resume_forward(name).await.expect("a forward");
        } else {
            supervisor.drain_forward(name).await.expect("a forward");
            self.drained.insert(name);
        }
    }

    /// The state goes to the next image, without the sockets: they are bound again.
    fn upgrade(&mut self) {
        if self.is_stopping || !self.drained.is_empty() || !self.removed.is_empty() {
            return;
        }
        if self.trial.is_some() {
            self.count("upgrades in a trial");
        }
        let input = self.it.supervisor.input.clone();
        let handover = next_image(&self.it.supervisor);
        let plan = handover.read_plan(&input).plan.expect("the running configuration");
        let in_force = InForce::of(&plan);
        let retry = RetryPolicy::new(false);
        self.it.supervisor.engine.drain();
        let next = resume(input, plan, in_force, Notifier::from_environment(), handover, &retry);
        let next = next.unwrap_or_else(|error| panic!("seed {}: {error}", self.seed));
        std::mem::replace(&mut self.it.supervisor, next).stop(STOP_LIMIT, STOP_LIMIT);
    }
}

#[test]
fn every_history_of_published_texts_keeps_the_rules() {
    let mut counts = [0; 9];
    control_runtime().expect("a runtime").block_on(async {
        for seed in 0..HISTORIES {
            let mut world = World::new(seed);
            let taken = std::os::unix::net::UnixListener::bind(world.it.path(TAKEN));
            let _taken = taken.expect("a socket");
            for _ in 0..STEPS {
                world.step().await;
            }
            world.it.supervisor.stop(STOP_LIMIT, STOP_LIMIT);
            counts.iter_mut().zip(world.counts).for_each(|(sum, count)| *sum += count);
        }
    });
    for (name, count) in SEEN.iter().zip(counts) {
        assert!(count >= 5, "only {count} {name}");
    }
}
