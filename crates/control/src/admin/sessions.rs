//! `/v1/sessions`: lists and resets open sessions.

use super::app::App;
use super::audit::KilledSessions;
use super::listing::{self, Rate, session_of};
use super::refusal::Refusal;
use super::session_filter::{FilterParameters, filter, page_limit, parsed};
use crate::api_format::{Moment, time};
use api::{Done, DoneState, Failure, Killed, Session, Sessions};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use engine::{SessionDetail, SessionFilter, SessionView};
use flow::{ClientFilter, Prefix};
use serde::Deserialize;
use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Query of `GET /v1/sessions`: filter, order and page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only sessions of this forward; if no forward has this name, of those whose names contain it.
    forward: Option<String>,
    /// Only sessions of this target: as configured, or the address that they are connected to.
    target: Option<String>,
    /// Only sessions of clients at this address, in this range of addresses (`10.0.0.0/8`), or whose
    /// address and port begin with this text (`10.0.`).
    client: Option<String>,
    /// Only sessions of the forward with this name. If there is none, sessions of the forwards whose names
    /// contain the text, and of the clients that it selects, as `client` does.
    text: Option<String>,
    /// The order; default `id`.
    #[serde(default)]
    sort: Sort,
    /// Maximum number of sessions in the answer, up to 10000; default 100.
    limit: Option<usize>,
    /// Number of sessions to skip.
    #[serde(default)]
    offset: usize,
    /// Includes the byte rate of each direction. May take a third of a second.
    #[serde(default)]
    rates: bool,
}

/// Order of sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Sort {
    /// Lowest session number first.
    #[default]
    Id,
    /// Oldest session first.
    Age,
    /// Longest time without a byte first.
    Idle,
    /// Most bytes of both directions first.
    Bytes,
    /// Highest byte rate of both directions first; includes `rates`.
    Rate,
}

/// Query of `GET /v1/sessions/{id}`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OneQuery {
    /// Includes the byte rate of each direction. May take a third of a second.
    #[serde(default)]
    rates: bool,
}

/// Query of `DELETE /v1/sessions`. At least one of them is there; a session must match all.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct KillQuery {
    /// Sessions of this forward.
    forward: Option<String>,
    /// Sessions of this target: as configured, or the address that they are connected to.
    target: Option<String>,
    /// Sessions of clients at this address, or in this range of addresses (`10.0.0.0/8`).
    client: Option<String>,
}

/// Lists open sessions.
#[utoipa::path(get, path = "/v1/sessions", tag = "sessions", params(ListQuery), responses(
    (status = 200, body = Sessions), (status = 400, body = Failure), (status = 404, body = Failure),
    (status = 503, body = Failure),
))]
pub(super) async fn list(
    State(app): State<App>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Sessions>, Refusal> {
    let Query(ListQuery { forward, target, client, text, sort, limit, offset, rates }) = query?;
    let limit = page_limit(limit)?;
    let parameters = FilterParameters { forward, target, client, text };
    let filter = parameters.filter(&app, HashSet::new).await?;
    let rates = rates || sort == Sort::Rate;
    // Only the sessions on the page need more detail.
    let mut found = find(&app, &filter, SessionDetail::Known, rates).await;
    sort.apply(&mut found);
    let (total, now) = (found.len(), Moment::now());
    let mut shown: Vec<_> = found.into_iter().skip(offset).take(limit).collect();
    app.session_rates.add_tcp(&app.observer, &mut shown).await;
    let sessions = shown.iter().map(|(view, rate)| session_of(view, *rate, now)).collect();
    Ok(Json(Sessions { total, sessions }))
}

/// Returns one open session.
#[utoipa::path(get, path = "/v1/sessions/{id}", tag = "sessions",
    params(("id" = u64, Path, description = "Number of the session."), OneQuery),
    responses((status = 200, body = Session), (status = 404, body = Failure)),
)]
pub(super) async fn one(
    State(app): State<App>,
    id: Result<Path<u64>, PathRejection>,
    query: Result<Query<OneQuery>, QueryRejection>,
) -> Result<Json<Session>, Refusal> {
    let (Path(id), Query(OneQuery { rates })) = (id?, query?);
    let found = find(&app, &of_id(id), SessionDetail::Tcp, rates).await;
    let (view, rate) = found.first().ok_or_else(|| not_open(&app, id))?;
    Ok(Json(session_of(view, *rate, Moment::now())))
}

/// Resets a session: client and target receive RST.
#[utoipa::path(delete, path = "/v1/sessions/{id}", tag = "sessions",
    params(("id" = u64, Path, description = "Number of the session.")),
    responses(
        (status = 200, body = Done), (status = 403, body = Failure), (status = 404, body = Failure),
    ),
)]
pub(super) async fn kill(
    State(app): State<App>,
    id: Result<Path<u64>, PathRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let Path(id) = id?;
    if listing::kill(&app.observer, &of_id(id)).await == 0 {
        return Err(not_open(&app, id));
    }
    let done = Done { state: DoneState::Killed.into(), changed: true };
    Ok((Extension(KilledSessions(vec![id])), Json(done)))
}

/// Resets the sessions that match the query: their clients and targets receive RST.
#[utoipa::path(delete, path = "/v1/sessions", tag = "sessions", params(KillQuery), responses(
    (status = 200, body = Killed), (status = 400, body = Failure), (status = 403, body = Failure),
    (status = 404, body = Failure),
))]
pub(super) async fn kill_all(
    State(app): State<App>,
    query: Result<Query<KillQuery>, QueryRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let Query(KillQuery { forward, target, client }) = query?;
    if forward.is_none() && target.is_none() && client.is_none() {
        let message = "name the sessions to reset: `forward`, `target` or `client`";
        return Err(Refusal::bad_request(message));
    }
    // Only whole names and ranges: a part of a name may match more than its caller thinks of.
    let range = client.as_ref().map(|text| parsed::<Prefix>("client", text)).transpose()?;
    if let Some(name) = forward.clone() {
        let is_there = app.supervisor.ask(move |supervisor| supervisor.has_forward(&name));
        if !is_there.await? {
            return Err(Refusal::no_forward(forward.as_deref().unwrap_or_default()));
        }
    }
    let forwards = forward.map(|name| HashSet::from([name]));
    let filter = filter(forwards, target.as_deref(), range.map(ClientFilter::Range), None);
    // By their IDs, which the audit line names.
    let found = find(&app, &filter, SessionDetail::Known, false).await;
    let ids: Vec<u64> = found.iter().map(|(view, _)| view.id).collect();
    let all = Arc::new(ids.iter().copied().collect());
    let of_ids = SessionFilter { ids: Some(all), ..SessionFilter::default() };
    let sessions = listing::kill(&app.observer, &of_ids).await;
    Ok((Extension(KilledSessions(ids)), Json(Killed { sessions })))
}

fn of_id(id: u64) -> SessionFilter {
    SessionFilter { ids: Some(Arc::new(HashSet::from([id]))), ..SessionFilter::default() }
}

/// Why there is no open session with this number.
fn not_open(app: &App, id: u64) -> Refusal {
    let ended = app.observer.ended();
    let record = ended.records.iter().find(|record| record.id == id);
    record.map_or_else(
        || Refusal::no_session(id, &time(ended.since)),
        |record| Refusal::has_ended(id, record.ending.reason),
    )
}

async fn find(
    app: &App,
    filter: &SessionFilter,
    detail: SessionDetail,
    rates: bool,
) -> Vec<(SessionView, Option<Rate>)> {
    if !rates {
        let views = app.session_rates.find(&app.observer, filter, detail).await;
        return views.into_iter().map(|view| (view, None)).collect();
    }
    let found = app.session_rates.find_with_rates(&app.observer, filter, detail).await;
    tokio::spawn(Arc::clone(&app.session_rates).expire());
    found
}

impl Sort {
    /// Sorts sessions. Equal ones are in the order of their numbers.
    fn apply(self, sessions: &mut [(SessionView, Option<Rate>)]) {
        let speed = |rate: Option<Rate>| rate.map_or(0.0, |(up, down)| up + down);
        sessions.sort_by_key(|(view, _)| view.id);
        match self {
            Self::Id => {}
            Self::Age => sessions.sort_by_key(|(view, _)| view.accepted),
            Self::Idle => sessions.sort_by_key(|(view, _)| view.last_byte),
            Self::Bytes => {
                sessions.sort_by_key(|(view, _)| Reverse(view.up.bytes + view.down.bytes));
            }
            Self::Rate => sessions.sort_by(|(_, a), (_, b)| speed(*b).total_cmp(&speed(*a))),
        }
    }
}
