//! Paths, their handlers, and limits for all of them.

use super::access::{self, Access};
use super::app::App;
use super::audit;
use super::budget::{self, Budget};
use super::refusal::{Refusal, no_method, no_path};
use super::{
    clients, document, ended_sessions, events, forwards, page, probes, profile, reload, sessions,
    status, upgrade,
};
use api::ErrorCode;
use axum::Router;
use axum::body::HttpBody;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use std::time::Duration;

/// Limit of a request's body, in bytes. No request needs a body.
const BODY_MAX: u64 = 64 * 1024;
/// Time limit of a handler.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Every path. The OpenAPI document has the same ones.
pub(super) fn table() -> Vec<(&'static str, MethodRouter<App>)> {
    vec![
        ("/v1/status", get(status::status)),
        ("/v1/forwards", get(forwards::all)),
        ("/v1/forwards/{name}", get(forwards::one)),
        ("/v1/forwards/{name}/drain", post(forwards::drain)),
        ("/v1/forwards/{name}/resume", post(forwards::resume)),
        ("/v1/clients", get(clients::list)),
        ("/v1/sessions", get(sessions::list).delete(sessions::kill_all)),
        ("/v1/sessions/ended", get(ended_sessions::list)),
        ("/v1/sessions/ended/{id}", get(ended_sessions::one)),
        ("/v1/sessions/{id}", get(sessions::one).delete(sessions::kill)),
        ("/v1/reload", post(reload::reload)),
        ("/v1/confirm", post(reload::confirm)),
        ("/v1/upgrade", post(upgrade::upgrade)),
        ("/v1/events", get(events::events)),
        ("/metrics", get(probes::metrics)),
        ("/healthz", get(probes::health)),
        ("/readyz", get(probes::readiness)),
        ("/debug/pprof/profile", get(profile::cpu)),
        ("/debug/pprof/heap", get(profile::heap)),
        ("/openapi.json", get(document::openapi)),
        ("/", get(page::index)),
        ("/page/{file}", get(page::part)),
    ]
}

pub(super) fn router(app: App, access: Access) -> Router {
    let paths = table().into_iter().fold(Router::new(), |router, (path, methods)| {
        router.route(path, methods.fallback(no_method))
    });
    paths
        .fallback(no_path)
        .with_state(app)
        .layer(from_fn_with_state(Budget::new(), budget::within))
        .layer(from_fn(bounded))
        .layer(from_fn(audit::record))
        .layer(from_fn_with_state(access, access::check))
}

/// Middleware: limits the size of requests and the time of handlers.
pub(super) async fn bounded(request: Request, next: Next) -> Result<Response, Refusal> {
    if request.body().size_hint().lower() > BODY_MAX {
        let message = format!("the body is longer than {BODY_MAX} bytes, and none is needed");
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TooLarge, message));
    }
    // No handler reads a body, so one of unknown length costs nothing.
    tokio::time::timeout(ANSWER_LIMIT, next.run(request)).await.map_err(|_| {
        let message = format!("no answer was found within {} s", ANSWER_LIMIT.as_secs());
        Refusal::new(StatusCode::GATEWAY_TIMEOUT, ErrorCode::Timeout, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_document_describes_every_path_and_no_other() {
        let served: BTreeSet<_> = table().into_iter().map(|(path, _)| path.to_owned()).collect();
        let described: BTreeSet<_> = document::paths().into_iter().collect();
        assert_eq!(served, described);
    }
}
