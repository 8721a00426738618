//! `GET /openapi.json`: the OpenAPI document, generated from the code.

use super::{
    clients, ended_sessions, events, forwards, page, probes, profile, reload, sessions, status,
    upgrade,
};
use axum::Json;
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "traffic-forwarder",
        description = "The admin interface. Durations are seconds, times RFC 3339 in UTC, sizes \
                       bytes. Every error is answered with a `Failure`.",
    ),
    paths(
        status::status,
        forwards::all,
        forwards::one,
        forwards::drain,
        forwards::resume,
        sessions::list,
        sessions::one,
        sessions::kill,
        sessions::kill_all,
        ended_sessions::list,
        ended_sessions::one,
        reload::reload,
        reload::confirm,
        clients::list,
        upgrade::upgrade,
        events::events,
        probes::metrics,
        probes::health,
        probes::readiness,
        profile::cpu,
        profile::heap,
        openapi,
        page::index,
        page::part,
    ),
    components(schemas(
        api::SessionOpened,
        api::SessionConnected,
        api::SessionClosed<'_>,
        api::TargetDown,
        api::TargetUp,
        api::LimitReached,
        api::NotAllowed,
        api::ClientLimited,
        api::AcceptFailed,
        api::ResourceExhausted,
        api::ForwardSwitched,
        api::Reloaded,
        api::Upgraded,
        api::FleetRevision,
        api::FleetStateChanged,
        api::FleetStore,
        api::Shutdown,
        api::Lagged,
    ))
)]
struct Document;

/// The OpenAPI document of the admin interface.
#[utoipa::path(get, path = "/openapi.json", tag = "probes", responses(
    (status = 200, content_type = "application/json", body = Object),
))]
pub(super) async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}

/// The paths that answer a part of a list.
#[cfg(test)]
pub(super) fn lists() -> Vec<String> {
    let paths = Document::openapi().paths.paths.into_iter();
    let is_list = |item: &utoipa::openapi::PathItem| {
        let parameters = item.get.as_ref().and_then(|get| get.parameters.as_ref());
        parameters.is_some_and(|all| all.iter().any(|it| it.name == "limit"))
    };
    paths.filter(|(_, item)| is_list(item)).map(|(path, _)| path).collect()
}

#[cfg(test)]
pub(super) fn paths() -> Vec<String> {
    Document::openapi().paths.paths.into_keys().collect()
}
