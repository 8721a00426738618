//! HAProxy's checks of servers as `check`, with `on_down`, `none_up` and `slow_start`.

use std::time::Duration;

use super::check_rules::{CONNECTS, Checks, HELP};
use super::server_lines::Servers;
use super::words::Line;
use super::{time, whole};
use crate::grouped_notes::GroupedNotes;
use crate::note::quoted;
use crate::section::{Noted, Section, duration};

/// HAProxy's own value of `inter`.
const INTER: Duration = Duration::from_secs(2);
/// Limits of our `every` and `timeout`.
const EVERY: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(3600)];
const TIMEOUT: [Duration; 2] = [Duration::from_millis(10), Duration::from_secs(60)];
/// Our own values, which are not written.
const OUR_EVERY: Duration = Duration::from_secs(2);
const OUR_TIMEOUT: Duration = Duration::from_secs(1);

/// Parameters of a server without a counterpart: the consequence.
const LOST: [(&str, &str); 9] = [
    ("addr", "targets are not checked at another address"),
    ("agent-check", "targets do not report a state or a weight"),
    ("check-alpn", "the check of a TLS handshake offers no protocol"),
    ("check-proto", "the check speaks HTTP/1"),
    ("check-send-proxy", CONNECTS),
    ("check-via-socks4", "targets are not checked through a proxy"),
    ("observe", "errors of sessions take no target out of use"),
    ("on-marked-up", "sessions of a backup go on when another target is back"),
    ("track", "the state of another server is not followed"),
];

/// Parameters of a server's check, with HAProxy's defaults.
#[derive(PartialEq, Eq)]
struct Parameters<'l> {
    every: Duration,
    fall: &'l str,
    rise: &'l str,
    port: Option<&'l str>,
    is_tls: bool,
    name: Option<&'l str>,
    ends_sessions: bool,
}

impl<'l> Parameters<'l> {
    fn of(servers: &'l Servers<'_>, line: &'l Line) -> Self {
        let value = |name| servers.value(line, name);
        Self {
            every: value("inter").and_then(time).unwrap_or(INTER),
            fall: value("fall").unwrap_or("3"),
            rise: value("rise").unwrap_or("2"),
            port: value("port"),
            is_tls: servers.has(line, "check-ssl"),
            name: value("check-sni"),
            ends_sessions: value("on-marked-down") == Some("shutdown-sessions"),
        }
    }
}

/// Converts the checks of the used servers. Whether targets are checked as HAProxy does.
pub(super) fn convert(
    servers: &Servers<'_>,
    used: &[&Line],
    section: &mut Section,
    grouped: &mut GroupedNotes,
) -> bool {
    for line in used {
        for (name, message) in LOST.iter().filter(|(name, _)| servers.has(line, name)) {
            section.lost(&line.place, &quoted(&format!("server … {name}")), message, HELP);
        }
    }
    let has = |name| used.iter().find(|line| servers.has(line, "check") && servers.has(line, name));
    if has("addr").or(has("check-via-socks4")).is_some() {
        return false;
    }
    let Some(first) = has("check") else {
        servers.checks.note_unused(grouped);
        return false;
    };
    if let Some(other) = used.iter().find(|line| !servers.has(line, "check")) {
        let message = format!(
            "`check`: HAProxy does not check {}; here all targets are checked",
            quoted(other.word(1))
        );
        section.differs(&other.place, message, "");
    }
    for name in ["fastinter", "downinter"] {
        if let Some(line) = has(name) {
            let message =
                "a check comes each `every`, and within half a second until the state is decided";
            grouped.because(message, "", &line.place, name);
        }
    }
    let parameters = Parameters::of(servers, first);
    let differs =
        |line: &&&Line| servers.has(line, "check") && Parameters::of(servers, line) != parameters;
    if let Some(other) = used.iter().find(differs) {
        let message = format!(
            "parameters of `check` of {}: all targets have those of the first",
            quoted(other.word(1))
        );
        section.not_converted(&other.place, message, "change `check` if it matters");
    }
    write(&servers.checks, &parameters, has("check-send-proxy").is_some(), section);
    true
}

fn write(checks: &Checks<'_>, parameters: &Parameters<'_>, is_plain: bool, section: &mut Section) {
    let Parameters { every, fall, rise, port, is_tls, name, ends_sessions } = *parameters;
    let mut entries = checks.kind(is_tls, is_plain, section);
    let kind = entries.first().map_or("", |(kind, _)| *kind);
    if kind == "tls" {
        entries.extend(name.map(|name| ("host", plan::basic_string(name))));
    }
    let reads_answer = !matches!(kind, "connect" | "tls");
    let [shortest, longest] = EVERY;
    let ours = every.clamp(shortest, longest);
    if ours != every {
        let message = format!("`inter`: {} is the time between checks", duration(ours));
        section.differs(&section.place.clone(), message, "");
    }
    // HAProxy waits for a connection as long as for one of a client, but not beyond the next check.
    let waits = match kind {
        "connect" => checks.connect_timeout.filter(|time| !time.is_zero() && *time < every),
        _ => checks.timeout.and_then(|line| time(line.word(2))).filter(|time| !time.is_zero()),
    };
    let [shortest, longest] = TIMEOUT;
    let timeout = waits.unwrap_or(every).clamp(shortest, longest);
    entries.extend(port.map(|port| ("port", whole(port))));
    entries.extend((ours != OUR_EVERY).then(|| ("every", duration(ours))));
    entries.extend((timeout != OUR_TIMEOUT).then(|| ("timeout", duration(timeout))));
    entries.extend((fall != "3").then(|| ("fall", whole(fall))));
    entries.extend((rise != "2").then(|| ("rise", whole(rise))));
    let entries: Vec<_> = entries.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    section.set("check", format!("{{ {} }}", entries.join(", ")));
    section.set("none_up", plan::basic_string("refuse"));
    if ends_sessions {
        section.set("on_down", plan::basic_string("reset"));
    } else if reads_answer {
        section.set("on_down", plan::basic_string("keep"));
    }
}

/// `slowstart`, which the targets of a forward have in common. Without checks it has no effect.
pub(super) fn slow_start(servers: &Servers<'_>, lines: &[&Line], section: &mut Section) {
    let of = |line: &Line| servers.value(line, "slowstart").and_then(time);
    let mut checked = lines.iter().filter(|line| servers.has(line, "check"));
    let Some(first) = checked.next() else { return };
    let slow = of(first).filter(|time| !time.is_zero());
    if let Some(time) = slow {
        section.set("slow_start", duration(time));
    }
    if let Some(other) = checked.find(|line| of(line).filter(|it| !it.is_zero()) != slow) {
        let message =
            format!("`slowstart` of {}: all targets have that of the first", quoted(other.word(1)));
        section.not_converted(&other.place, message, "change `slow_start` if it matters");
    }
}
