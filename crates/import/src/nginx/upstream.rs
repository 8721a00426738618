//! An `upstream` block as the targets of a forward.

use std::net::IpAddr;
use std::time::Duration;

use super::directives::{IN_UPSTREAM, OF_SERVER, WRITE_IN};
use super::words::{Directive, time};
use crate::grouped_notes::GroupedNotes;
use crate::known::{apply, find};
use crate::note::{SourcePlace, quoted};
use crate::route::Target;
use crate::section::{Noted, Section, duration};
use crate::server::{Server, number};

/// nginx's own values of `max_fails` and `fail_timeout`.
const FAILS: &str = "1";
const FAIL_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn convert(
    place: &SourcePlace,
    name: &str,
    (block, is_shared): (&[Directive], bool),
    section: &mut Section,
    grouped: &mut GroupedNotes,
) -> Option<Target> {
    let (down, used): (Vec<_>, Vec<_>) = block
        .iter()
        .filter(|directive| directive.name() == "server")
        .partition(|server| has(server, "down"));
    for server in down {
        let message = format!("the server {} is marked as down", quoted(server.argument()));
        section.differs(&server.place, message, "add it to `to` when it is back");
    }
    let count = count(&used);
    let is_alone = count == 1;
    if used.is_empty() {
        let message = format!("the upstream {} has no server", quoted(name));
        section.comment_out(place, message, "");
        return None;
    }
    if !is_alone {
        several(&used, section);
        let message = "nginx waits this long for each server in turn; here connect_timeout is for all of them";
        grouped.because(message, "raise connect_timeout", &section.place, "proxy_connect_timeout");
    }
    limits(&used, is_shared, section);
    for directive in block.iter().filter(|it| !matches!(it.name(), "server" | "include")) {
        balance(directive, count, section, grouped);
    }
    for directive in block.iter().filter(|directive| directive.name() == "include") {
        let message = directive.unread().unwrap_or_default();
        section.comment_out(&directive.place, message, WRITE_IN);
    }
    let servers = used.iter().map(|directive| {
        parameters(directive, is_alone, section, grouped);
        server(directive)
    });
    let mut servers: Vec<_> = servers.collect();
    if let ([one], true) = (&mut servers[..], is_alone) {
        // Its limit is that of the forward, and the others mean nothing.
        if let Some(limit) = one.max_sessions.take() {
            section.set("max_sessions", number(&limit));
        }
        *one = Server::at(&*one.address);
    }
    Some(Target::Fixed(servers))
}

fn has(server: &Directive, word: &str) -> bool {
    server.words.iter().any(|other| other == word)
}

/// The value of a parameter `name=value`.
fn value<'a>(server: &'a Directive, name: &str) -> Option<&'a str> {
    let values = server.words.iter().filter_map(|word| word.strip_prefix(name));
    values.filter_map(|rest| rest.strip_prefix('=')).next_back()
}

/// Number of servers. Each address of a name that is resolved is one, and there may be any number of them.
fn count(servers: &[&Directive]) -> usize {
    if servers.iter().any(|server| resolves(server)) { usize::MAX } else { servers.len() }
}

/// What several servers have in common.
fn several(servers: &[&Directive], section: &mut Section) {
    section.set("balance", plan::basic_string("round_robin"));
    passive(servers, section);
    slow_start(servers, section);
}

/// Whether each address of the server's name is a server.
fn resolves(server: &Directive) -> bool {
    let host = server.argument().rsplit_once(':').map_or("", |(host, _)| host);
    has(server, "resolve") && !host.starts_with('[') && host.parse::<IpAddr>().is_err()
}

fn server(directive: &Directive) -> Server {
    let prefix = if resolves(directive) { "dns:" } else { "" };
    Server {
        send_proxy: None,
        address: format!("{prefix}{}", directive.argument()),
        weight: value(directive, "weight").map(str::to_owned),
        is_backup: has(directive, "backup"),
        max_sessions: value(directive, "max_conns").filter(|it| *it != "0").map(str::to_owned),
    }
}

/// Notes where a limit of sessions works differently.
fn limits(servers: &[&Directive], is_shared: bool, section: &mut Section) {
    let limited = |server: &&&Directive| value(server, "max_conns").is_some_and(|it| it != "0");
    let Some(limited) = servers.iter().find(limited) else { return };
    if servers.iter().any(|server| has(server, "backup")) {
        let message =
            "`max_conns`: a backup serves while the others are down, not while they are full";
        section.differs(&limited.place, message, "");
    }
    if is_shared {
        let message =
            "`max_conns`: each server that passes to this upstream has this limit for itself";
        section.differs(&limited.place, message, "lower `max_sessions` in each forward");
    }
}

/// How targets are selected.
fn balance(
    directive: &Directive,
    servers: usize,
    section: &mut Section,
    grouped: &mut GroupedNotes,
) {
    let (name, place) = (directive.name(), &directive.place);
    match (name, directive.argument()) {
        ("hash" | "least_conn" | "random", _) if servers == 1 => grouped.choice(place, name),
        ("hash", "$remote_addr" | "$binary_remote_addr") => section.by_source(place, "`hash`"),
        ("hash", key) => {
            let message = format!("`hash`: the target depends on {}", quoted(key));
            section.comment_out(place, message, "use balance = \"source\", or keep nginx");
        }
        ("least_conn", _) => section.least_of_all(place, "`least_conn`", servers),
        ("random", "two") => section.set("balance", plan::basic_string("least")),
        ("random", _) => {
            let message = "`random`: targets take turns by their weights";
            section.differs(place, message, "");
        }
        _ => {
            let effect = find(IN_UPSTREAM, name).map(|(_, effect)| effect);
            apply(effect, name, place, section, grouped);
        }
    }
}

/// `max_fails` and `fail_timeout` as `passive`, which the targets of a forward have in common.
fn passive(servers: &[&Directive], section: &mut Section) {
    let of = |server: &Directive| {
        let fails = value(server, "max_fails").unwrap_or(FAILS).to_owned();
        (fails, value(server, "fail_timeout").and_then(time).unwrap_or(FAIL_TIMEOUT))
    };
    let Some((first, others)) = servers.split_first() else { return };
    let (fails, down) = of(first);
    let passive = if fails == "0" {
        plan::basic_string("off")
    } else {
        let (fails, down) = (number(&fails), duration(down));
        let message = "`max_fails`: while all servers have failed, each is tried";
        section.differs(&first.place, message, "none_up = \"refuse\" resets clients then");
        format!("{{ failures = {fails}, down = {down}, down_max = {down} }}")
    };
    section.set("passive", passive);
    if let Some(other) = others.iter().find(|other| of(other) != of(first)) {
        let message = format!(
            "`max_fails` and `fail_timeout` of {}: all targets have those of the first",
            quoted(other.argument())
        );
        section.not_converted(&other.place, message, "change `passive` if it matters");
    }
}

/// `slow_start`, which the targets of a forward have in common.
fn slow_start(servers: &[&Directive], section: &mut Section) {
    let of = |server: &Directive| value(server, "slow_start").and_then(time);
    let of = |server: &Directive| of(server).filter(|time| !time.is_zero());
    let Some((first, others)) = servers.split_first() else { return };
    if let Some(time) = of(first) {
        section.set("slow_start", duration(time));
    }
    if let Some(other) = others.iter().find(|other| of(other) != of(first)) {
        let message = format!(
            "`slow_start` of {}: all targets have that of the first",
            quoted(other.argument())
        );
        section.not_converted(&other.place, message, "change `slow_start` if it matters");
    }
}

/// Notes the parameters after the address of a server.
fn parameters(
    server: &Directive,
    is_alone: bool,
    section: &mut Section,
    grouped: &mut GroupedNotes,
) {
    for parameter in server.words.get(2..).unwrap_or_default() {
        let name = parameter.split('=').next().unwrap_or_default();
        let shown = format!("server … {name}");
        let is_choice =
            matches!(name, "max_fails" | "fail_timeout" | "weight" | "slow_start" | "backup");
        if is_alone && is_choice {
            grouped.choice(&server.place, &shown);
        } else {
            let effect = find(OF_SERVER, name).map(|(_, effect)| effect);
            apply(effect, &shown, &server.place, section, grouped);
        }
    }
}
