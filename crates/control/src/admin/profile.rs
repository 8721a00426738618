//! `GET /debug/pprof/profile` and `/debug/pprof/heap`. A build without feature `profile` answers
//! how to build one with it (docs/profiling.md).

#[cfg(not(feature = "profile"))]
mod disabled;
#[cfg(not(feature = "profile"))]
use disabled as backend;

#[cfg(feature = "profile")]
mod enabled;
#[cfg(feature = "profile")]
use enabled as backend;

pub(crate) use backend::{cpu_is_sampled, let_samples_through};

use super::app::App;
use super::refusal::Refusal;
use api::Failure;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use std::ops::RangeInclusive;
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// Bounds of the sampling time, in seconds.
const SECONDS: RangeInclusive<u64> = 1..=300;

/// Format of a profile.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    /// Protocol Buffers of pprof, compressed with gzip.
    #[default]
    Pprof,
    /// A flame graph as SVG image.
    Flamegraph,
}

/// Query of `GET /debug/pprof/profile`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CpuQuery {
    /// Sampling time in seconds: 1 to 300.
    #[serde(default = "default_seconds")]
    seconds: u64,
    /// Format of the profile: `pprof` or `flamegraph`.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

fn default_seconds() -> u64 {
    30
}

/// Query of `GET /debug/pprof/heap`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HeapQuery {
    /// Format of the profile: `pprof` or `flamegraph`.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

/// Samples the CPU time of the process. The answer ends when the sampling time is over.
#[utoipa::path(get, path = "/debug/pprof/profile", tag = "profiles", params(CpuQuery), responses(
    (status = 200, description = "The profile.", content(
        (String = "application/octet-stream"), (String = "image/svg+xml"),
    )),
    (status = 400, body = Failure), (status = 403, body = Failure),
    (status = 404, body = Failure, description = "This build takes no profiles."),
    (status = 409, body = Failure, description = "Another profile is being taken, or an upgrade is under way."),
))]
pub(super) async fn cpu(
    State(app): State<App>,
    query: Result<Query<CpuQuery>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(CpuQuery { seconds, format }) = query?;
    if !SECONDS.contains(&seconds) {
        let (least, most) = (SECONDS.start(), SECONDS.end());
        let message = format!("seconds: {seconds} is not between {least} and {most}");
        return Err(Refusal::bad_request(message));
    }
    backend::cpu(app, Duration::from_secs(seconds), format).await
}

/// Samples of memory allocations since the start of the process, and of those not freed yet.
#[utoipa::path(get, path = "/debug/pprof/heap", tag = "profiles", params(HeapQuery), responses(
    (status = 200, description = "The profile.", content(
        (String = "application/octet-stream"), (String = "image/svg+xml"),
    )),
    (status = 400, body = Failure), (status = 403, body = Failure),
    (status = 404, body = Failure, description = "This build takes no profiles."),
))]
pub(super) async fn heap(
    query: Result<Query<HeapQuery>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(HeapQuery { format }) = query?;
    backend::heap(format).await
}
