//! Active checks of targets: one task on the control thread, which follows the running configuration.

mod probe;
pub(crate) use probe::probe;

use discover::Checks;
use engine::{CheckedTarget, Observer};
use std::collections::HashMap;
use std::future::poll_fn;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Longest pause before the check of a target that a client could not connect: spreads those of a failed
/// network.
const SUSPECT: u64 = 100;

/// Tells the task of the checks which targets to check.
#[derive(Clone)]
pub(crate) struct CheckList(UnboundedSender<Vec<CheckedTarget>>);

/// The task, before it runs.
pub(crate) struct CheckTask {
    lists: UnboundedReceiver<Vec<CheckedTarget>>,
    checks: Checks<u64>,
    targets: HashMap<u64, Arc<CheckedTarget>>,
    random: RandomState,
    /// Results so far: the seed of the next random number.
    results: u64,
}

impl CheckList {
    /// Checks these targets from now on, and no others. A target that is checked already goes on with its
    /// state.
    pub(crate) fn replace(&self, targets: Vec<CheckedTarget>) {
        // Fails only at the end of the process.
        let _ = self.0.send(targets);
    }
}

impl CheckTask {
    /// A task without targets, and the way to give it some.
    pub(crate) fn new() -> (CheckList, Self) {
        let (sender, lists) = unbounded_channel();
        let task = Self {
            lists,
            checks: Checks::default(),
            targets: HashMap::new(),
            random: RandomState::new(),
            results: 0,
        };
        (CheckList(sender), task)
    }

    /// Checks until the list is dropped, which the supervisor does at the end.
    pub(crate) async fn run(mut self, observer: Observer) {
        loop {
            tokio::select! {
                list = self.lists.recv() => match list {
                    Some(targets) => self.follow(targets),
                    None => return,
                },
                suspects = poll_fn(|context| observer.poll_suspects(context)) => {
                    for target in suspects {
                        let pause = Duration::from_millis(self.random() % SUSPECT);
                        self.checks.hasten(&target, pause);
                    }
                }
                (target, result) = self.checks.next() => {
                    let error = result.outcome.err().map(|error| error.to_string().into());
                    let random = self.random();
                    let state = self.targets.get(&target);
                    let took = result.took;
                    let pause = state.and_then(|it| it.ended(error, took, random));
                    match pause {
                        Some(pause) => _ = self.checks.ended(target, took, pause),
                        None => self.checks.forget(&target),
                    }
                }
            }
        }
    }

    fn follow(&mut self, targets: Vec<CheckedTarget>) {
        let new: HashMap<u64, Arc<CheckedTarget>> =
            targets.into_iter().map(|target| (target.id(), Arc::new(target))).collect();
        for (id, _) in self.targets.iter().filter(|(id, _)| !new.contains_key(id)) {
            self.checks.remove(id);
        }
        for (id, target) in &new {
            let Some(check) = &target.plan.settings.check else { continue };
            let old = self.targets.get(id);
            let way = |it: &CheckedTarget| (it.send_proxy, it.plan.settings.outbound());
            let old = old.map(|old| (old.plan.settings.check.as_ref(), way(old)));
            if old != Some((Some(check), way(target))) {
                self.checks.set(*id, target.forward(), probe(target, check), check.every);
            }
        }
        self.targets = new;
    }

    fn random(&mut self) -> u64 {
        self.results = self.results.wrapping_add(1);
        self.random.hash_one(self.results)
    }
}
