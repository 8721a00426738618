//! `GET /v1/status`: the process as a whole.

use super::app::App;
use super::refusal::Refusal;
use api::{Failure, Status};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use utoipa::IntoParams;

/// Whether rates are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct StatusQuery {
    /// Also how fast bytes move and sessions begin. May take a third of a second.
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
    let look = || app.supervisor.ask(|supervisor| supervisor.status());
    if !rates {
        return Ok(Json(look().await?));
    }
    Ok(Json(app.growth.of_process(look).await?))
}
