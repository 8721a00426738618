//! Settings that only `[[forward]]` has, and those of the tables in them.

use crate::release::Release;
use crate::setting::{Content, Effect, Kind, Section, Setting};
use crate::table::Table;
use crate::target::TargetOptions;

/// Settings allowed in `[[forward]]` only. A draft keeps their spans (`draft.rs`), so that forwards
/// can be checked against each other.
pub(crate) const FORWARD_ONLY: &[Setting] = &[
    forward_only(
        "name",
        Kind::Name,
        Effect::Identity,
        "Unique name of the forward; by default its first listen address.",
    ),
    forward_only(
        "listen",
        Kind::List(&Kind::Listen),
        Effect::NewSessions,
        "Where to listen: an address, a name, a range of ports, a Unix socket, `fd:NAME`, or a list of these.",
    ),
    forward_only(
        "to",
        Kind::List(&Kind::Target(TARGET)),
        Effect::NewSessions,
        "The target: a host and port, a range, a Unix socket, `dns:HOST:PORT`, `srv:NAME`, a table, or a list of these.",
    ),
    forward_only(
        "route",
        Kind::List(&Kind::Route(ROUTE)),
        Effect::NewSessions,
        "Targets by the names in the client's TLS ClientHello. The first route that matches serves; `to` serves all other clients.",
    ),
];

/// Settings of a route.
const ROUTE: &[Setting] = &[
    in_route(
        "sni",
        Kind::List(&Kind::ServerName),
        "Server names (SNI), of which the client asks for one; `*.` stands for one label.",
    ),
    in_route(
        "alpn",
        Kind::List(&Kind::Text(Content::Protocol)),
        "Protocols (ALPN), of which the client offers one.",
    ),
    in_route(
        "to",
        Kind::List(&Kind::Target(TARGET)),
        "The targets of these clients, as in a forward's `to`, but for ranges.",
    ),
];

/// Settings of a target in its own table.
pub(crate) const TARGET: &[&[Setting]] = &[TARGET_ONLY, TargetOptions::SETTINGS];

const TARGET_ONLY: &[Setting] = &[Setting {
    section: Section::Inside("to"),
    key: "address",
    kind: Kind::TargetAddress,
    effect: Effect::NewSessions,
    doc: "Where the target is, as in `to`.",
    since: Release::FIRST,
    default: || None,
}];

const fn forward_only(key: &'static str, kind: Kind, effect: Effect, doc: &'static str) -> Setting {
    let since = Release::FIRST;
    Setting { section: Section::Forward, key, kind, effect, doc, since, default: || None }
}

const fn in_route(key: &'static str, kind: Kind, doc: &'static str) -> Setting {
    let (section, effect) = (Section::Inside("route"), Effect::NewSessions);
    let since = Release::FIRST;
    Setting { section, key, kind, effect, doc, since, default: || None }
}
