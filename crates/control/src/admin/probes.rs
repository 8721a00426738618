//! Metrics, and the probes for liveness and readiness.

use super::app::App;
use super::refusal::Refusal;
use crate::supervisor::Supervisor;
use api::{ErrorCode, Failure};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use observe::metrics::{Format, render};

const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics, in OpenMetrics format if the Accept header lists it, else in Prometheus format.
#[utoipa::path(get, path = "/metrics", tag = "probes", responses(
    (status = 200, description = "The metrics.", content(
        (String = "text/plain"), (String = "application/openmetrics-text"),
    )),
    (status = 503, body = api::Failure),
))]
pub(super) async fn metrics(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Refusal> {
    let (format, content_type) = if accepts_open_metrics(&headers) {
        (Format::OpenMetrics, OPEN_METRICS)
    } else {
        (Format::Prometheus, PROMETHEUS)
    };
    let snapshot = app.supervisor.ask(Supervisor::metrics).await?;
    Ok(([(header::CONTENT_TYPE, content_type)], render(snapshot, format)))
}

/// Whether the Accept header lists OpenMetrics. Prometheus lists both, and prefers OpenMetrics.
fn accepts_open_metrics(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(header::ACCEPT).iter();
    accepted.any(|value| {
        value.as_bytes().windows(28).any(|part| part == b"application/openmetrics-text")
    })
}

/// Liveness: the control thread answers.
#[utoipa::path(get, path = "/healthz", tag = "probes", responses(
    (status = 200, content_type = "text/plain", body = String),
))]
pub(super) async fn health() -> &'static str {
    "ok\n"
}

/// Readiness: the process accepts sessions.
#[utoipa::path(get, path = "/readyz", tag = "probes", responses(
    (status = 200, content_type = "text/plain", body = String),
    (status = 503, body = Failure, description = "The process is shutting down."),
))]
pub(super) async fn readiness(State(app): State<App>) -> Result<&'static str, Refusal> {
    if app.supervisor.ask(|supervisor| supervisor.is_draining()).await? {
        let message = "the process is shutting down".to_owned();
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Draining, message));
    }
    Ok("ready\n")
}
