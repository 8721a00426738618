//! `/v1/sessions/ended`: lists the last sessions that have ended.

use super::app::App;
use super::refusal::Refusal;
use super::session_filter::{FilterParameters, page_limit};
use crate::api_format::time;
use api::{EndedSession, EndedSessions, Failure};
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use engine::SessionRecord;
use serde::Deserialize;
use std::time::SystemTime;
use utoipa::IntoParams;

/// Query of `GET /v1/sessions/ended`: filter and page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EndedQuery {
    /// Only sessions of this forward, which may be removed; if no forward has this name, of those whose
    /// names contain it.
    forward: Option<String>,
    /// Only sessions of this target: as configured, or the address that was connected or tried last.
    target: Option<String>,
    /// Only sessions of clients at this address, in this range of addresses (`10.0.0.0/8`), or whose
    /// address and port begin with this text (`10.0.`).
    client: Option<String>,
    /// Only sessions of the forward with this name. If there is none, sessions of the forwards whose names
    /// contain the text, and of the clients that it selects, as `client` does.
    text: Option<String>,
    /// Maximum number of sessions in the answer, up to 10000; default 100.
    limit: Option<usize>,
    /// Number of sessions to skip.
    #[serde(default)]
    offset: usize,
}

/// Lists the last 1000 sessions that have ended, the newest first.
#[utoipa::path(get, path = "/v1/sessions/ended", tag = "sessions", params(EndedQuery), responses(
    (status = 200, body = EndedSessions<'static>), (status = 400, body = Failure),
    (status = 404, body = Failure), (status = 503, body = Failure),
))]
pub(super) async fn list(
    State(app): State<App>,
    query: Result<Query<EndedQuery>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(EndedQuery { forward, target, client, text, limit, offset }) = query?;
    let limit = page_limit(limit)?;
    let mut ended = app.observer.ended();
    let names = || ended.records.iter().map(|record| record.forward().to_owned()).collect();
    let filter = FilterParameters { forward, target, client, text }.filter(&app, names).await?;
    ended.records.retain(|record| filter.selects_ended(record));
    let now = SystemTime::now();
    let shown = ended.records.iter().skip(offset).take(limit);
    let sessions = shown.map(|record| session_of(record, now)).collect();
    let (since, total) = (time(ended.since), ended.records.len());
    Ok(Json(EndedSessions { since, total, sessions }).into_response())
}

/// Returns one of the last 1000 sessions that have ended.
#[utoipa::path(get, path = "/v1/sessions/ended/{id}", tag = "sessions",
    params(("id" = u64, Path, description = "Number of the session.")),
    responses((status = 200, body = EndedSession<'static>), (status = 404, body = Failure)),
)]
pub(super) async fn one(
    State(app): State<App>,
    id: Result<Path<u64>, PathRejection>,
) -> Result<Response, Refusal> {
    let Path(id) = id?;
    let ended = app.observer.ended();
    let record = ended.records.iter().find(|record| record.id == id);
    let record = record.ok_or_else(|| Refusal::no_ended_session(id, &time(ended.since)))?;
    Ok(Json(session_of(record, SystemTime::now())).into_response())
}

fn session_of(record: &SessionRecord, now: SystemTime) -> EndedSession<'_> {
    let ended = record.ended();
    EndedSession {
        ended: time(ended),
        ago: now.duration_since(ended).unwrap_or_default().as_secs_f64(),
        record: observe::session_closed(record),
    }
}
