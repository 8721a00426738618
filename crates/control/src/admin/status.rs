//! `GET /v1/status`: the process as a whole.

use super::app::App;
use super::refusal::Refusal;
use api::{Failure, Status};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use utoipa::IntoParams;

/// Query of `GET /v1/status`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct StatusQuery {
    /// Includes `rates`. May take a third of a second.
    #[serde(default)]
    rates: bool,
}

/// The process as a whole.
#[utoipa::path(get, path = "/v1/status", tag = "process", params(StatusQuery), responses(
    (status = 200, body = Status), (status = 400, body = Failure),
))]
pub(super) async fn status(
    State(app): State<App>,
    query: Result<Query<StatusQuery>, QueryRejection>,
) -> Result<Json<Status>, Refusal> {
    let Query(StatusQuery { rates }) = query?;
    let read = || app.supervisor.ask(|supervisor| supervisor.status());
    if !rates {
        return Ok(Json(read().await?));
    }
    Ok(Json(app.total_rates.of_process(read).await?))
}
