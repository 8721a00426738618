//! The lines of a proxy about its servers, and the parameters of one.

use std::collections::HashMap;

use super::check_rules::Checks;
use super::keywords::OF_SERVER;
use super::parameters::each;
use super::words::Line;

/// Lines about servers.
#[derive(Default)]
pub(super) struct Servers<'a> {
    pub(super) lines: Vec<&'a Line>,
    /// Parameters of every server (`default-server`).
    pub(super) defaults: ServerDefaults<'a>,
    pub(super) balance: Option<&'a Line>,
    pub(super) retries: Option<&'a Line>,
    pub(super) stick: Option<&'a Line>,
    /// `option allbackups`.
    pub(super) all_backups: bool,
    pub(super) queue_timeout: Option<&'a Line>,
    pub(super) checks: Checks<'a>,
    /// Whether several frontends lead to these servers.
    pub(super) is_shared: bool,
}

/// Parameters, and the words that undo them.
const OPPOSITES: [(&str, &str); 7] = [
    ("backup", "no-backup"),
    ("check", "no-check"),
    ("check-send-proxy", "no-check-send-proxy"),
    ("check-ssl", "no-check-ssl"),
    ("disabled", "enabled"),
    ("send-proxy", "no-send-proxy"),
    ("send-proxy-v2", "no-send-proxy-v2"),
];

/// The parameter that a word sets or undoes.
fn parameter(word: &str) -> &str {
    let known = OPPOSITES.iter().find(|(_, opposite)| *opposite == word);
    known.map_or(word, |(name, _)| name)
}

/// The `default-server` lines, in the order of the file.
#[derive(Default)]
pub(super) struct ServerDefaults<'a> {
    pub(super) lines: Vec<&'a Line>,
    /// For each parameter the lines that set or undo it, each with the last word and its argument.
    parameters: HashMap<&'a str, Vec<(u32, &'a str, &'a str)>>,
}

impl<'a> ServerDefaults<'a> {
    pub(super) fn push(&mut self, line: &'a Line) {
        self.lines.push(line);
        for (word, argument) in each(OF_SERVER, line, 1) {
            let of_parameter = self.parameters.entry(parameter(word)).or_default();
            of_parameter.push((line.place.line, word, argument));
        }
    }

    /// The last word about a parameter before a line, with its argument.
    fn before(&self, line: &Line, name: &str) -> Option<(&'a str, &'a str)> {
        let of_parameter = self.parameters.get(name)?;
        let end = of_parameter.partition_point(|(at, ..)| *at < line.place.line);
        let (_, word, argument) = of_parameter.get(end.checked_sub(1)?)?;
        Some((word, argument))
    }
}

impl Servers<'_> {
    /// The last value of a parameter: of the server's own line, or else of a `default-server` before it.
    pub(super) fn value<'l>(&'l self, line: &'l Line, name: &str) -> Option<&'l str> {
        let own = each(OF_SERVER, line, 3).filter(|(word, _)| parameter(word) == name).last();
        let last = own.or_else(|| self.defaults.before(line, name));
        last.filter(|(word, _)| *word == name).map(|(_, argument)| argument)
    }

    /// Limit of sessions of a server.
    pub(super) fn limit<'l>(&'l self, line: &'l Line) -> Option<&'l str> {
        self.value(line, "maxconn").filter(|limit| *limit != "0")
    }

    /// Version of the PROXY header that a server gets.
    pub(super) fn header(&self, line: &Line) -> Option<&'static str> {
        match (self.has(line, "send-proxy-v2"), self.has(line, "send-proxy")) {
            (true, _) => Some("v2"),
            (false, true) => Some("v1"),
            (false, false) => None,
        }
    }

    pub(super) fn has(&self, line: &Line, name: &str) -> bool {
        self.value(line, name).is_some()
    }
}
