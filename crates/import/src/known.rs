//! What a word of a foreign configuration means for us.

use std::collections::HashSet;

use crate::note::{Place, quoted};
use crate::section::{Config, Noted, Section};

/// What becomes of a setting.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Effect {
    /// It is converted, or says what is the case anyway.
    Handled,
    /// There is no counterpart, and a forward does its job without.
    Harmless,
    /// It chooses among several targets, of which a forward has one. That others are left out is
    /// noted by itself.
    Choice,
    /// It makes a variable, or a table for one. What depends on a variable is noted by itself.
    Variable,
    /// Done in another way here: how, and where to read on.
    Differs(&'static str, &'static str),
    /// Left out: what that means, and what to do.
    Lost(&'static str, &'static str),
    /// Left out, and without it a forward would be wrong or insecure.
    Wrong(&'static str, &'static str),
}

/// A word, how many arguments stand behind it (where that has to be known), and what becomes of it.
pub(crate) type Known = (&'static str, usize, Effect);

/// The entry of a word. A `*` at the end of an entry stands for any end.
pub(crate) fn find(table: &[Known], word: &str) -> Option<(usize, Effect)> {
    let matches = |name: &str| match name.strip_suffix('*') {
        Some(start) => word.starts_with(start),
        None => word == name,
    };
    table
        .iter()
        .find(|(name, ..)| matches(name))
        .map(|(_, arguments, effect)| (*arguments, *effect))
}

/// Settings without a counterpart, by the reason why nothing is lost: those with the same reason are
/// named together, in one note.
#[derive(Default)]
pub(crate) struct Harmless {
    reasons: Vec<Reason>,
}

struct Reason {
    message: &'static str,
    help: &'static str,
    /// In the order of their first use.
    names: Vec<String>,
    known: HashSet<String>,
    place: Place,
}

impl Harmless {
    /// A setting that a forward does its job without.
    pub(crate) fn add(&mut self, place: &Place, name: &str) {
        self.because("not needed here", "docs/configuration.md has what can be set", place, name);
    }

    /// One that chooses among targets.
    pub(crate) fn choice(&mut self, place: &Place, name: &str) {
        self.because("it means nothing with one target, which a forward has", "", place, name);
    }

    /// One that makes a variable.
    pub(crate) fn variable(&mut self, place: &Place, name: &str) {
        let message = "there are no variables here; what depends on one is named by itself";
        self.because(message, "", place, name);
    }

    fn because(&mut self, message: &'static str, help: &'static str, place: &Place, name: &str) {
        let name = quoted(name);
        if let Some(reason) = self.reasons.iter_mut().find(|reason| reason.message == message) {
            if reason.known.insert(name.clone()) {
                reason.names.push(name);
            }
        } else {
            let (known, names) = (HashSet::from([name.clone()]), vec![name]);
            self.reasons.push(Reason { message, help, names, known, place: place.clone() });
        }
    }

    /// The notes.
    pub(crate) fn report(self, config: &mut Config) {
        for Reason { message, help, names, place, .. } in self.reasons {
            config.differs(&place, format!("{}: {message}", names.join(", ")), help);
        }
    }
}

/// Notes a setting with a section that it belongs to. What is not known could mean anything.
pub(crate) fn apply(
    effect: Option<Effect>,
    name: &str,
    place: &Place,
    section: &mut Section,
    harmless: &mut Harmless,
) {
    match effect {
        Some(Effect::Handled) => {}
        Some(Effect::Harmless) => harmless.add(place, name),
        Some(Effect::Choice) => harmless.choice(place, name),
        Some(Effect::Variable) => harmless.variable(place, name),
        Some(Effect::Differs(message, help)) => {
            section.differs(place, format!("{}: {message}", quoted(name)), help);
        }
        Some(Effect::Lost(message, help)) => section.lost(place, &quoted(name), message, help),
        Some(Effect::Wrong(message, help)) => {
            section.comment_out(place, format!("{}: {message}", quoted(name)), help);
        }
        None => {
            let message = format!("{} is not known here, and could mean anything", quoted(name));
            section.comment_out(place, message, "if it does not matter, remove the comment marks");
        }
    }
}
