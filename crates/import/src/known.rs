//! Meaning of a foreign setting for our configuration.

use crate::grouped_notes::GroupedNotes;
use crate::note::{SourcePlace, quoted};
use crate::section::{Noted, Section};

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

/// Notes a setting of a section. An unknown one comments the section out, because it could mean
/// anything.
pub(crate) fn apply(
    effect: Option<Effect>,
    name: &str,
    place: &SourcePlace,
    section: &mut Section,
    grouped: &mut GroupedNotes,
) {
    match effect {
        Some(Effect::Handled) => {}
        Some(Effect::Harmless) => grouped.add(place, name),
        Some(Effect::Choice) => grouped.choice(place, name),
        Some(Effect::Variable) => grouped.variable(place, name),
        Some(Effect::Differs(message, help)) => {
            grouped.because(message, help, place, name);
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
