//! `POST /v1/upgrade`: the upgrade in place.

use super::app::App;
use super::caller::Caller;
use super::refusal::Refusal;
use crate::handle::Gone;
use crate::supervisor::upgrade::{UpgradeError, UpgradeOptions};
use api::{ErrorCode, Failure, Upgrade};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use observe::Version;
use serde::Deserialize;
use std::path::PathBuf;
use utoipa::IntoParams;

/// Query of `POST /v1/upgrade`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct UpgradeQuery {
    /// Absolute path of the program; default is the file that the running program was started from.
    /// On a Unix socket only.
    #[param(value_type = Option<String>)]
    binary: Option<PathBuf>,
    /// Accept a program that others own or may write to. On a Unix socket only.
    #[serde(default)]
    allow_owner: bool,
}

impl UpgradeQuery {
    fn options(self, caller: &Caller) -> Result<UpgradeOptions, Refusal> {
        let Self { binary, allow_owner } = self;
        if binary.as_ref().is_some_and(|binary| !binary.is_absolute()) {
            return Err(Refusal::bad_request("`binary` must be an absolute path"));
        }
        // The program runs with the privileges of this process.
        if (binary.is_some() || allow_owner) && !caller.peer.is_own_user() {
            let message =
                "another file, or one that others may write to, is run only for callers on the Unix \
                 socket that are root or the process's own user"
                    .to_owned();
            return Err(Refusal::new(StatusCode::FORBIDDEN, ErrorCode::Forbidden, message));
        }
        Ok(UpgradeOptions { binary, allow_owner })
    }
}

/// Replaces the running program, and keeps every listener and every session. Checks the program
/// first. The answer comes before the change, which closes all connections to the admin interface.
#[utoipa::path(post, path = "/v1/upgrade", tag = "process", params(UpgradeQuery), responses(
    (status = 202, body = Upgrade),
    (status = 400, body = Failure), (status = 403, body = Failure),
    (status = 409, body = Failure, description = "No upgrade is possible now."),
    (status = 422, body = Failure, description = "The program cannot be used."),
))]
pub(super) async fn upgrade(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    query: Result<Query<UpgradeQuery>, QueryRejection>,
) -> Result<(StatusCode, Json<Upgrade>), Refusal> {
    let Query(query) = query?;
    let options = query.options(&caller)?;
    let upgrades = app.supervisor.ask(|supervisor| supervisor.upgrades() + 1).await?;
    // A separate task, so that a closed connection does not cancel it.
    let work =
        tokio::spawn(crate::supervisor::upgrade::upgrade(app.supervisor.clone(), options, "admin"));
    let to = work.await.map_err(|_| Refusal::from(Gone))??;
    let from = Version::of_program().clone();
    let upgrade = Upgrade {
        state: "upgrading".to_owned(),
        from: from.number,
        from_build: from.build,
        to: to.number,
        to_build: to.build,
        upgrades,
    };
    Ok((StatusCode::ACCEPTED, Json(upgrade)))
}

impl From<UpgradeError> for Refusal {
    fn from(error: UpgradeError) -> Self {
        let (code, message) = (error.code(), error.to_string());
        match error {
            UpgradeError::Binary { .. } | UpgradeError::Refused { .. } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message)
            }
            _ => Self::conflict(code, message),
        }
    }
}
