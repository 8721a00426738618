//! Meaning of a foreign setting for our configuration.

use std::collections::HashSet;
use std::sync::Arc;

use crate::note::{Note, NoteKind, SourcePlace, quoted};
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
    /// Works differently here: the difference, and what to do or where it is documented.
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

/// Settings and defaults of the other program that differ or are not needed, grouped by reason into one
/// note each.
#[derive(Default)]
pub(crate) struct Harmless {
    reasons: Vec<Reason>,
}

struct Reason {
    kind: NoteKind,
    message: &'static str,
    help: &'static str,
    /// In order of first use; none for a default.
    names: Vec<String>,
    known: HashSet<String>,
    place: SourcePlace,
    /// Lines after the first one.
    further: HashSet<(Arc<str>, u32)>,
}

impl Harmless {
    /// Adds a setting that a forward does not need.
    pub(crate) fn add(&mut self, place: &SourcePlace, name: &str) {
        let (message, help) = ("not needed here", "docs/configuration.md has what can be set");
        self.group(NoteKind::Unneeded, message, help, place, Some(name));
    }

    /// Adds a setting that selects among targets.
    pub(crate) fn choice(&mut self, place: &SourcePlace, name: &str) {
        let message = "it means nothing with one target";
        self.group(NoteKind::Unneeded, message, "", place, Some(name));
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
        self.group(NoteKind::Differs, message, help, place, Some(name));
    }

    /// Notes a default of the other program that is in effect for this line, and differs here.
    pub(crate) fn built_in(
        &mut self,
        message: &'static str,
        help: &'static str,
        place: &SourcePlace,
    ) {
        self.group(NoteKind::Differs, message, help, place, None);
    }

    /// Sets Multipath TCP, which clients and targets have in common here.
    pub(crate) fn mptcp(&mut self, section: &mut Section, place: &SourcePlace, name: &str) {
        section.set("mptcp", "true".to_owned());
        let message = "clients and targets get Multipath TCP, and TCP if they do not speak it";
        self.because(message, "", place, name);
    }

    fn group(
        &mut self,
        kind: NoteKind,
        message: &'static str,
        help: &'static str,
        place: &SourcePlace,
        name: Option<&str>,
    ) {
        let nth = self.reasons.iter().position(|reason| reason.message == message);
        let nth = nth.unwrap_or_else(|| {
            let (names, known, place) = (Vec::new(), HashSet::new(), place.clone());
            let further = HashSet::new();
            self.reasons.push(Reason { kind, message, help, names, known, place, further });
            self.reasons.len() - 1
        });
        let Some(reason) = self.reasons.get_mut(nth) else { return };
        if reason.place != *place {
            reason.further.insert((Arc::clone(&place.file), place.line));
        }
        if let Some(name) = name.map(quoted)
            && reason.known.insert(name.clone())
        {
            reason.names.push(name);
        }
    }

    /// Writes one note for each reason.
    pub(crate) fn report(self, config: &mut Config) {
        for Reason { kind, message, help, names, place, further, .. } in self.reasons {
            let message = match &names[..] {
                [] => message.to_owned(),
                names => format!("{}: {message}", names.join(", ")),
            };
            let further = further.len();
            config.notes.push(Note { kind, place, further, message, help: help.to_owned() });
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
            harmless.because(message, help, place, name);
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
