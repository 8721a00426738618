//! The result of `drain` and `resume`, as text.

use api::{Done, Forward, Target, TargetState};
use plan::{counted, escaped};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Drain,
    Resume,
}

impl Verb {
    /// The last part of the request's path.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Resume => "resume",
        }
    }
}

/// A forward, or one of its targets, that was drained or resumed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Switched<'a> {
    pub(crate) name: &'a str,
    pub(crate) target: Option<&'a str>,
    pub(crate) verb: Verb,
    pub(crate) done: &'a Done,
}

impl Switched<'_> {
    /// The result in one line. `forward` is its state after the act, if it is known.
    pub(crate) fn text(&self, forward: Option<&Forward>) -> String {
        let Self { name, target, verb, done } = self;
        let already = if done.changed { "" } else { " already" };
        let line = match (target, verb) {
            (Some(address), Verb::Drain) => {
                let open = forward.and_then(|forward| target_of(forward, address));
                let open = open.map(|it| format!(" ({})", counted(it.sessions, "open session")));
                format!("{address} is drained{already}{}", open.unwrap_or_default())
            }
            (Some(address), Verb::Resume) if done.changed => {
                format!("{address} takes sessions again")
            }
            (Some(address), Verb::Resume) => format!("{address} takes sessions already"),
            (None, _) => {
                let drained = forward.filter(|_| *verb == Verb::Resume).and_then(still_drained);
                format!("{name} is {}{already}{}", done.state, drained.unwrap_or_default())
            }
        };
        escaped(&line) + "\n"
    }

    /// The loss of clients, if no target takes the sessions of the drained one.
    pub(crate) fn warning(&self, forward: &Forward) -> Option<String> {
        let address = self.target.filter(|_| self.verb == Verb::Drain)?;
        let takes = |it: &Target| match () {
            () if it.state == TargetState::Down => !refuses_while_down(forward),
            () => it.state == TargetState::Up || it.state == TargetState::Unreachable,
        };
        let is_served = |listen: &String| {
            forward.targets.iter().any(|it| takes(it) && it.listen.contains(listen))
        };
        let is_lost = !target_of(forward, address)?.listen.iter().all(is_served);
        is_lost.then(|| {
            format!("no other target of {} takes sessions: clients are reset", escaped(self.name))
        })
    }
}

fn target_of<'f>(forward: &'f Forward, address: &str) -> Option<&'f Target> {
    forward.targets.iter().find(|target| target.address == address)
}

fn refuses_while_down(forward: &Forward) -> bool {
    forward.settings.get("none_up").is_some_and(|value| value.contains("refuse"))
}

/// The number of drained targets, and the command that resumes one.
fn still_drained(Forward { name, targets, .. }: &Forward) -> Option<String> {
    let drained = targets.iter().filter(|it| it.state == TargetState::Drained).count();
    let are = match drained {
        0 => return None,
        1 => "is",
        _ => "are",
    };
    Some(format!("; {drained} of its targets {are} drained: resume {name} --target ADDRESS"))
}
