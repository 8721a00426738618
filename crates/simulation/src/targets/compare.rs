//! Compares the model with the state of the engine.

use super::{Forward, Targets};
use engine::parts::{ForwardAudit, TargetAudit};
use std::collections::{BTreeMap, BTreeSet};

impl Targets {
    /// Checks the targets of all forwards, after an event. `is_changing`: the workers have not applied the last
    /// change yet, or hand over clients of before.
    pub(crate) fn check(&mut self, forwards: &[ForwardAudit], is_changing: bool) {
        let known: BTreeSet<&str> = forwards.iter().map(|forward| &*forward.name).collect();
        self.forwards.retain(|name, _| known.contains(name.as_str()));
        if !is_changing {
            for forward in self.forwards.values_mut() {
                forward.is_changing = false;
                forward.plans = vec![forward.plan.clone()];
            }
        }
        let mut places: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        for session in self.sessions.values() {
            for target in session.places() {
                *places.entry((&session.forward, target)).or_default() += 1;
            }
        }
        for audit in forwards {
            let Some(forward) = self.forwards.get_mut(&*audit.name) else { continue };
            for target in &audit.targets {
                let places = places.get(&(&*audit.name, &*target.text)).copied().unwrap_or(0);
                forward.check_target(&audit.name, target, places);
            }
        }
    }
}

impl Forward {
    /// Checks a target, in which the sessions of the model have so many places.
    fn check_target(&mut self, name: &str, engine: &TargetAudit, places: u32) {
        let text = &engine.text;
        let Some(member) = self.member(text) else {
            panic!("{text} is a target of {name}, and not configured");
        };
        let limit = member.limit.unwrap_or(u32::MAX);
        assert_eq!(engine.gate.limit, limit, "the limit of {text} of {name}");
        assert_eq!(engine.gate.taken, places, "the sessions of {text} of {name}");
        let Some(target) = self.targets.get_mut(&**text) else { return };
        let connects = *target.connects.get_or_insert(engine.connects);
        assert_eq!(engine.connects, connects, "connects and failures of {text} of {name}");
        if target.health != super::Health::Unknown {
            let tried_from = target.health.tried_from();
            assert_eq!(engine.tried_from, tried_from, "the time until {text} of {name} is tried");
        }
    }
}
