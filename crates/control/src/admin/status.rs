//! `GET /v1/status`: the process as a whole.

use super::app::App;
use super::refusal::Refusal;
use super::written::{change, seconds_since, time};
use crate::supervisor::Supervisor;
use api::{Failure, LastReload, LastUpgrade, Status};
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
    let look = || app.supervisor.ask(|supervisor| status_of(supervisor));
    if !rates {
        return Ok(Json(look().await?));
    }
    Ok(Json(app.growth.of_process(look).await?))
}

fn status_of(supervisor: &Supervisor) -> Status {
    let Supervisor { plan, engine, capacity, .. } = supervisor;
    let (sums, log_dropped) = (engine.sums(), crate::log::dropped());
    Status {
        state: if supervisor.draining { "draining" } else { "serving" }.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        started: time(supervisor.started),
        uptime: supervisor.uptime().as_secs_f64(),
        config: plan.config.as_ref().map(|path| path.display().to_string()),
        generation: supervisor.generation,
        last_reload: supervisor.last_reload.as_ref().map(|last| LastReload {
            at: time(last.at),
            by: last.by.clone(),
            error: last.error.clone(),
        }),
        confirm_within: supervisor.confirm_within().map(|left| left.as_secs_f64()),
        restoring: supervisor.restoring.as_ref().map_or(0, |it| it.names.len()),
        waiting: supervisor.in_force.waiting(plan).into_iter().map(change).collect(),
        upgrades: supervisor.upgrades,
        last_upgrade: supervisor.last_upgrade.as_ref().map(last_upgrade),
        sandboxed: supervisor.sandbox.is_some(),
        workers: supervisor.workers,
        forwards: plan.forwards.len(),
        listeners: engine.listeners(),
        sessions: engine.sessions(),
        max_sessions: engine.max_sessions(),
        sessions_opened: sums.opened,
        bytes_up: sums.bytes_up,
        bytes_down: sums.bytes_down,
        rates: None,
        log_dropped: log_dropped.queue_full + log_dropped.write_failed,
        last_log_dropped: log_dropped.last.map(seconds_since),
        open_files: sys::open_files().unwrap_or(0),
        open_files_limit: capacity.open_files_limit,
        pipes: supervisor.observer().pipes(),
        resident_memory: sys::usage().resident,
    }
}

fn last_upgrade(last: &crate::upgrade::LastUpgrade) -> LastUpgrade {
    let arrival = last.result.as_ref().ok();
    LastUpgrade {
        at: time(last.at),
        by: last.by.clone(),
        from: arrival.map(|arrival| arrival.from.clone()),
        sessions: arrival.map_or(0, |arrival| arrival.sessions),
        lost: arrival.map_or(0, |arrival| arrival.lost),
        pause: arrival.map(|arrival| arrival.pause.as_secs_f64()),
        error: last.result.as_ref().err().cloned(),
        warnings: arrival.map(|arrival| arrival.warnings.clone()).unwrap_or_default(),
    }
}
