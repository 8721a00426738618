//! Notes about settings of many lines, grouped by reason.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use crate::note::{Note, NoteKind, SourcePlace, quoted};

/// Settings and defaults of the other program that differ or are not needed, grouped by reason into one
/// note each.
#[derive(Default)]
pub(crate) struct GroupedNotes {
    reasons: Vec<Reason>,
}

struct Reason {
    kind: NoteKind,
    message: Cow<'static, str>,
    help: &'static str,
    /// In order of first use; none for a default.
    names: Vec<String>,
    known: HashSet<String>,
    place: SourcePlace,
    /// Lines after the first one.
    further: HashSet<(Arc<str>, u32)>,
}

impl GroupedNotes {
    /// Adds a setting that a forward does not need.
    pub(crate) fn add(&mut self, place: &SourcePlace, name: &str) {
        let (message, help) = ("not needed here", "docs/configuration.md has what can be set");
        self.group(NoteKind::Unneeded, message.into(), help, place, Some(name));
    }

    /// Adds a setting that had no effect in the other program either, or that selects where there is no choice.
    pub(crate) fn ineffective(&mut self, message: &'static str, place: &SourcePlace, name: &str) {
        self.group(NoteKind::Unneeded, message.into(), "", place, Some(name));
    }

    /// Adds a setting that selects among targets, where there is one.
    pub(crate) fn choice(&mut self, place: &SourcePlace, name: &str) {
        self.ineffective("it means nothing with one target", place, name);
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
        self.group(NoteKind::Differs, message.into(), help, place, Some(name));
    }

    /// Notes a default of the other program that is in effect for this line, and differs here.
    pub(crate) fn built_in(
        &mut self,
        message: impl Into<Cow<'static, str>>,
        help: &'static str,
        place: &SourcePlace,
    ) {
        self.group(NoteKind::Differs, message.into(), help, place, None);
    }

    fn group(
        &mut self,
        kind: NoteKind,
        message: Cow<'static, str>,
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

    /// One note for each reason.
    pub(crate) fn into_notes(self) -> impl Iterator<Item = Note> {
        self.reasons.into_iter().map(
            |Reason { kind, message, help, names, place, further, .. }| {
                let message = match &names[..] {
                    [] => message.into_owned(),
                    names => format!("{}: {message}", names.join(", ")),
                };
                Note { kind, place, further: further.len(), message, help: help.to_owned() }
            },
        )
    }
}
