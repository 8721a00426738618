//! What a word of a foreign configuration means for us.

use crate::note::{Place, quoted};
use crate::section::{Config, Noted, Section};

/// What becomes of a setting.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Effect {
    /// It is converted, or says what is the case anyway.
    Handled,
    /// There is no counterpart, and a forward does its job without.
    Harmless,
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

/// Settings without a counterpart: they are named together, in one note.
#[derive(Default)]
pub(crate) struct Harmless {
    names: Vec<String>,
    place: Option<Place>,
}

impl Harmless {
    pub(crate) fn add(&mut self, place: &Place, name: &str) {
        self.place.get_or_insert_with(|| place.clone());
        let name = quoted(name);
        if !self.names.contains(&name) {
            self.names.push(name);
        }
    }

    /// The note, if there is anything to name.
    pub(crate) fn report(self, config: &mut Config) {
        if let Some(place) = self.place {
            let message = format!("{}: not needed here", self.names.join(", "));
            config.differs(&place, message, "docs/configuration.md has what can be set");
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
        Some(Effect::Lost(message, help)) => {
            section.not_converted(place, format!("{}: {message}", quoted(name)), help);
        }
        Some(Effect::Wrong(message, help)) => {
            section.comment_out(place, format!("{}: {message}", quoted(name)), help);
        }
        None => {
            let message = format!("{} is not known here, and could mean anything", quoted(name));
            section.comment_out(place, message, "if it does not matter, remove the comment marks");
        }
    }
}
