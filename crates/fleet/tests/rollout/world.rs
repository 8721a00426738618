//! Instances, publishers and the store under one clock.

use crate::instance::{Millis, Model};
use crate::publisher::Publisher;
use crate::store::Store;
use fleet::{Current, Decision, Input, On, Trial, Work};
use std::collections::BTreeSet;

/// Time of one step.
const TICK: Millis = 100;
/// The longest way from a publisher's reading to its change.
const WAY: Millis = 2_500;

pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}

pub(crate) struct World {
    pub(crate) now: Millis,
    pub(crate) random: Random,
    pub(crate) store: Store,
    pub(crate) instances: Vec<Model>,
    pub(crate) publishers: Vec<Publisher>,
    /// Whether changes lose their answers, and watches are slow.
    pub(crate) has_faults: bool,
    /// Changes on their way that the store may carry out later.
    late: Vec<(Decision, Millis)>,
    /// The instances that lived at the last change of `current`.
    lived: BTreeSet<String>,
}

impl World {
    pub(crate) fn new(seed: u64, instances: Vec<Model>) -> Self {
        Self {
            now: 0,
            random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            store: Store::new(),
            instances,
            publishers: Vec::new(),
            has_faults: false,
            late: Vec::new(),
            lived: BTreeSet::new(),
        }
    }

    pub(crate) fn current(&self) -> Option<&Current> {
        self.store.current.as_ref().map(|(current, _)| current)
    }

    /// Plays until this time.
    pub(crate) fn play(&mut self, until: Millis) {
        while self.now < until {
            self.now += TICK;
            let now = self.now;
            let due = |(_, at): &mut (Decision, Millis)| *at <= now;
            let late: Vec<_> = self.late.extract_if(.., due).collect();
            for (decision, _) in late {
                self.decide(&decision);
            }
            self.play_instances();
            for number in 0..self.publishers.len() {
                self.play_publisher(number);
            }
        }
    }

    fn play_instances(&mut self) {
        let is_away = self.now < self.store.away_until;
        for model in self.instances.iter_mut().filter(|model| model.is_alive) {
            model.tick(self.now);
            if is_away {
                continue;
            }
            if let Some((current, _)) = &self.store.current
                && self.now >= model.next_read
            {
                model.follow(current, self.now);
                // A watch wakes it soon, or stays silent.
                let is_silent = self.has_faults && self.random.below(40) == 0;
                model.next_read = self.now + if is_silent { 10_000 } else { TICK };
            }
            let (status, until) = (model.status(), self.now + 15_000);
            let before = self.store.instances.insert(model.name.clone(), (status.clone(), until));
            if before.is_none_or(|(before, _)| before != status) {
                self.store.revision += 1;
            }
        }
        let now = self.now;
        self.store.instances.retain(|_, (_, until)| *until > now);
        // A publisher does not wait for an instance that has vanished, also when it comes back.
        let in_store = &self.store.instances;
        self.lived.retain(|name| in_store.contains_key(name));
    }

    fn play_publisher(&mut self, number: usize) {
        let publisher = &mut self.publishers[number];
        if publisher.is_over() {
            return;
        }
        let latency = if self.has_faults { self.random.below(5) * TICK } else { TICK };
        if publisher.interrupts.first().is_some_and(|at| *at <= self.now) {
            publisher.interrupts.remove(0);
            publisher.take(Input::Interrupt, self.now, latency);
        }
        if let Some((input, at)) = publisher.result.take() {
            if at <= self.now {
                publisher.take(input, self.now, latency);
            } else {
                publisher.result = Some((input, at));
            }
            return;
        }
        let is_read = matches!(publisher.work, Some(Work::Read { .. }));
        let is_changed = is_read && publisher.seen != self.store.revision;
        let until = match publisher.work {
            Some(Work::Read { until }) if !is_changed => {
                Millis::try_from(until.as_millis()).unwrap()
            }
            _ => publisher.due,
        };
        if self.now >= until {
            let input = self.carry_out(number);
            self.publishers[number].result = Some((input, self.now + latency));
        }
    }

    fn carry_out(&mut self, number: usize) -> Input {
        let is_away = self.now < self.store.away_until;
        let decision = self.publishers[number].decision().cloned();
        let error = || "the store does not answer".to_owned();
        if let Some(decision) = decision {
            if is_away {
                return Input::WriteFailed(error());
            }
            match if self.has_faults { self.random.below(12) } else { 9 } {
                0 => return Input::WriteUnknown(error()),
                1 => {
                    let at = self.now + self.random.below(30) * TICK;
                    self.late.push((decision, at));
                    return Input::WriteUnknown(error());
                }
                2 => {
                    self.decide(&decision);
                    return Input::WriteUnknown(error());
                }
                _ => {}
            }
            let is_done = self.decide(&decision);
            return if is_done { Input::Written(self.store.revision) } else { Input::NotWritten };
        }
        let publisher = &mut self.publishers[number];
        match publisher.work.as_ref().unwrap() {
            Work::Read { .. } if is_away => Input::ReadFailed(error()),
            Work::Read { .. } => {
                publisher.seen = self.store.revision;
                Input::Read(self.store.reading())
            }
            Work::PutText(_) if is_away => Input::TextFailed(error()),
            Work::PutText(text) => Input::TextReady(self.store.put_text(*text)),
            Work::ListTexts | Work::Remove(_) if is_away => Input::CleanedUp(Err(error())),
            Work::ListTexts => Input::Texts(self.store.texts.keys().copied().collect()),
            Work::Remove(removal) => {
                self.store.remove(removal);
                Input::CleanedUp(Ok(()))
            }
            Work::Decide(_) | Work::Finish(_) => unreachable!("decided above, or over"),
        }
    }

    /// Carries out a change of `current`, and checks it.
    pub(crate) fn decide(&mut self, decision: &Decision) -> bool {
        if !self.store.allows(decision) {
            return false;
        }
        let next = &decision.current;
        if let Some(before) = self.current() {
            assert!(next.revision > before.revision, "the revision fell: {before:?} {next:?}");
            self.check_step(before, next);
        }
        let in_store = self.store.instances.keys().cloned().collect();
        let is_same_step = self.current().is_some_and(|before| {
            let on = |current: &Current| current.trial.as_ref().map(|trial| trial.on.clone());
            on(before).is_some() && on(before) == on(next)
        });
        if !is_same_step {
            self.lived = in_store;
        }
        self.store.revision += 1;
        self.store.current = Some((next.clone(), self.store.revision));
        self.store.check_texts();
        true
    }

    /// A step follows only when all instances of the one before have run the text for its hold.
    fn check_step(&self, before: &Current, next: &Current) {
        let Some(trial) = &before.trial else { return };
        let to_all = |next: &Trial| next.text == trial.text && next.on == On::ALL;
        // Another publisher replaces an ended trial by a new one.
        let is_next =
            trial.on != On::ALL && next.by == before.by && next.trial.as_ref().is_some_and(to_all);
        let is_stable = next.stable == Some(trial.text) && next.stable != before.stable;
        if !is_next && !is_stable || self.store.instances.is_empty() {
            return;
        }
        let hold = Millis::try_from(trial.hold.as_millis()).unwrap();
        let named = self.instances.iter().filter(|model| {
            model.is_alive && trial.on.names(&model.name) && self.lived.contains(&model.name)
        });
        for model in named {
            let has_run = model.runs_since.iter().flatten().any(|run| {
                let is_recent = run.until + WAY >= self.now;
                run.text == trial.text && is_recent && self.now - run.since >= hold
            });
            let (name, run, now) = (&model.name, model.runs_since, self.now);
            assert!(
                has_run,
                "{name} has not run it for its hold: {run:?} at {now}: {before:?} {next:?}"
            );
        }
    }
}
