//! The route of a session: that of the first rule which takes the hello of its client.

use super::Targets;
use flow::Time;

/// What the engine may know of the hello of a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    /// The name and the protocol in a hello that may have arrived.
    pub(crate) asked: Option<(Option<&'static str>, Option<&'static str>)>,
    /// The engine may have decided without one.
    pub(crate) may_lack: bool,
}

impl Targets {
    /// Whether the hello of its client decides the route of a session, and has not yet.
    pub(crate) fn awaits_rule(&self, id: u64) -> bool {
        self.sessions.get(&id).is_some_and(|session| session.awaits_hello)
    }

    /// The route of a session was chosen, by what was heard of its client; `None` if that is unknown. `target` is
    /// its first target.
    pub(crate) fn choose_route(
        &mut self,
        id: u64,
        heard: Option<Heard>,
        target: Option<&str>,
        now: Time,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(forward) = self.forwards.get(&session.forward) else { return };
        session.awaits_hello = false;
        session.began = now;
        session.until = now.after(forward.plan.limits.connect);
        let admission = &forward.plan.admission;
        let is_certain = session.is_certain && forward.plans.len() == 1;
        let mut rules: Vec<Option<u8>> = Vec::new();
        if let Some(heard) = heard.filter(|_| is_certain) {
            rules.extend(heard.asked.map(|(name, protocol)| admission.route(name, protocol)));
            rules.extend(heard.may_lack.then_some(None));
            rules.dedup();
            assert!(!rules.is_empty(), "the route of {id} is chosen by a part of a hello");
        }
        let has_target = |rule: &Option<u8>| {
            let set = forward.set(*rule);
            set.is_some_and(|set| set.members.iter().any(|it| Some(&*it.text) == target))
        };
        if rules.len() > 1 {
            rules.retain(has_target);
        }
        if let [rule] = rules[..] {
            session.rule = rule;
            session.targets = forward.set(rule).map_or(1, super::Set::len);
        } else {
            (session.is_certain, session.is_unchanged) = (false, false);
        }
    }
}
