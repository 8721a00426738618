//! `/v1/sessions`: what is open, and the end of one of them.

use super::app::App;
use super::listing::{self, Rate, session_of};
use super::rates::Question;
use super::refusal::Refusal;
use api::{Done, DoneState, Failure, Session, Sessions};
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use engine::SessionView;
use serde::Deserialize;
use std::cmp::Reverse;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;
use utoipa::{IntoParams, ToSchema};

const LIMIT: usize = 100;
const LIMIT_MAX: usize = 10_000;

/// Which sessions, in which order, and how many.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only those of this forward.
    forward: Option<String>,
    /// Only those with a client at this address.
    #[param(value_type = Option<String>)]
    client: Option<IpAddr>,
    /// What comes first; default `id`.
    #[serde(default)]
    sort: Sort,
    /// At most so many, up to 10000; default 100.
    limit: Option<usize>,
    /// Without so many that come first.
    #[serde(default)]
    offset: usize,
    /// Also how fast bytes move. May take a third of a second.
    #[serde(default)]
    rates: bool,
}

/// What comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Sort {
    /// The smallest number.
    #[default]
    Id,
    /// The oldest.
    Age,
    /// The longest without a byte.
    Idle,
    /// The most bytes, both ways together.
    Bytes,
    /// The fastest, both ways together; includes the rates.
    Rate,
}

/// Whether rates are wanted for one session.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OneQuery {
    /// Also how fast bytes move. May take a third of a second.
    #[serde(default)]
    rates: bool,
}

/// Open sessions.
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
    let question = Question { id: None, forward, client };
    let mut found = look(&app, &question, rates || sort == Sort::Rate).await;
    sort.apply(&mut found);
    let (total, now) = (found.len(), SystemTime::now());
    let mut shown: Vec<_> = found.into_iter().skip(offset).take(limit).collect();
    app.rates.add_tcp(&app.observer, &mut shown).await;
    let sessions = shown.iter().map(|(view, rate)| session_of(view, *rate, now)).collect();
    Ok(Json(Sessions { total, sessions }))
}

/// One open session.
#[utoipa::path(get, path = "/v1/sessions/{id}", tag = "sessions",
    params(("id" = u64, Path, description = "The session's number."), OneQuery),
    responses((status = 200, body = Session), (status = 404, body = Failure)),
)]
pub(super) async fn one(
    State(app): State<App>,
    id: Result<Path<u64>, PathRejection>,
    query: Result<Query<OneQuery>, QueryRejection>,
) -> Result<Json<Session>, Refusal> {
    let (Path(id), Query(OneQuery { rates })) = (id?, query?);
    let question = Question { id: Some(id), ..Question::default() };
    let found = look(&app, &question, rates).await;
    let (view, rate) = found.first().ok_or_else(|| Refusal::no_session(id))?;
    Ok(Json(session_of(view, *rate, SystemTime::now())))
}

/// Resets a session: both of its sides see RST.
#[utoipa::path(delete, path = "/v1/sessions/{id}", tag = "sessions",
    params(("id" = u64, Path, description = "The session's number.")),
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

async fn look(app: &App, question: &Question, rates: bool) -> Vec<(SessionView, Option<Rate>)> {
    if !rates {
        let views = app.rates.look(&app.observer, question).await;
        return views.into_iter().map(|view| (view, None)).collect();
    }
    let found = app.rates.look_with_rates(&app.observer, question).await;
    tokio::spawn(Arc::clone(&app.rates).forget());
    found
}

impl Sort {
    /// By number where all else is the same.
    fn apply(self, sessions: &mut [(SessionView, Option<Rate>)]) {
        let speed = |rate: Option<Rate>| rate.map_or(0.0, |(up, down)| up + down);
        sessions.sort_by_key(|(view, _)| view.id);
        match self {
            Self::Id => {}
            Self::Age => sessions.sort_by_key(|(view, _)| Reverse(view.age)),
            Self::Idle => sessions.sort_by_key(|(view, _)| Reverse(view.idle)),
            Self::Bytes => {
                sessions.sort_by_key(|(view, _)| Reverse(view.up.bytes + view.down.bytes));
            }
            Self::Rate => sessions.sort_by(|(_, a), (_, b)| speed(*b).total_cmp(&speed(*a))),
        }
    }
}
