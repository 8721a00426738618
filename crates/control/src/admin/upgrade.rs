//! `POST /v1/upgrade`.

use super::app::App;
use super::refusal::Refusal;
use crate::handle::Gone;
use crate::supervisor::upgrade::{UpgradeError, Wanted};
use api::{ErrorCode, Failure, Upgrade};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use observe::Version;
use serde::Deserialize;
use std::path::PathBuf;
use utoipa::IntoParams;

/// Which program is to run.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct UpgradeQuery {
    /// Its file, an absolute path; by default the one that this program was started from. On a
    /// Unix socket only.
    #[param(value_type = Option<String>)]
    binary: Option<PathBuf>,
}

impl UpgradeQuery {
    fn wanted(self, local_user: bool) -> Result<Wanted, Refusal> {
        if let Some(binary) = &self.binary {
            if !binary.is_absolute() {
                return Err(Refusal::bad_request("`binary` must be an absolute path"));
            }
            // It is run with all that this process may do.
            if !local_user {
                let message =
                    "another file is run only for who asks on the Unix socket, not over a port"
                        .to_owned();
                return Err(Refusal::new(StatusCode::FORBIDDEN, ErrorCode::Forbidden, message));
            }
        }
        Ok(Wanted { binary: self.binary })
    }
}

/// Becomes another program, with every listener and every session. It is checked first; the answer
/// comes before the change, and all connections to the admin interface end with it.
#[utoipa::path(post, path = "/v1/upgrade", tag = "process", params(UpgradeQuery), responses(
    (status = 202, body = Upgrade),
    (status = 400, body = Failure),
    (status = 409, body = Failure, description = "Not now."),
    (status = 422, body = Failure, description = "Not this program."),
))]
pub(super) async fn upgrade(
    State(app): State<App>,
    query: Result<Query<UpgradeQuery>, QueryRejection>,
) -> Result<(StatusCode, Json<Upgrade>), Refusal> {
    let Query(query) = query?;
    let wanted = query.wanted(app.local_user)?;
    let upgrades = app.supervisor.ask(|supervisor| supervisor.upgrades() + 1).await?;
    // Whoever asked may go away: what was begun is finished all the same.
    let work =
        tokio::spawn(crate::supervisor::upgrade::upgrade(app.supervisor.clone(), wanted, "admin"));
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
