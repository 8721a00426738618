//! `map` blocks of what a TLS ClientHello says, as routes: `ssl_preread` with `proxy_pass $variable`.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::directives::{KEEP, WRITE_IN};
use super::words::Directive;
use crate::grouped_notes::GroupedNotes;
use crate::note::{SourcePlace, quoted};
use crate::section::{Noted, Section};

/// Variables of `ssl_preread` that routes can stand for.
const NAME: &str = "$ssl_preread_server_name";
const PROTOCOLS: &str = "$ssl_preread_alpn_protocols";

/// A `map` block.
pub(super) struct Map {
    /// What its keys are compared with.
    source: String,
    entries: Vec<Entry>,
    default: Option<Entry>,
    /// Whether `*.` and `.` have a meaning in keys.
    has_hostnames: bool,
    /// An `include` that could not be followed.
    unread: Option<(SourcePlace, String)>,
}

/// A line of a `map`.
struct Entry {
    place: SourcePlace,
    key: String,
    value: String,
}

/// Clients, by what their hellos say, and the value for them.
pub(super) struct HelloRoute<'a> {
    pub(super) place: &'a SourcePlace,
    pub(super) value: &'a str,
    /// The key of our route: `sni` or `alpn`.
    key: &'static str,
    names: Vec<String>,
    /// Exact names precede wildcards, of which the longer ones precede.
    rank: Reverse<usize>,
}

impl HelloRoute<'_> {
    /// The condition, as the beginning of a table of TOML.
    pub(super) fn condition(&self) -> String {
        let names: Vec<_> = self.names.iter().map(|name| plan::basic_string(name)).collect();
        match &names[..] {
            [one] => format!("{} = {one}", self.key),
            several => format!("{} = [{}]", self.key, several.join(", ")),
        }
    }
}

impl Map {
    /// Reads a `map SOURCE $VARIABLE { ... }`.
    pub(super) fn new(source: &str, block: Vec<Directive>) -> Self {
        let (source, entries) = (source.to_owned(), Vec::new());
        let mut map = Self { source, entries, default: None, has_hostnames: false, unread: None };
        for directive in block {
            if let Some(message) = directive.unread() {
                map.unread.get_or_insert((directive.place, message));
                continue;
            }
            let Directive { place, words, .. } = directive;
            let mut words = words.into_iter();
            let (key, value) = (words.next().unwrap_or_default(), words.next());
            match (&*key, value) {
                ("hostnames", None) => map.has_hostnames = true,
                ("volatile", None) => {}
                ("default", Some(value)) => map.default = Some(Entry { place, key, value }),
                (key, value) => {
                    // A backslash makes an ordinary key of a word with a meaning.
                    let key = key.strip_prefix('\\').unwrap_or(key).to_owned();
                    map.entries.push(Entry { place, key, value: value.unwrap_or_default() });
                }
            }
        }
        map
    }

    /// Whether routes can stand for it.
    pub(super) fn is_of_hello(&self) -> bool {
        [NAME, PROTOCOLS].contains(&&*self.source)
    }

    /// What its variable may stand for.
    pub(super) fn values(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().chain(&self.default).map(|entry| &*entry.value)
    }

    /// The value for clients that no key takes. Empty, nginx ends them.
    pub(super) fn default(&self) -> Option<(&SourcePlace, &str)> {
        let default = self.default.as_ref().filter(|default| !default.value.is_empty());
        default.map(|Entry { place, value, .. }| (place, &**value))
    }

    /// The routes, in an order in which the first that matches is the one that nginx would take. Notes the keys that
    /// no route can stand for.
    pub(super) fn routes(
        &self,
        section: &mut Section,
        grouped: &mut GroupedNotes,
    ) -> Vec<HelloRoute<'_>> {
        if let Some((place, message)) = &self.unread {
            section.comment_out(place, message, WRITE_IN);
        }
        let mut routes: Vec<HelloRoute<'_>> = Vec::new();
        for entry in &self.entries {
            // No name, or no hello: `to` serves them.
            let is_default = self.default().is_some_and(|(_, value)| value == entry.value);
            if entry.key.is_empty() && is_default {
                continue;
            }
            if self.is_of_no_name(&entry.key) {
                let message = "without `hostnames` in its `map`, nginx compares it as it is, and no client asks for such a name";
                grouped.ineffective(message, &entry.place, &entry.key);
                continue;
            }
            match self.route(entry) {
                Ok(route) => routes.push(route),
                Err(why) => {
                    let key = if entry.key.is_empty() { "\"\"" } else { &entry.key };
                    let message = format!("`map`, the key {}: {why}", quoted(key));
                    section.comment_out(&entry.place, message, KEEP);
                }
            }
        }
        routes.sort_by_key(|route| route.rank);
        self.note_differences(&routes, section);
        merged(routes)
    }

    /// Whether no hello can have this key: with a meaning for `hostnames` only, which is not set.
    fn is_of_no_name(&self, key: &str) -> bool {
        let has_mark = key.starts_with('.') || key.contains('*') && !key.starts_with('~');
        self.source == NAME && !self.has_hostnames && has_mark
    }

    fn route<'a>(&self, entry: &'a Entry) -> Result<HelloRoute<'a>, &'static str> {
        let Entry { place, key, value } = entry;
        if value.is_empty() || value.contains('$') {
            return Err("its value is no target");
        }
        if self.source == PROTOCOLS {
            let (protocol, rank) = match key.strip_prefix('~') {
                Some(pattern) => (whole_word(pattern).ok_or("it is a regular expression")?, 0),
                None if key.contains(',') => return Err("it is a list of protocols"),
                None if key.is_empty() => return Err("here, clients without it get the default"),
                None => (&**key, usize::MAX),
            };
            let names = vec![protocol.to_owned()];
            return Ok(HelloRoute { place, value, key: "alpn", names, rank: Reverse(rank) });
        }
        let (names, rank) = match (&**key, self.has_hostnames) {
            ("", _) => return Err("here, clients without it get the default"),
            (key, _) if key.starts_with('~') => return Err("it is a regular expression"),
            (key, true) if key.ends_with(".*") => return Err("the end of the name is open"),
            (key, true) if key.starts_with('.') => {
                (vec![key.trim_start_matches('.').to_owned(), format!("*{key}")], key.len())
            }
            (key, true) if key.starts_with("*.") => (vec![key.to_owned()], key.len()),
            (key, _) => (vec![key.to_owned()], usize::MAX),
        };
        Ok(HelloRoute { place, value, key: "sni", names, rank: Reverse(rank) })
    }

    fn note_differences(&self, routes: &[HelloRoute<'_>], section: &mut Section) {
        let is_wildcard = |route: &&HelloRoute<'_>| route.names.iter().any(|it| it.contains('*'));
        if let Some(route) = routes.iter().find(is_wildcard) {
            let message = "`map … hostnames`: `*.` stands for one label, and in nginx for several";
            section.differs(route.place, message, "add routes for names with more labels");
        }
        let is_whole = |entry: &&Entry| self.source == PROTOCOLS && !entry.key.starts_with('~');
        if let Some(entry) = self.entries.iter().find(is_whole) {
            let message =
                "`map`: a route takes a client that offers the protocol, also beside others";
            section.differs(&entry.place, message, "");
        }
    }
}

/// The text of a regular expression `\bTEXT\b`.
fn whole_word(pattern: &str) -> Option<&str> {
    let text = pattern.strip_prefix("\\b")?.strip_suffix("\\b")?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
    text.chars().all(is_plain).then_some(text)
}

/// Joins neighbours with one value. The order of exact names among each other does not matter.
fn merged(routes: Vec<HelloRoute<'_>>) -> Vec<HelloRoute<'_>> {
    let mut merged: Vec<HelloRoute<'_>> = Vec::new();
    // The routes of exact names, by their values.
    let mut exact = HashMap::new();
    for route in routes {
        let next = merged.len();
        let same = match route.rank {
            Reverse(usize::MAX) => Some(*exact.entry(route.value).or_insert(next)),
            _ => next.checked_sub(1),
        };
        let same = same.and_then(|nth| merged.get_mut(nth));
        match same.filter(|other| other.value == route.value) {
            Some(other) => other.names.extend(route.names),
            None => merged.push(route),
        }
    }
    merged
}
