//! `limit_conn` of a server: sessions of one client, if the zone counts clients by their addresses.

use std::collections::HashMap;

use super::words::Directive;
use crate::grouped_notes::GroupedNotes;
use crate::note::{SourcePlace, quoted};
use crate::section::{Noted, Section};

/// Variables with the whole address of a client, so that an IPv6 client is one address.
const ADDRESS: [&str; 2] = ["$binary_remote_addr", "$remote_addr"];

/// The `limit_conn_zone` directives of `stream`.
#[derive(Default)]
pub(super) struct Zones {
    /// What each zone counts by, by its name.
    keys: HashMap<String, String>,
    /// How many servers use each zone.
    uses: HashMap<String, usize>,
}

impl Zones {
    /// Notes a `limit_conn_zone KEY zone=NAME:SIZE`.
    pub(super) fn define(&mut self, directive: &Directive) {
        let zone = directive.words.iter().find_map(|word| word.strip_prefix("zone="));
        if let Some((name, _)) = zone.and_then(|zone| zone.split_once(':')) {
            self.keys.insert(name.to_owned(), directive.argument().to_owned());
        }
    }

    /// Notes the zones that a server uses.
    pub(super) fn count(&mut self, directives: &[&Directive]) {
        for limit in directives.iter().filter(|it| it.name() == "limit_conn") {
            *self.uses.entry(limit.argument().to_owned()).or_default() += 1;
        }
    }
}

/// The limits of one server.
#[derive(Default)]
pub(super) struct Limits {
    lowest: Option<u32>,
    dry_run: Option<SourcePlace>,
}

impl Limits {
    /// Notes a `limit_conn ZONE NUMBER`.
    pub(super) fn limit(&mut self, directive: &Directive, zones: &Zones, section: &mut Section) {
        let place = &directive.place;
        let words = quoted(&directive.words.join(" "));
        let number = directive.words.get(2).and_then(|text| text.parse::<u32>().ok());
        let key = zones.keys.get(directive.argument());
        match (key.map(String::as_str), number.filter(|number| *number > 0)) {
            (Some(key), Some(number)) if ADDRESS.contains(&key) => {
                self.lowest = Some(self.lowest.map_or(number, |lowest| lowest.min(number)));
                if zones.uses.get(directive.argument()).is_some_and(|uses| *uses > 1) {
                    let message = "a client has these sessions in each forward of the zone";
                    section.differs(place, format!("{words}: {message}"), "lower `per_client`");
                }
            }
            (Some(key), Some(_)) => {
                let message = format!("{words}: sessions are not counted by {}", quoted(key));
                section.not_converted(place, message, "max_sessions limits a forward");
            }
            (None, _) | (_, None) => {
                let message = format!("{words}: nginx refuses this limit, too");
                section.comment_out(place, message, "correct it, or set `per_client` by hand");
            }
        }
    }

    /// Notes a `limit_conn_dry_run`.
    pub(super) fn dry_run(&mut self, directive: &Directive) {
        self.dry_run = Some(directive.place.clone()).filter(|_| directive.argument() == "on");
    }

    /// Sets `per_client` of the forward.
    pub(super) fn set(self, section: &mut Section, grouped: &mut GroupedNotes) {
        match (self.lowest, self.dry_run) {
            (Some(_), Some(place)) => grouped.add(&place, "limit_conn_dry_run"),
            (Some(sessions), None) => {
                let value = format!("{{ sessions = {sessions}, prefix = [32, 128] }}");
                section.set("per_client", value);
            }
            (None, _) => {}
        }
    }
}
