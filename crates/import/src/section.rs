//! Intermediate form of a converted configuration: sections of our TOML with notes.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::grouped_notes::GroupedNotes;
use crate::note::{Note, NoteKind, SourcePlace};
use crate::server::{self, Server};

/// Sessions of a forward that came from a forwarder without such a limit. The open-file limit holds
/// all the same.
pub(crate) const NO_LIMIT: &str = "1000000";

/// Time to connect where the other program sets none: the kernel gives up by then (`tcp_syn_retries`,
/// tcp(7)).
pub(crate) const KERNEL_CONNECTS: &str = "\"130s\"";

/// A converted configuration.
#[derive(Default)]
pub(crate) struct Config {
    /// In the order in which they are written.
    pub(crate) sections: Vec<Section>,
    /// Notes that belong to no section.
    pub(crate) notes: Vec<Note>,
    losses: Losses,
}

/// A table of our TOML: `[defaults]` or one `[[forward]]`, for example.
pub(crate) struct Section {
    /// Header of the table.
    pub(crate) head: &'static str,
    /// Comment above the section, such as its origin.
    pub(crate) about: String,
    /// Keys and their values, written as TOML.
    pub(crate) entries: Vec<(&'static str, String)>,
    pub(crate) notes: Vec<Note>,
    losses: Losses,
    /// Where the reason is written, if it must not be active.
    pub(crate) off: Option<SourcePlace>,
    /// Line of its origin.
    pub(crate) place: SourcePlace,
}

/// Something that collects notes.
pub(crate) trait Noted {
    fn notes(&mut self) -> &mut Vec<Note>;

    fn losses(&mut self) -> &mut Losses;

    fn not_converted(
        &mut self,
        place: &SourcePlace,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.notes().push(note(NoteKind::NotConverted, place, message, help));
    }

    /// Settings that are left out, of which several may make up one thing: those of one line with the
    /// same consequence are named together, and none is named twice.
    fn lost(&mut self, place: &SourcePlace, name: &str, message: &str, help: &str) {
        let loss = (message.to_owned(), name.to_owned());
        if !self.losses().named.insert(loss) {
            return;
        }
        let consequence = format!(": {message}");
        let last = self.losses().last.get(message).copied();
        let last = last.and_then(|nth| self.notes().get_mut(nth));
        if let Some(note) = last.filter(|note| note.place == *place)
            && let Some(names) = note.message.strip_suffix(&consequence)
        {
            note.message = format!("{names}, {name}{consequence}");
            return;
        }
        let nth = self.notes().len();
        self.losses().last.insert(message.to_owned(), nth);
        self.not_converted(place, format!("{name}{consequence}"), help);
    }

    fn differs(
        &mut self,
        place: &SourcePlace,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.notes().push(note(NoteKind::Differs, place, message, help));
    }
}

/// Settings that [`Noted::lost`] has noted. Hashed, not searched: there may be as many as lines.
#[derive(Default)]
pub(crate) struct Losses {
    /// Each consequence with each name.
    named: HashSet<(String, String)>,
    /// Index of the last note of each consequence.
    last: HashMap<String, usize>,
}

impl Noted for Config {
    fn notes(&mut self) -> &mut Vec<Note> {
        &mut self.notes
    }

    fn losses(&mut self) -> &mut Losses {
        &mut self.losses
    }
}

impl Noted for Section {
    fn notes(&mut self) -> &mut Vec<Note> {
        &mut self.notes
    }

    fn losses(&mut self) -> &mut Losses {
        &mut self.losses
    }
}

impl Config {
    /// Sets a key in the one section with this header, which is made if it is not there.
    pub(crate) fn set(
        &mut self,
        head: &'static str,
        place: &SourcePlace,
        key: &'static str,
        value: String,
    ) {
        if let Some(section) = self.sections.iter_mut().find(|section| section.head == head) {
            return section.set(key, value);
        }
        let mut section = Section::new(head, place.clone());
        section.set(key, value);
        // Settings of the process stand above the forwards.
        self.sections.insert(0, section);
    }
}

impl Section {
    pub(crate) fn new(head: &'static str, place: SourcePlace) -> Self {
        let about = place.to_string();
        let (entries, notes, losses) = (Vec::new(), Vec::new(), Losses::default());
        Self { head, about, entries, notes, losses, off: None, place }
    }

    pub(crate) fn forward(place: SourcePlace) -> Self {
        Self::new("[[forward]]", place)
    }

    /// Defaults of the other forwarder that differ from ours.
    pub(crate) fn defaults(
        place: SourcePlace,
        whose: &str,
        entries: &[(&'static str, &str)],
    ) -> Self {
        let entries = entries.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let about = format!("defaults of {whose}");
        Self { about, entries, ..Self::new("[defaults]", place) }
    }

    /// Sets a key to a value written as TOML; the last one counts.
    pub(crate) fn set(&mut self, key: &'static str, value: String) {
        self.entries.retain(|(name, _)| *name != key);
        self.entries.push((key, value));
    }

    /// Removes a key, and returns its value.
    pub(crate) fn take(&mut self, key: &str) -> Option<String> {
        let at = self.entries.iter().position(|(name, _)| *name == key)?;
        Some(self.entries.remove(at).1)
    }

    /// Adds what a part of the forward says. What an earlier part says otherwise holds, with a note.
    pub(crate) fn join(&mut self, part: Self) {
        self.notes.extend(part.notes);
        self.off = self.off.take().or(part.off);
        for (key, value) in part.entries {
            match self.entries.iter().find(|(name, _)| *name == key) {
                None => self.set(key, value),
                Some((_, held)) if *held == value => {}
                Some(_) => {
                    let message = format!("`{key}`: all targets have that of the first route");
                    let help = format!("change `{key}` if it matters");
                    self.not_converted(&part.place, message, help);
                }
            }
        }
    }

    /// Sets where to listen: one address, or a list of them.
    pub(crate) fn listen(&mut self, addresses: &[String]) {
        let strings: Vec<_> = addresses.iter().map(|text| plan::basic_string(text)).collect();
        self.set(
            "listen",
            match &strings[..] {
                [one] => one.clone(),
                several => format!("[{}]", several.join(", ")),
            },
        );
    }

    /// Sets the targets; none where routes have them all.
    pub(crate) fn to(&mut self, servers: &[Server]) {
        if !servers.is_empty() {
            self.set("to", server::written(servers));
        }
    }

    /// Selects targets by the client's address, as the other program does, but by its own hash.
    pub(crate) fn by_source(&mut self, place: &SourcePlace, name: &str) {
        self.set("balance", plan::basic_string("source"));
        let message =
            format!("{name}: a client keeps its target, which may be another one than before");
        self.differs(place, message, "");
    }

    /// Selects the target with the fewest sessions. The other program compares all of them.
    pub(crate) fn least_of_all(&mut self, place: &SourcePlace, name: &str, targets: usize) {
        self.set("balance", plan::basic_string("least"));
        if targets > 2 {
            let message = format!("{name}: the emptier one of two random targets gets a client");
            self.differs(place, message, "");
        }
    }

    /// Sets `mptcp`, one setting for both sockets.
    pub(crate) fn mptcp(&mut self, place: &SourcePlace, name: &str, grouped: &mut GroupedNotes) {
        self.set("mptcp", "true".to_owned());
        let message = "clients and targets get Multipath TCP, and TCP if they do not speak it";
        grouped.because(message, "", place, name);
    }

    /// Something was left out without which the section would be wrong or insecure: it is written as
    /// a comment only.
    pub(crate) fn comment_out(
        &mut self,
        place: &SourcePlace,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.not_converted(place, message, help);
        self.off.get_or_insert_with(|| place.clone());
    }
}

fn note(
    kind: NoteKind,
    place: &SourcePlace,
    message: impl Into<String>,
    help: impl Into<String>,
) -> Note {
    Note { kind, place: place.clone(), further: 0, message: message.into(), help: help.into() }
}

/// A duration as TOML; none at all is `"off"`.
pub(crate) fn duration(time: Duration) -> String {
    if time.is_zero() {
        return plan::basic_string("off");
    }
    plan::basic_string(&plan::units::format_duration(time))
}
