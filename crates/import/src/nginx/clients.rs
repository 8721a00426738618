//! `allow` and `deny` of a server: the first rule that matches decides, and a client without one is served.

use plan::{NotAPrefix, Prefix};

use super::words::Directive;
use crate::access::Access;
use crate::note::{SourcePlace, quoted};
use crate::route::Listen;
use crate::section::Section;

/// The rules of one server.
#[derive(Default)]
pub(super) struct Clients {
    rules: Vec<(Prefix, bool)>,
    /// The verdict of a rule for all clients. No later rule matters.
    others: Option<bool>,
    /// The first rule that denies clients of Unix sockets.
    denies_unix: Option<SourcePlace>,
}

impl Clients {
    pub(super) fn rule(&mut self, directive: &Directive, section: &mut Section) {
        let is_allowed = directive.name() == "allow";
        let denies = || (!is_allowed).then(|| directive.place.clone());
        match (directive.argument(), self.others) {
            (_, Some(_)) => {}
            ("all", None) => {
                self.others = Some(is_allowed);
                self.denies_unix = self.denies_unix.take().or_else(denies);
            }
            ("unix:", None) => self.denies_unix = self.denies_unix.take().or_else(denies),
            (text, None) => match text.parse() {
                Ok(prefix) | Err(NotAPrefix::HostBits(prefix)) => {
                    self.rules.push((prefix, is_allowed));
                }
                Err(_) => {
                    let words = quoted(&directive.words.join(" "));
                    let message = format!("{words}: nginx refuses this rule, too");
                    section.comment_out(&directive.place, message, "write a prefix or an address");
                }
            },
        }
    }

    /// Whether some clients are refused.
    pub(super) fn has_rules(&self) -> bool {
        !self.rules.is_empty() || self.others == Some(false)
    }

    /// Sets the lists of the forward.
    pub(super) fn set(self, listens: &[Listen], section: &mut Section) {
        let is_unix =
            |listen: &Listen| matches!(listen, Listen::Other(text) if text.starts_with("unix:"));
        if let Some(place) = self.denies_unix.filter(|_| listens.iter().any(is_unix)) {
            let message = "clients of Unix sockets are denied, and here they are always allowed";
            section.comment_out(&place, message, "set `mode` of the socket");
        }
        Access::by_first_match(&self.rules, self.others.unwrap_or(true)).set(section);
    }
}
