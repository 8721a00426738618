//! Plays a script: its events, one after the other, with steps of the world in between.

use crate::control::Control;
use crate::random::{Choices, hash};
use crate::script::{Command, Event, Script, Severity};
use crate::summary::Summary;
use crate::world::Shared;
use std::time::Duration;

/// Longest pause within one event: a longer one needs [`Event::Pass`].
const SHORT_PAUSE: Duration = Duration::from_millis(100);
/// Longest time that passes at once while descriptors are scarce.
const LONGEST_SHORTAGE: Duration = Duration::from_secs(20);
/// Longest time until all sessions with cooperating peers have ended: a retransmission timeout may be two
/// minutes.
const LONGEST_END: Duration = Duration::from_secs(1200);

/// Plays a script. Panics where it breaks a rule.
pub(crate) fn play(script: &Script) -> Summary {
    let mut history = History::start(script);
    for event in &script.events {
        history.apply(event);
    }
    history.end()
}

struct History {
    seed: u64,
    world: Shared,
    control: Control,
}

impl History {
    fn start(script: &Script) -> Self {
        let (world, control) = Control::start(script);
        Self { seed: script.seed, world, control }
    }

    /// Applies an event, and takes some steps. Their choices depend on the event and not on earlier ones, so
    /// that a script without those often takes the same steps.
    fn apply(&mut self, event: &Event) {
        let seed = hash(self.seed, event.to_string().as_bytes());
        self.world.lock().reseed(seed);
        if let Event::Operate(command) = event {
            self.world.lock().trace_event(event);
            self.control.operate(command);
        } else {
            self.world_changes(event);
        }
        self.some_steps();
        self.control.check();
    }

    fn world_changes(&mut self, event: &Event) {
        let mut world = self.world.lock();
        world.trace_event(event);
        match event {
            Event::Connect(session, endpoint, opening) => {
                world.connect(*session, *endpoint, *opening);
            }
            Event::Act(session, peer, act) => world.act(*session, *peer, *act),
            Event::Target(host, state) => world.set_host(*host, *state),
            Event::Conditions(severity) => world.set_conditions(*severity),
            Event::Files(limit) => world.limit_files(*limit),
            Event::Resolver(mode) => world.set_resolver(*mode),
            Event::Pass(span) => {
                // An exhausted listener is tried again ten times a second.
                let longest = if world.has_few_files { LONGEST_SHORTAGE } else { Duration::MAX };
                let until = world.sim.now().after((*span).min(longest));
                world.run_until(until);
            }
            Event::Settle => world.settle(SHORT_PAUSE),
            Event::Operate(_) => {}
        }
    }

    fn some_steps(&mut self) {
        let mut world = self.world.lock();
        let steps = world.random.pick(&[0, 0, 1, 2, 5, 10, 40]);
        for _ in 0..steps {
            let until = world.sim.now().after(SHORT_PAUSE);
            if !world.step(until) {
                break;
            }
        }
    }

    /// Ends the history: peers cooperate until all sessions have ended, and the engine cuts the others. In one
    /// of ten histories, it cuts all.
    fn end(mut self) -> Summary {
        let is_abrupt = {
            let mut world = self.world.lock();
            world.reseed(hash(self.seed, b"end"));
            world.random.chance(10)
        };
        if !is_abrupt {
            self.end_sessions();
        }
        self.control.stop();
        let mut world = self.world.lock();
        world.cooperate();
        world.settle(SHORT_PAUSE);
        world.check_end();
        world.summary()
    }

    /// Requires that all sessions end once their peers cooperate.
    fn end_sessions(&mut self) {
        let mut world = self.world.lock();
        world.set_conditions(Severity::Friendly);
        world.limit_files(None);
        world.set_resolver(crate::script::Resolver::Prompt);
        drop(world);
        self.control.operate(&Command::MaxSessions(u16::MAX));
        let mut world = self.world.lock();
        world.cooperate();
        world.settle(SHORT_PAUSE);
        drop(world);
        self.control.check();
        let mut world = self.world.lock();
        let until = world.sim.now().after(LONGEST_END);
        world.run_until(until);
        drop(world);
        self.control.check();
        self.control.all_have_ended();
        self.world.lock().check_refusals();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_leaves_no_memory_behind() {
        for seed in 0..20 {
            let script = Script::of_seed(seed);
            let mut history = History::start(&script);
            script.events.iter().for_each(|event| history.apply(event));
            let world = history.world.downgrade();
            history.end();
            assert!(world.upgrade().is_none(), "seed {seed}: something owns the world");
        }
    }
}
