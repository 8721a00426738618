//! The servers of a proxy as the targets of a forward.

use super::bind::{self, ServerAddress};
use super::keywords::OF_SERVER;
use super::parameters::{each, parameters};
use super::whole;
use super::words::Line;
use crate::known::Harmless;
use crate::note::quoted;
use crate::route::Target;
use crate::section::{Noted, Section};
use crate::server::Server;

const KEEP: &str = "keep HAProxy for it";

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
}

impl Servers<'_> {
    /// The last value of a parameter: of the server's own line, or else of a `default-server`.
    fn value<'l>(&'l self, line: &'l Line, name: &str) -> Option<&'l str> {
        let of = |line: &'l Line, from| {
            each(OF_SERVER, line, from).filter(|(word, _)| *word == name).last()
        };
        let own = of(line, 3).or_else(|| self.defaults.iter().rev().find_map(|line| of(line, 1)));
        own.map(|(_, argument)| argument)
    }

    fn has(&self, line: &Line, name: &str) -> bool {
        self.value(line, name).is_some()
    }
}

/// The targets, with notes about what is left out; `None` if there is no server.
pub(super) fn target(
    servers: &Servers<'_>,
    section: &mut Section,
    harmless: &mut Harmless,
) -> Option<Target> {
    let mut used = Vec::new();
    for line in &servers.lines {
        let reason = if servers.has(line, "disabled") {
            "is disabled"
        } else if servers.value(line, "weight") == Some("0") {
            "has the weight 0"
        } else {
            used.push(*line);
            continue;
        };
        let message = format!("the server {} {reason}", quoted(line.word(1)));
        section.differs(&line.place, message, "add it to `to` when it is to be used");
    }
    for line in &servers.defaults {
        parameters("server", OF_SERVER, line, 1, section, harmless);
    }
    for line in &used {
        parameters("server", OF_SERVER, line, 3, section, harmless);
    }
    match &used[..] {
        [] => None,
        [one] => Some(alone(servers, one, section, harmless)),
        _ => Some(several(servers, &used, section)),
    }
}

/// The only server: its limit is that of the forward, and what selects among servers means nothing.
fn alone(
    servers: &Servers<'_>,
    line: &Line,
    section: &mut Section,
    harmless: &mut Harmless,
) -> Target {
    for choice in [servers.balance, servers.stick].into_iter().flatten() {
        harmless.choice(&choice.place, choice.word(0));
    }
    if let Some(retries) = servers.retries.filter(|line| line.word(1) != "0") {
        let help = "several targets in `to` give others if one refuses";
        section.lost(&retries.place, "`retries`", "a target that refuses is not tried again", help);
    }
    if let Some(limit) = servers.value(line, "maxconn") {
        lower_max_sessions(section, limit);
    }
    together(section, vec![(line, Server::default())])
}

/// A server's limit holds beside that of the proxy: the lower one counts.
fn lower_max_sessions(section: &mut Section, limit: &str) {
    // What is no such number limits nothing; the check of the written file refuses it.
    let number = |text: &str| text.parse::<u32>().unwrap_or(u32::MAX);
    let present = section.entries.iter().find(|(key, _)| *key == "max_sessions");
    if present.is_none_or(|(_, present)| number(limit) < number(present)) {
        section.set("max_sessions", whole(limit));
    }
}

fn several(servers: &Servers<'_>, lines: &[&Line], section: &mut Section) -> Target {
    balance(servers.balance, section);
    if !lines.iter().any(|line| servers.has(line, "check")) {
        // Without checks, HAProxy takes no server out of use.
        section.set("passive", plan::basic_string("off"));
    }
    if let Some(stick) = servers.stick {
        let message = "`stick`: a table of clients would decide about targets";
        section.comment_out(&stick.place, message, "use balance = \"source\", or keep HAProxy");
    }
    if let Some(retries) = servers.retries {
        let message = "`retries`: each target is tried at most once, the next one without a pause";
        section.differs(&retries.place, message, "");
    }
    let backups: Vec<_> = lines.iter().filter(|line| servers.has(line, "backup")).collect();
    if let ([_, other, ..], false) = (&backups[..], servers.all_backups) {
        let message = "several backups without `option allbackups`: only the first would be used";
        section.comment_out(
            &other.place,
            message,
            "leave one backup, then remove the comment marks",
        );
    }
    let text = |line: &Line, name: &str| servers.value(line, name).map(str::to_owned);
    let server = |line: &Line| Server {
        weight: text(line, "weight"),
        is_backup: servers.has(line, "backup"),
        max_sessions: text(line, "maxconn").filter(|limit| limit != "0"),
        ..Server::default()
    };
    together(section, lines.iter().map(|line| (*line, server(line))).collect())
}

/// How servers are selected: in turn, if nothing is said.
fn balance(line: Option<&Line>, section: &mut Section) {
    let word = line.map_or("", |line| line.word(1));
    let ours = match word.split('(').next().unwrap_or_default() {
        "" | "roundrobin" | "static-rr" => "round_robin",
        "leastconn" | "random" => "least",
        "first" => "first",
        "source" => {
            if let Some(line) = line {
                section.by_source(&line.place, "`balance source`");
            }
            return;
        }
        _ => {
            if let Some(line) = line {
                let message = format!("`balance {word}`: it would choose other targets");
                section.comment_out(&line.place, message, KEEP);
            }
            return;
        }
    };
    section.set("balance", plan::basic_string(ours));
}

/// The servers with their addresses, as one target list.
fn together(section: &mut Section, servers: Vec<(&Line, Server)>) -> Target {
    let (mut fixed, mut hosts, mut shifts) = (Vec::new(), Vec::new(), Vec::new());
    for (line, server) in servers {
        match bind::server(line.word(2)) {
            Ok(ServerAddress::Fixed(address)) => fixed.push(Server { address, ..server }),
            Ok(ServerAddress::SamePort { host, shift }) => {
                hosts.push(Server { address: host, ..server });
                shifts.push(shift);
            }
            Err(why) => {
                section.comment_out(&line.place, why.to_string(), "write it by hand");
                fixed.push(Server { address: line.word(2).to_owned(), ..server });
            }
        }
    }
    shifts.dedup();
    match shifts[..] {
        [] => Target::Fixed(fixed),
        [shift] if fixed.is_empty() => Target::SamePort { hosts, shift },
        _ => {
            let place = section.place.clone();
            let message =
                "the ports of some servers follow the client's, and those of others do not";
            section.comment_out(&place, message, "write a forward for each port");
            fixed.extend(hosts);
            Target::Fixed(fixed)
        }
    }
}
