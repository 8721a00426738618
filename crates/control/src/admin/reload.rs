//! `POST /v1/reload` and `POST /v1/confirm`.

use super::app::App;
use super::caller::Caller;
use super::refusal::Refusal;
use crate::api_format::change;
use crate::supervisor::reload::{NotConfirmed, ReloadError, ReloadOptions, ReloadReport};
use api::{
    ChangedForward, Done, DoneState, ErrorCode, Failure, ForwardSummary, Reload, RemadeFile,
};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use plan::units::parse_duration;
use serde::Deserialize;
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;
use utoipa::IntoParams;

/// Limit of the time to confirm.
const CONFIRM_MAX: Duration = Duration::from_secs(24 * 3600);

/// Query of `POST /v1/reload`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ReloadQuery {
    /// Report the changes without making them.
    #[serde(default)]
    dry_run: bool,
    /// Fall back unless the configuration is confirmed within this time, such as `60s`.
    confirm: Option<String>,
    /// For a dry run: compare with this file, an absolute path. On a Unix socket only.
    #[param(value_type = Option<String>)]
    file: Option<PathBuf>,
}

impl ReloadQuery {
    fn options(self, caller: &Caller) -> Result<ReloadOptions, Refusal> {
        let Self { dry_run, confirm, file } = self;
        if dry_run && confirm.is_some() {
            return Err(Refusal::bad_request("a dry run changes nothing that could be confirmed"));
        }
        if let Some(file) = &file {
            if !dry_run {
                let message = "another file can be tried with dry_run=true, not run by";
                return Err(Refusal::bad_request(message));
            }
            if !file.is_absolute() {
                return Err(Refusal::bad_request("`file` must be an absolute path"));
            }
            // Error messages quote the file.
            if !caller.peer.is_own_user() {
                let message =
                    "files are compared only for callers on the Unix socket that are root or the \
                     process's own user"
                        .to_owned();
                return Err(Refusal::new(StatusCode::FORBIDDEN, ErrorCode::Forbidden, message));
            }
        }
        let confirm = confirm.map(|text| confirm_time(&text)).transpose()?;
        let caller = Some(caller.clone());
        Ok(ReloadOptions { dry_run, confirm, file, unattended: false, caller })
    }
}

fn confirm_time(text: &str) -> Result<Duration, Refusal> {
    let fault = |why: String| Refusal::bad_request(format!("confirm: {why}"));
    let time = parse_duration(text).map_err(|error| fault(error.to_string()))?;
    if time.is_zero() || time > CONFIRM_MAX {
        return Err(fault(format!("`{text}` is not between 1ms and 1d")));
    }
    Ok(time)
}

/// Reads the configuration again, and applies all of it or nothing.
#[utoipa::path(post, path = "/v1/reload", tag = "process", params(ReloadQuery), responses(
    (status = 200, body = Reload),
    (status = 400, body = Failure), (status = 403, body = Failure),
    (status = 409, body = Failure, description = "It cannot run on this host now."),
    (status = 422, body = Failure, description = "The configuration is wrong."),
))]
pub(super) async fn reload(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    query: Result<Query<ReloadQuery>, QueryRejection>,
) -> Result<Json<Reload>, Refusal> {
    let Query(query) = query?;
    let options = query.options(&caller)?;
    let answer = app.supervisor.run(async move |supervisor| {
        let report = supervisor.reload(&options, "admin").await?;
        let confirm_within = supervisor.confirm_within().map(|left| left.as_secs_f64());
        let file = options.file.as_deref().or(supervisor.config_file());
        let file = file.map(|file| file.display().to_string());
        Ok::<_, ReloadError>(Reload { file, ..reload_of(report, options.dry_run, confirm_within) })
    });
    Ok(Json(answer.await??))
}

/// Query of `POST /v1/confirm`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ConfirmQuery {
    /// The `generation` in the answer of the reload. May be left out if the trial has had only one
    /// configuration.
    generation: Option<u64>,
}

/// Keeps the configuration on trial.
#[utoipa::path(post, path = "/v1/confirm", tag = "process", params(ConfirmQuery), responses(
    (status = 200, body = Done),
    (status = 400, body = Failure), (status = 403, body = Failure),
    (status = 409, body = Failure, description = "None is on trial, or another one."),
))]
pub(super) async fn confirm(
    State(app): State<App>,
    query: Result<Query<ConfirmQuery>, QueryRejection>,
) -> Result<Json<Done>, Refusal> {
    let Query(ConfirmQuery { generation }) = query?;
    app.supervisor.ask(move |supervisor| supervisor.confirm(generation)).await??;
    Ok(Json(Done { state: DoneState::Confirmed.into(), changed: true }))
}

impl From<NotConfirmed> for Refusal {
    fn from(why: NotConfirmed) -> Self {
        match why {
            NotConfirmed::Nothing => Self::conflict(
                ErrorCode::NothingToConfirm,
                "nothing is on trial: no configuration waits to be confirmed",
            ),
            NotConfirmed::OfFleet(revision) => Self::conflict(
                ErrorCode::OnTrial,
                format!(
                    "revision {revision} of the fleet is on trial, which its publisher confirms: keep \
                     it with `traffic-forwarder rollout continue`"
                ),
            ),
            NotConfirmed::Other(generation) => Self::conflict(
                ErrorCode::OtherGeneration,
                format!(
                    "generation {generation} is on trial, not the one that was named: look at what \
                     runs now, then `traffic-forwarder confirm {generation}`"
                ),
            ),
            NotConfirmed::Several(generation) => Self::conflict(
                ErrorCode::OtherGeneration,
                format!(
                    "generation {generation} has replaced another one during the trial: name it, \
                     if it is the one that is meant: `traffic-forwarder confirm {generation}`"
                ),
            ),
        }
    }
}

impl From<ReloadError> for Refusal {
    fn from(error: ReloadError) -> Self {
        let message = error.to_string();
        match error {
            ReloadError::Config(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::InvalidConfig, message)
            }
            ReloadError::Unfit(_) => Self::conflict(ErrorCode::Unfit, message),
            ReloadError::NoFile => Self::conflict(ErrorCode::NoFile, message),
            ReloadError::Draining => Self::conflict(ErrorCode::Draining, message),
            ReloadError::OnTrial { .. } | ReloadError::FleetTrial { .. } => {
                Self::conflict(ErrorCode::OnTrial, message)
            }
        }
    }
}

fn reload_of(report: ReloadReport, dry_run: bool, confirm_within: Option<f64>) -> Reload {
    let unchanged = report.unchanged();
    // Of the files in `emptied`, the changes of the lists name the prefixes.
    let ReloadReport {
        diff,
        sessions,
        retried,
        remade,
        skipped,
        emptied: _,
        new_tokens,
        generation,
    } = report;
    let settings = diff.settings().cloned().map(change).collect();
    let summaries = |forwards: Vec<plan::ForwardSummary>| {
        forwards.into_iter().map(|forward| summary(forward, &sessions)).collect()
    };
    Reload {
        dry_run,
        file: None,
        generation,
        added: summaries(diff.added),
        changed: diff
            .changed
            .into_iter()
            .map(|forward| ChangedForward {
                sessions: sessions.get(&forward.name).copied().unwrap_or(0),
                name: forward.name,
                changes: forward.changes.into_iter().map(change).collect(),
            })
            .collect(),
        removed: summaries(diff.removed),
        retried: summaries(retried),
        remade: remade
            .into_iter()
            .map(|(name, listen)| RemadeFile { name, listen: listen.to_string() })
            .collect(),
        unchanged,
        settings,
        skipped,
        new_tokens,
        confirm_within,
    }
}

fn summary(forward: plan::ForwardSummary, sessions: &HashMap<String, u32>) -> ForwardSummary {
    ForwardSummary {
        sessions: sessions.get(&forward.name).copied().unwrap_or(0),
        name: forward.name,
        listen: forward.listen,
        to: forward.to,
    }
}
