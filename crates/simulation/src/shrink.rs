//! Makes a failing script short: removes events, then simplifies the others.

use crate::script::{
    Act, Admission, Command, Configuration, Event, Limits, Opening, Script, Selection, Target,
};
use std::time::Duration;

/// A shorter script that fails as `script` does. `fails` runs a candidate, at most `tries` times.
pub(crate) fn shrink(script: Script, tries: u32, fails: impl FnMut(&Script) -> bool) -> Script {
    let mut shrinking = Shrinking { best: script, tries, fails };
    loop {
        let before = shrinking.best.clone();
        shrinking.remove_events();
        shrinking.simplify();
        if shrinking.best == before || shrinking.tries == 0 {
            return shrinking.best;
        }
    }
}

struct Shrinking<F> {
    best: Script,
    tries: u32,
    fails: F,
}

impl<F: FnMut(&Script) -> bool> Shrinking<F> {
    /// Keeps `candidate` if it still fails.
    fn keep(&mut self, candidate: Script) -> bool {
        if self.tries == 0 || candidate == self.best {
            return false;
        }
        self.tries -= 1;
        let fails = (self.fails)(&candidate);
        if fails {
            self.best = candidate;
        }
        fails
    }

    /// Removes runs of events, long ones first (ddmin of A. Zeller, without its complements).
    fn remove_events(&mut self) {
        let mut length = self.best.events.len().div_ceil(2);
        while length > 0 && self.tries > 0 {
            // From the end: later events depend on earlier ones.
            let mut at = self.best.events.len();
            while at > 0 {
                let from = at.saturating_sub(length);
                let mut candidate = self.best.clone();
                candidate.events.drain(from..at);
                self.keep(candidate);
                at = from.min(self.best.events.len());
            }
            length /= 2;
        }
    }

    fn simplify(&mut self) {
        for workers in 1..self.best.workers {
            if self.keep(Script { workers, ..self.best.clone() }) {
                break;
            }
        }
        for position in (0..self.best.start.0.len()).rev() {
            let mut candidate = self.best.clone();
            candidate.start.0.remove(position);
            if !candidate.start.0.is_empty() {
                self.keep(candidate);
            }
        }
        self.simplify_limits();
        for position in 0..self.best.events.len() {
            // Each step halves a number, and the numbers of events are small.
            while let Some(simpler) = simpler(&self.best.events[position]) {
                let mut candidate = self.best.clone();
                candidate.events[position] = simpler;
                if !self.keep(candidate) {
                    break;
                }
            }
        }
    }

    fn simplify_limits(&mut self) {
        for position in 0..self.best.start.0.len() {
            let mut candidate = self.best.clone();
            candidate.start.0[position].limits = Limits::default();
            self.keep(candidate);
            let mut candidate = self.best.clone();
            candidate.start.0[position].listen.truncate(1);
            self.keep(candidate);
            let mut candidate = self.best.clone();
            candidate.start.0[position].selection = Selection::default();
            self.keep(candidate);
            self.simplify_targets(position);
            self.simplify_admission(position);
        }
    }

    fn simplify_admission(&mut self, forward: usize) {
        let default = Admission::default();
        let changes: [fn(&mut Admission, &Admission); 5] = [
            |it, default| it.clone_from(default),
            |it, _| (it.allow, it.deny) = (Vec::new(), Vec::new()),
            |it, _| it.accept_proxy = None,
            |it, default| it.send_proxy = default.send_proxy,
            |it, _| it.routes.truncate(1),
        ];
        for change in changes {
            let mut candidate = self.best.clone();
            let forward = &mut candidate.start.0[forward];
            change(&mut forward.admission, &default);
            forward.agree();
            if !forward.to.is_empty() || !forward.admission.routes.is_empty() {
                self.keep(candidate);
            }
        }
    }

    fn simplify_targets(&mut self, forward: usize) {
        for at in (0..self.best.start.0[forward].to.len()).rev() {
            for simpler in simplify_one(&self.best.start.0[forward].to, at) {
                let mut candidate = self.best.clone();
                candidate.start.0[forward].to = simpler;
                candidate.start.0[forward].agree();
                if self.keep(candidate) {
                    break;
                }
            }
        }
    }
}

/// Fewer targets, or fewer options of one.
fn simplify_one(targets: &[Target], at: usize) -> [Vec<Target>; 2] {
    let (mut fewer, mut plain) = (targets.to_vec(), targets.to_vec());
    if targets.len() > 1 {
        fewer.remove(at);
    }
    plain[at] = Target::from(plain[at].to);
    [fewer, plain]
}

/// The same event with a smaller number.
fn simpler(event: &Event) -> Option<Event> {
    match event {
        Event::Act(session, peer, Act::Send(count @ 2..)) => {
            Some(Event::Act(*session, *peer, Act::Send(count / 2)))
        }
        Event::Act(session, peer, Act::Read(count @ 2..)) => {
            Some(Event::Act(*session, *peer, Act::Read(count / 2)))
        }
        Event::Connect(session, endpoint, Opening { header: Some(_), hello: Some(hello) }) => {
            let opening = Opening { header: None, hello: Some(*hello) };
            Some(Event::Connect(*session, *endpoint, opening))
        }
        Event::Connect(session, endpoint, opening) if *opening != Opening::default() => {
            Some(Event::Connect(*session, *endpoint, Opening::default()))
        }
        Event::Pass(span) if *span > Duration::from_millis(1) => {
            Some(Event::Pass(Duration::from_millis(half(*span))))
        }
        Event::Operate(Command::Reload(Configuration(forwards))) if forwards.len() > 1 => {
            let fewer = Configuration(forwards[..forwards.len() - 1].to_vec());
            Some(Event::Operate(Command::Reload(fewer)))
        }
        _ => None,
    }
}

fn half(span: Duration) -> u64 {
    u64::try_from(span.as_millis() / 2).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_without_influence_are_removed() {
        let script = Script::of_seed(3);
        let connects = |script: &Script, session| {
            script.events.iter().any(|it| matches!(it, Event::Connect(it, ..) if *it == session))
        };
        let has_large_write = |script: &Script| {
            let is_large = |it: &Event| matches!(it, Event::Act(_, _, Act::Send(3..)));
            script.events.iter().any(is_large)
        };
        let fails = |script: &Script| {
            connects(script, 4) && connects(script, 17) && has_large_write(script)
        };
        assert!(fails(&script));
        let small = shrink(script, 2000, fails);
        assert_eq!((small.events.len(), small.workers, small.start.0.len()), (3, 1, 1));
        assert!(fails(&small));
    }

    #[test]
    fn the_number_of_tries_is_bounded() {
        let mut tried = 0;
        let script = Script::of_seed(1);
        shrink(script, 10, |_| {
            tried += 1;
            tried % 3 == 0
        });
        assert_eq!(tried, 10);
    }
}
