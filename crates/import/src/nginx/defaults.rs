//! Timeouts and limits that nginx has where its file sets none, and its limits of a worker.

use super::words::Directive;
use crate::common_notes::{ends_at_first_fin, no_keepalive, waits_at_shutdown};
use crate::grouped_notes::GroupedNotes;
use crate::note::SourcePlace;

/// nginx's own defaults of `[defaults]`. Its number of sessions is bounded by `worker_connections`, which
/// counts sockets of all servers together.
pub(super) const DEFAULTS: [(&str, &str); 3] = [
    ("connect_timeout", "\"1m\""),
    ("idle_timeout", "\"10m\""),
    ("max_sessions", crate::section::NO_LIMIT),
];

const CONNECTIONS: &str = "nginx limits the connections of each worker, two for a session; here \
                           max_sessions of [process] limits all sessions, by the open-file limit if not set";
const SET_IT: &str = "set max_sessions in [process]";

/// Notes the limit of each worker: from `events`, or else nginx's own.
pub(super) fn connections(main: &[Directive], place: &SourcePlace, grouped: &mut GroupedNotes) {
    let events = main.iter().filter(|directive| directive.name() == "events");
    let mut inside = events.filter_map(|events| events.block.as_deref()).flatten();
    match inside.rfind(|inside| inside.name() == "worker_connections") {
        Some(limit) => {
            grouped.because(CONNECTIONS, SET_IT, &limit.place, &limit.words.join(" "));
        }
        None => grouped.because(CONNECTIONS, SET_IT, place, "worker_connections 512 (default)"),
    }
}

/// Notes how long nginx waits for its sessions at its end, unless the file sets it.
pub(super) fn shutdown(main: &[Directive], place: &SourcePlace, grouped: &mut GroupedNotes) {
    if main.iter().any(|directive| directive.name() == "worker_shutdown_timeout") {
        return;
    }
    let subject = "`worker_shutdown_timeout` is not set: asked to quit, nginx";
    waits_at_shutdown(grouped, subject, place);
}

/// Notes the defaults that are in effect in a server.
pub(super) fn of_server(
    place: &SourcePlace,
    directives: &[&Directive],
    grouped: &mut GroupedNotes,
) {
    let has = |name: &str| directives.iter().any(|directive| directive.name() == name);
    let half_close = directives.iter().rfind(|directive| directive.name() == "proxy_half_close");
    if half_close.is_none_or(|directive| directive.argument() != "on") {
        ends_at_first_fin(grouped, "`proxy_half_close` is off: nginx", place);
    }
    let probes = |directive: &&&Directive| {
        directive.words.iter().any(|word| word.starts_with("so_keepalive="))
    };
    let listens = directives.iter().filter(|directive| directive.name() == "listen");
    if listens.filter(probes).count() == 0 && !has("proxy_socket_keepalive") {
        let subject = "`so_keepalive` and `proxy_socket_keepalive` are off: nginx";
        no_keepalive(grouped, subject, place);
    }
}
