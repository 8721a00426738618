//! The address of `metrics`: metrics and probes for the network, read-only and without a token.
//!
//! A `Host` header is not checked: the address has any name that its users give it. A page that a
//! rebound name leads here gets no more than every other client.

use super::app::App;
use super::budget::{self, Budget};
use super::probes;
use super::recent_metrics::RecentMetrics;
use super::refusal::{Refusal, no_method};
use super::routes::bounded;
use api::ErrorCode;
use axum::extract::{Request, State};
use axum::http::header::CONNECTION;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};

pub(super) fn router(app: App) -> Router {
    Router::new()
        .route("/metrics", get(recent_metrics).fallback(no_method))
        .route("/healthz", get(probes::health).fallback(no_method))
        .route("/readyz", get(probes::readiness).fallback(no_method))
        .fallback(no_path)
        .with_state(app)
        .layer(Extension(RecentMetrics::default()))
        // A separate budget: slow readers here take no memory from the admin interface.
        .layer(from_fn_with_state(Budget::new(), budget::within))
        .layer(from_fn(bounded))
        .layer(from_fn(closing))
}

async fn recent_metrics(
    State(app): State<App>,
    Extension(recent): Extension<RecentMetrics>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Refusal> {
    let format = probes::wanted_format(&headers);
    let text = recent.get(format, async move { probes::rendered(&app, format).await }).await?;
    Ok((probes::content_type(format), text))
}

/// Middleware: each connection has one request, so that none keeps a place.
async fn closing(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

async fn no_path(uri: Uri) -> Refusal {
    let message = format!(
        "there is no {} here: this address serves /metrics, /healthz and /readyz, and the admin \
         interface (`admin` in [process]) all else",
        uri.path()
    );
    Refusal::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
}
