//! Timeouts and limits that nginx has where its file sets none, and its limits of a worker.

use super::words::Directive;
use crate::known::Harmless;
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
pub(super) fn connections(main: &[Directive], place: &SourcePlace, harmless: &mut Harmless) {
    let events = main.iter().filter(|directive| directive.name() == "events");
    let mut inside = events.filter_map(|events| events.block.as_deref()).flatten();
    match inside.rfind(|inside| inside.name() == "worker_connections") {
        Some(limit) => {
            harmless.because(CONNECTIONS, SET_IT, &limit.place, &limit.words.join(" "));
        }
        None => harmless.because(CONNECTIONS, SET_IT, place, "worker_connections 512 (default)"),
    }
}

/// Notes how long nginx waits for its sessions at its end, unless the file says it.
pub(super) fn shutdown(main: &[Directive], place: &SourcePlace, harmless: &mut Harmless) {
    if main.iter().any(|directive| directive.name() == "worker_shutdown_timeout") {
        return;
    }
    let message = "`worker_shutdown_timeout` is not set: asked to quit, nginx waits for its last session; \
                   here sessions end after shutdown_timeout (10s)";
    harmless.built_in(message, "set shutdown_timeout in [process]", place);
}

/// Notes the defaults that are in effect in a server.
pub(super) fn of_server(place: &SourcePlace, directives: &[&Directive], harmless: &mut Harmless) {
    let has = |name: &str| directives.iter().any(|directive| directive.name() == name);
    let half_close = directives.iter().rfind(|directive| directive.name() == "proxy_half_close");
    if half_close.is_none_or(|directive| directive.argument() != "on") {
        let message = "`proxy_half_close` is off: nginx ends both directions at the first FIN; \
                       here the other one goes on";
        harmless.built_in(message, "half_close_timeout (5m) ends it when it is silent", place);
    }
    let probes = |directive: &&&Directive| {
        directive.words.iter().any(|word| word.starts_with("so_keepalive="))
    };
    let listens = directives.iter().filter(|directive| directive.name() == "listen");
    if listens.filter(probes).count() == 0 && !has("proxy_socket_keepalive") {
        let message = "`so_keepalive` and `proxy_socket_keepalive` are off: nginx probes no silent peer; \
                       here clients and targets are probed after 60 s";
        harmless.built_in(message, "keepalive sets the times, or \"off\"", place);
    }
}
