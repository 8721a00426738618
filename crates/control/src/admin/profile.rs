//! `GET /debug/pprof/profile` and `/debug/pprof/heap`: in builds that can. Others say how to build
//! one that can (docs/profiling.md).

#[cfg(not(feature = "profile"))]
mod absent;
#[cfg(not(feature = "profile"))]
use absent as taking;

#[cfg(feature = "profile")]
mod taking;

pub(crate) use taking::{cpu_is_sampled, let_samples_through};

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

/// How long CPU time may be sampled, in seconds.
const SECONDS: RangeInclusive<u64> = 1..=300;

/// How a profile is written.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    /// For pprof: Protocol Buffers, compressed with gzip.
    #[default]
    Pprof,
    /// An image: SVG.
    Flamegraph,
}

/// For how long, and how it is written.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CpuQuery {
    /// For how long samples are taken: 1 to 300.
    #[serde(default = "default_seconds")]
    seconds: u64,
    /// `pprof` or `flamegraph`.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

fn default_seconds() -> u64 {
    30
}

/// How it is written.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HeapQuery {
    /// `pprof` or `flamegraph`.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

/// Where the process spends its CPU time. The answer ends when the time is over.
#[utoipa::path(get, path = "/debug/pprof/profile", tag = "profiles", params(CpuQuery), responses(
    (status = 200, description = "The profile.", content(
        (String = "application/octet-stream"), (String = "image/svg+xml"),
    )),
    (status = 400, body = Failure),
    (status = 404, body = Failure, description = "This build cannot."),
    (status = 409, body = Failure, description = "One is being taken, or an upgrade is under way."),
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
    taking::cpu(app, Duration::from_secs(seconds), format).await
}

/// Who has allocated memory since the process started, and what of it has not been freed.
#[utoipa::path(get, path = "/debug/pprof/heap", tag = "profiles", params(HeapQuery), responses(
    (status = 200, description = "The profile.", content(
        (String = "application/octet-stream"), (String = "image/svg+xml"),
    )),
    (status = 400, body = Failure),
    (status = 404, body = Failure, description = "This build cannot."),
))]
pub(super) async fn heap(
    query: Result<Query<HeapQuery>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(HeapQuery { format }) = query?;
    taking::heap(format).await
}
