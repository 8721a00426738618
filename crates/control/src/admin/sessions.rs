//! `/v1/sessions`: lists open sessions, and resets one.

use super::app::App;
use super::listing::{self, Rate, session_of};
use super::refusal::Refusal;
use super::session_rates::SessionQuery;
use crate::api_format::Moment;
use api::{Done, DoneState, Failure, Session, Sessions};
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use engine::SessionView;
use serde::Deserialize;
use std::cmp::Reverse;
use std::net::IpAddr;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

const LIMIT: usize = 100;
const LIMIT_MAX: usize = 10_000;

/// Query of `GET /v1/sessions`: filter, order and page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only sessions of this forward.
    forward: Option<String>,
    /// Only sessions of clients at this address.
    #[param(value_type = Option<String>)]
    client: Option<IpAddr>,
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

/// Lists open sessions.
#[utoipa::path(get, path = "/v1/sessions", tag = "sessions", params(ListQuery), responses(
    (status = 200, body = Sessions), (status = 400, body = Failure), (status = 404, body = Failure),
    (status = 503, body = Failure),
))]
pub(super) async fn list(
    State(app): State<App>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Sessions>, Refusal> {
    let Query(ListQuery { forward, client, sort, limit, offset, rates }) = query?;
    let limit = limit.unwrap_or(LIMIT);
    if limit > LIMIT_MAX {
        let message = format!("limit={limit} is more than the most possible, {LIMIT_MAX}");
        return Err(Refusal::bad_request(message));
    }
    if let Some(name) = forward.clone() {
        let wanted = name.clone();
        let is_there = app.supervisor.ask(move |supervisor| supervisor.has_forward(&wanted));
        if !is_there.await? {
            return Err(Refusal::no_forward(&name));
        }
    }
    let client = client.map(|client| client.to_canonical());
    let selection = SessionQuery { id: None, forward, client };
    let mut found = find(&app, &selection, rates || sort == Sort::Rate).await;
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
    let selection = SessionQuery { id: Some(id), ..SessionQuery::default() };
    let found = find(&app, &selection, rates).await;
    let (view, rate) = found.first().ok_or_else(|| Refusal::no_session(id))?;
    Ok(Json(session_of(view, *rate, Moment::now())))
}

/// Resets a session: client and target receive RST.
#[utoipa::path(delete, path = "/v1/sessions/{id}", tag = "sessions",
    params(("id" = u64, Path, description = "Number of the session.")),
    responses((status = 200, body = Done), (status = 404, body = Failure)),
)]
pub(super) async fn kill(
    State(app): State<App>,
    id: Result<Path<u64>, PathRejection>,
) -> Result<Json<Done>, Refusal> {
    let Path(id) = id?;
    if !listing::kill(&app.observer, id).await {
        return Err(Refusal::no_session(id));
    }
    Ok(Json(Done { state: DoneState::Killed.into(), changed: true }))
}

async fn find(
    app: &App,
    selection: &SessionQuery,
    rates: bool,
) -> Vec<(SessionView, Option<Rate>)> {
    if !rates {
        let views = app.session_rates.find(&app.observer, selection).await;
        return views.into_iter().map(|view| (view, None)).collect();
    }
    let found = app.session_rates.find_with_rates(&app.observer, selection).await;
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
