//! Metrics, and the probes for liveness and readiness.

use super::app::App;
use super::refusal::Refusal;
use crate::supervisor::Supervisor;
use api::{ErrorCode, Failure};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
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
    let format = wanted_format(&headers);
    Ok((content_type(format), rendered(&app, format).await?))
}

/// The present metrics in this format.
pub(super) async fn rendered(app: &App, format: Format) -> Result<String, Refusal> {
    Ok(render(app.supervisor.ask(Supervisor::metrics).await?, format))
}

/// The header that names the format.
pub(super) fn content_type(format: Format) -> [(HeaderName, &'static str); 1] {
    let content_type = match format {
        Format::Prometheus => PROMETHEUS,
        Format::OpenMetrics => OPEN_METRICS,
    };
    [(header::CONTENT_TYPE, content_type)]
}

/// OpenMetrics if the Accept header lists it. Prometheus lists both, and prefers OpenMetrics.
pub(super) fn wanted_format(headers: &HeaderMap) -> Format {
    let mut accepted = headers.get_all(header::ACCEPT).iter();
    let is_listed = accepted.any(|value| {
        value.as_bytes().windows(28).any(|part| part == b"application/openmetrics-text")
    });
    if is_listed { Format::OpenMetrics } else { Format::Prometheus }
}

/// Liveness: the control thread answers.
#[utoipa::path(get, path = "/healthz", tag = "probes", responses(
    (status = 200, content_type = "text/plain", body = String),
))]
pub(super) async fn health() -> &'static str {
    "ok\n"
}

/// Readiness: the process accepts sessions, and one of a fleet has had a published configuration.
#[utoipa::path(get, path = "/readyz", tag = "probes", responses(
    (status = 200, content_type = "text/plain", body = String),
    (status = 503, body = Failure, description = "The process is shutting down, or has no published configuration yet."),
))]
pub(super) async fn readiness(State(app): State<App>) -> Result<&'static str, Refusal> {
    let state = |supervisor: &mut Supervisor| (supervisor.is_draining(), supervisor.has_text());
    let (is_draining, has_text) = app.supervisor.ask(state).await?;
    if is_draining {
        let message = "the process is shutting down".to_owned();
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Draining, message));
    }
    if !has_text {
        let message = "no published configuration has come from the fleet's store yet".to_owned();
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::NoText, message));
    }
    Ok("ready\n")
}
