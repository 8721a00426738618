//! Answers of a build without feature `profile`.

use super::Format;
use crate::admin::app::App;
use crate::admin::refusal::Refusal;
use api::ErrorCode;
use axum::http::StatusCode;
use axum::response::Response;
use std::future::{Future, ready};
use std::time::Duration;

/// Does nothing: no thread is ever sampled.
pub(crate) fn let_samples_through() {}

/// Whether CPU samples are being taken: never.
pub(crate) fn cpu_is_sampled() -> bool {
    false
}

pub(super) fn cpu(
    _: App,
    _: Duration,
    _: Format,
) -> impl Future<Output = Result<Response, Refusal>> {
    ready(Err(no_profile()))
}

pub(super) fn heap(_: Format) -> impl Future<Output = Result<Response, Refusal>> {
    ready(Err(no_profile()))
}

fn no_profile() -> Refusal {
    let message = "this build takes no profiles: build one that does with `make build profile=1`, \
                   and upgrade to it in place or start it instead (docs/profiling.md)";
    Refusal::new(StatusCode::NOT_FOUND, ErrorCode::NoProfile, message.to_owned())
}
