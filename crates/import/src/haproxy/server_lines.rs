//! The lines of a proxy about its servers, and the parameters of one.

use super::check_rules::Checks;
use super::keywords::OF_SERVER;
use super::parameters::each;
use super::words::Line;

/// Lines about servers.
#[derive(Default)]
pub(super) struct Servers<'a> {
    pub(super) lines: Vec<&'a Line>,
    /// Parameters of every server (`default-server`).
    pub(super) defaults: Vec<&'a Line>,
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

/// Words that undo a parameter.
fn opposite(name: &str) -> &str {
    match name {
        "backup" => "no-backup",
        "check" => "no-check",
        "check-send-proxy" => "no-check-send-proxy",
        "check-ssl" => "no-check-ssl",
        "disabled" => "enabled",
        "send-proxy" => "no-send-proxy",
        "send-proxy-v2" => "no-send-proxy-v2",
        _ => "",
    }
}

impl Servers<'_> {
    /// The last value of a parameter: of the server's own line, or else of a `default-server` before it.
    pub(super) fn value<'l>(&'l self, line: &'l Line, name: &str) -> Option<&'l str> {
        let of = |line: &'l Line, from| {
            each(OF_SERVER, line, from)
                .filter(|(word, _)| *word == name || *word == opposite(name))
                .last()
        };
        let before = self.defaults.iter().rev().filter(|it| it.place.line < line.place.line);
        let last = of(line, 3).or_else(|| before.copied().find_map(|line| of(line, 1)));
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
