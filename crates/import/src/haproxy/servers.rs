//! The servers of a proxy as the targets of a forward.

use super::bind::{self, ServerAddress};
use super::checks;
use super::keywords::OF_SERVER;
use super::parameters::parameters;
use super::server_lines::Servers;
use super::whole;
use super::words::Line;
use crate::grouped_notes::GroupedNotes;
use crate::note::quoted;
use crate::route::Target;
use crate::section::{Noted, Section};
use crate::server::Server;

const KEEP: &str = "keep HAProxy for it";

/// Notes where waiting for a server works differently.
fn queue(servers: &Servers<'_>, used: &[&Line], section: &mut Section, grouped: &mut GroupedNotes) {
    let Some(limited) = used.iter().find(|line| servers.limit(line).is_some()) else {
        if let Some(line) = servers.queue_timeout {
            grouped.add(&line.place, "timeout queue");
        }
        return;
    };
    let (place, name) = match servers.queue_timeout {
        Some(line) => (&line.place, "timeout queue"),
        None => (&limited.place, "timeout queue, by default that of connect"),
    };
    let message = "a client waits until a server has a place";
    grouped.because(message, "at_limit = \"refuse\" resets it at once", place, name);
    if servers.is_shared {
        let message =
            "`maxconn` of a server: several frontends use it, each with this limit for itself";
        section.differs(&limited.place, message, "lower `max_sessions` in each forward");
    }
}

/// The targets, with notes about what is left out; `None` if there is no server.
pub(super) fn target(
    servers: &Servers<'_>,
    section: &mut Section,
    grouped: &mut GroupedNotes,
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
    for line in &servers.defaults.lines {
        parameters("server", OF_SERVER, line, 1, section, grouped);
    }
    for line in &used {
        parameters("server", OF_SERVER, line, 3, section, grouped);
        if bind::is_mptcp(line.word(2)) {
            section.mptcp(&line.place, "server … mptcp@…", grouped);
        }
    }
    queue(servers, &used, section, grouped);
    let is_checked = checks::convert(servers, &used, section, grouped);
    match &used[..] {
        [] => None,
        [one] => Some(alone(servers, one, section, grouped)),
        _ => Some(several(servers, &used, is_checked, section, grouped)),
    }
}

/// The only server: its limit is that of the forward, and what selects among servers means nothing.
fn alone(
    servers: &Servers<'_>,
    line: &Line,
    section: &mut Section,
    grouped: &mut GroupedNotes,
) -> Target {
    for choice in [servers.balance, servers.stick].into_iter().flatten() {
        grouped.choice(&choice.place, choice.word(0));
    }
    if servers.retries.is_none_or(|line| line.word(1) != "0") {
        let place = servers.retries.map_or(&line.place, |line| &line.place);
        let message =
            "a target that refuses is not tried again (by HAProxy three times, if nothing is said)";
        let help = "several targets in `to` give others if one refuses";
        grouped.because(message, help, place, "retries");
    }
    if servers.has(line, "slowstart") {
        grouped.choice(&line.place, "slowstart");
    }
    if let Some(limit) = servers.limit(line) {
        lower_max_sessions(section, limit);
    }
    let send_proxy = servers.header(line);
    together(section, vec![(line, Server { send_proxy, ..Server::default() })])
}

/// While all servers are full, clients wait for the proxy: the sum of their limits is one for it.
fn limit_together(servers: &Servers<'_>, lines: &[&Line], section: &mut Section) {
    let others = lines.iter().filter(|line| !servers.has(line, "backup"));
    let limits = others.map(|line| servers.limit(line)?.parse::<u32>().ok());
    let sum = limits.collect::<Option<Vec<_>>>().filter(|limits| !limits.is_empty());
    if let Some(sum) = sum.map(|limits| limits.into_iter().fold(0, u32::saturating_add)) {
        lower_max_sessions(section, &sum.to_string());
    }
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

fn several(
    servers: &Servers<'_>,
    lines: &[&Line],
    is_checked: bool,
    section: &mut Section,
    grouped: &mut GroupedNotes,
) -> Target {
    balance(servers.balance, lines.len(), section);
    limit_together(servers, lines, section);
    if is_checked {
        checks::slow_start(servers, lines, section);
    }
    if is_checked || !lines.iter().any(|line| servers.has(line, "check")) {
        // In HAProxy, only a check takes a server out of use.
        section.set("passive", plan::basic_string("off"));
    }
    if let Some(stick) = servers.stick {
        let message = "`stick`: a table of clients would decide about targets";
        section.comment_out(&stick.place, message, "use balance = \"source\", or keep HAProxy");
    }
    let place = servers.retries.map_or(&section.place, |line| &line.place);
    let message = "a client whose target refuses is connected to the next one at once, with or without \
                   `option redispatch`";
    grouped.because(message, "", place, "retries");
    let (backups, others): (Vec<_>, Vec<_>) =
        lines.iter().copied().partition(|line| servers.has(line, "backup"));
    if let Some(backup) = backups.first()
        && !others.iter().any(|line| servers.has(line, "check"))
    {
        let message = "`backup`: without `check`, HAProxy never uses it; here it serves while the others refuse";
        section.differs(&backup.place, message, "");
    }
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
        max_sessions: servers.limit(line).map(str::to_owned),
        send_proxy: servers.header(line),
        ..Server::default()
    };
    together(section, lines.iter().map(|line| (*line, server(line))).collect())
}

/// How servers are selected: in turn, if nothing is said.
fn balance(line: Option<&Line>, servers: usize, section: &mut Section) {
    let word = line.map_or("", |line| line.word(1));
    let ours = match word.split('(').next().unwrap_or_default() {
        "" | "roundrobin" | "static-rr" => "round_robin",
        "random" if word == "random(1)" => {
            if let Some(line) = line {
                let message = "`balance random(1)`: targets take turns by their weights";
                section.differs(&line.place, message, "");
            }
            "round_robin"
        }
        "random" => "least",
        "leastconn" => {
            if let Some(line) = line {
                section.least_of_all(&line.place, "`balance leastconn`", servers);
            }
            return;
        }
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
