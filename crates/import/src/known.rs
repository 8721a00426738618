//! Meaning of a foreign setting for our configuration.

use std::collections::HashSet;

use crate::note::{SourcePlace, quoted};
use crate::section::{Config, Noted, Section};

/// Result of converting a setting.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Effect {
    /// Converted, or equal to our behaviour.
    Handled,
    /// No counterpart, and none is needed.
    Harmless,
    /// Selects among several targets, and means nothing where there is one.
    Choice,
    /// Defines a variable, or a table for one. Settings that use a variable have notes of their
    /// own.
    Variable,
    /// Works differently here: the difference, and where it is documented.
    Differs(&'static str, &'static str),
    /// Left out: the consequence, and what to do.
    Lost(&'static str, &'static str),
    /// Left out, and without it the forward would be wrong or insecure: the consequence, and what
    /// to do.
    Wrong(&'static str, &'static str),
}

/// A setting with its number of arguments (where the parser needs it) and its effect.
pub(crate) type Known = (&'static str, usize, Effect);

/// Looks up a setting. A `*` at the end of an entry matches any suffix.
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

/// Settings without a needed counterpart, grouped by reason into one note each.
#[derive(Default)]
pub(crate) struct Harmless {
    reasons: Vec<Reason>,
}

struct Reason {
    message: &'static str,
    help: &'static str,
    /// In order of first use.
    names: Vec<String>,
    known: HashSet<String>,
    place: SourcePlace,
}

impl Harmless {
    /// Adds a setting that a forward does not need.
    pub(crate) fn add(&mut self, place: &SourcePlace, name: &str) {
        self.because("not needed here", "docs/configuration.md has what can be set", place, name);
    }

    /// Adds a setting that selects among targets.
    pub(crate) fn choice(&mut self, place: &SourcePlace, name: &str) {
        self.because("it means nothing with one target", "", place, name);
    }

    /// Adds a setting that defines a variable.
    pub(crate) fn variable(&mut self, place: &SourcePlace, name: &str) {
        let message = "there are no variables here; what depends on one is named by itself";
        self.because(message, "", place, name);
    }

    /// Groups settings that work differently for the same reason into one note.
    pub(crate) fn because(
        &mut self,
        message: &'static str,
        help: &'static str,
        place: &SourcePlace,
        name: &str,
    ) {
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

    /// Writes one note for each reason.
    pub(crate) fn report(self, config: &mut Config) {
        for Reason { message, help, names, place, .. } in self.reasons {
            config.differs(&place, format!("{}: {message}", names.join(", ")), help);
        }
    }
}

/// Notes a setting of a section. An unknown one comments the section out, because it could mean
/// anything.
pub(crate) fn apply(
    effect: Option<Effect>,
    name: &str,
    place: &SourcePlace,
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
