//! `/v1/forwards`: the rules, what they have done, and whether they take sessions.

use super::app::App;
use super::refusal::Refusal;
use crate::attention::{self, ForwardFacts};
use crate::supervisor::Supervisor;
use crate::supervisor::switch::SwitchError;
use crate::written::seconds_since;
use api::{Done, DoneState, ErrorCode, Failure, Forward, Forwards, Rates, Word};
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use engine::{Engine, ForwardView, Totals};
use flow::Direction;
use serde::Deserialize;
use std::cmp::Reverse;
use std::collections::HashMap;
use utoipa::{IntoParams, ToSchema};

/// The name in the path, percent-decoded.
type Name = Result<Path<String>, PathRejection>;

/// Which forwards, in which order, and how many.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only those with this in their name.
    name: Option<String>,
    /// What comes first; default `config`.
    #[serde(default)]
    sort: Sort,
    /// At most so many; default all.
    limit: Option<usize>,
    /// Without so many that come first.
    #[serde(default)]
    offset: usize,
    /// Only those with an `attention`: skipped or without a socket's file, at their limit, or with a
    /// client refused or a session failed within the last minute.
    #[serde(default)]
    trouble: bool,
    /// Also how fast bytes move and sessions begin. May take a third of a second.
    #[serde(default)]
    rates: bool,
}

/// Whether rates are wanted for one forward.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OneQuery {
    /// Also how fast bytes move and sessions begin. May take a third of a second.
    #[serde(default)]
    rates: bool,
}

/// What comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Sort {
    /// What the configuration has first.
    #[default]
    Config,
    /// By name.
    Name,
    /// The most open sessions.
    Sessions,
    /// The fastest, both ways together; includes the rates.
    Rate,
    /// The most bytes, both ways together.
    Bytes,
    /// The most refused clients and failed sessions.
    Errors,
}

/// Some forwards, or all.
#[utoipa::path(get, path = "/v1/forwards", tag = "forwards", params(ListQuery), responses(
    (status = 200, body = Forwards), (status = 400, body = Failure), (status = 503, body = Failure),
))]
pub(super) async fn all(
    State(app): State<App>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Forwards>, Refusal> {
    let Query(query) = query?;
    let rates = if query.rates || query.sort == Sort::Rate {
        app.growth.of_forwards(&app.supervisor).await?
    } else {
        HashMap::new()
    };
    let list = app.supervisor.ask(move |supervisor| query.answer(supervisor.engine(), &rates));
    Ok(Json(list.await?))
}

impl ListQuery {
    /// Only those that are shown are described: there may be thousands.
    fn answer(&self, engine: &Engine, rates: &HashMap<String, Rates>) -> Forwards {
        let named = |view: &ForwardView<'_>| {
            self.name.as_ref().is_none_or(|part| view.plan.name.contains(part))
        };
        let views = engine.forwards().filter(named);
        let found = views.map(|view| (view, view.totals()));
        let wanted = |(view, totals): &_| {
            !self.trouble || !attention::of_forward(&facts(view, totals)).is_empty()
        };
        let mut found: Vec<_> = found.filter(wanted).collect();
        self.sort.apply(&mut found, rates);
        let shown = found.iter().skip(self.offset).take(self.limit.unwrap_or(usize::MAX));
        let forwards = shown.map(|(view, totals)| {
            let rates = rates.get(&view.plan.name).copied();
            Forward { rates, ..forward_of(view, totals) }
        });
        Forwards { total: found.len(), forwards: forwards.collect() }
    }
}

impl Sort {
    /// In the order of the configuration where all else is the same.
    fn apply(self, found: &mut [(ForwardView<'_>, Totals)], rates: &HashMap<String, Rates>) {
        let rate = |view: &ForwardView<'_>| {
            rates.get(&view.plan.name).map_or(0.0, |rates| rates.bytes_up + rates.bytes_down)
        };
        let bytes = |totals: &Totals| totals.bytes.as_flattened().iter().sum::<u64>();
        match self {
            Self::Config => {}
            Self::Name => found.sort_by(|(a, _), (b, _)| a.plan.name.cmp(&b.plan.name)),
            Self::Sessions => found.sort_by_key(|(view, _)| Reverse(view.sessions())),
            Self::Rate => found.sort_by(|(a, _), (b, _)| rate(b).total_cmp(&rate(a))),
            Self::Bytes => found.sort_by_key(|(_, totals)| Reverse(bytes(totals))),
            Self::Errors => {
                found.sort_by_key(|(_, totals)| Reverse(totals.refused + totals.failed()));
            }
        }
    }
}

/// One forward.
#[utoipa::path(get, path = "/v1/forwards/{name}", tag = "forwards",
    params(("name" = String, Path, description = "The forward's name, percent-encoded."), OneQuery),
    responses((status = 200, body = Forward), (status = 404, body = Failure)),
)]
pub(super) async fn one(
    State(app): State<App>,
    name: Name,
    query: Result<Query<OneQuery>, QueryRejection>,
) -> Result<Json<Forward>, Refusal> {
    let (Path(name), Query(OneQuery { rates })) = (name?, query?);
    let rates =
        if rates { app.growth.of_forwards(&app.supervisor).await?.remove(&name) } else { None };
    let wanted = name.clone();
    let found = app.supervisor.ask(move |supervisor| {
        let mut forwards = supervisor.engine().forwards();
        forwards
            .find(|forward| forward.plan.name == wanted)
            .map(|view| Forward { rates, ..forward_of(&view, &view.totals()) })
    });
    found.await?.map(Json).ok_or_else(|| Refusal::no_forward(&name))
}

/// Lets a forward take no more sessions; those it has go on.
#[utoipa::path(post, path = "/v1/forwards/{name}/drain", tag = "forwards",
    params(("name" = String, Path, description = "The forward's name, percent-encoded.")),
    responses((status = 200, body = Done), (status = 404, body = Failure)),
)]
pub(super) async fn drain(State(app): State<App>, name: Name) -> Result<Json<Done>, Refusal> {
    let Path(name) = name?;
    let switched = name.clone();
    let switch = async move |supervisor: &mut Supervisor| supervisor.drain_forward(&switched).await;
    let result = app.supervisor.run(switch).await?;
    let changed = result.map_err(|error| Refusal::of_switch(&name, error))?;
    Ok(Json(Done { state: DoneState::Draining.into(), changed }))
}

/// Lets a drained or skipped forward take sessions again.
#[utoipa::path(post, path = "/v1/forwards/{name}/resume", tag = "forwards",
    params(("name" = String, Path, description = "The forward's name, percent-encoded.")),
    responses(
        (status = 200, body = Done), (status = 404, body = Failure), (status = 409, body = Failure),
    ),
)]
pub(super) async fn resume(State(app): State<App>, name: Name) -> Result<Json<Done>, Refusal> {
    let Path(name) = name?;
    let switched = name.clone();
    let switch =
        async move |supervisor: &mut Supervisor| supervisor.resume_forward(&switched).await;
    let result = app.supervisor.run(switch).await?;
    let changed = result.map_err(|error| Refusal::of_switch(&name, error))?;
    Ok(Json(Done { state: DoneState::Active.into(), changed }))
}

impl Refusal {
    /// Why the forward of this name was not switched.
    fn of_switch(name: &str, error: SwitchError) -> Self {
        match error {
            SwitchError::NoForward => Self::no_forward(name),
            SwitchError::Draining => {
                Self::conflict(ErrorCode::Draining, "the process is shutting down")
            }
            SwitchError::Unfit(error) => Self::conflict(ErrorCode::Unfit, error),
        }
    }
}

fn facts(view: &ForwardView<'_>, totals: &Totals) -> ForwardFacts {
    ForwardFacts {
        error: view.error(),
        sessions: view.sessions(),
        max_sessions: view.plan.settings.max_sessions.get(),
        refused: totals.refused,
        last_refused: totals.last_refused.map(seconds_since),
        failed: totals.failed(),
        last_failed: totals.last_failed.map(seconds_since),
    }
}

fn forward_of(view: &ForwardView<'_>, totals: &Totals) -> Forward {
    let routes = || view.plan.routes.iter();
    let closed = totals.closed.iter().map(|((by, phase, cause), count)| {
        (format!("{}/{}/{}", by.as_str(), phase.as_str(), cause.as_str()), *count)
    });
    let settings = plan::settings_toml(view.plan);
    let facts = facts(view, totals);
    Forward {
        name: view.plan.name.clone(),
        state: Word::of(view.state.as_str()),
        attention: attention::of_forward(&facts),
        error: facts.error,
        listen: routes().map(|route| route.listen.to_string()).collect(),
        to: routes().map(|route| route.target.to_string()).collect(),
        sessions: facts.sessions,
        max_sessions: facts.max_sessions,
        opened: totals.opened,
        refused: facts.refused,
        last_refused: facts.last_refused,
        failed: facts.failed,
        last_failed: facts.last_failed,
        closed: closed.collect(),
        bytes_up: totals.bytes_of(Direction::Up),
        bytes_down: totals.bytes_of(Direction::Down),
        rates: None,
        backlog: view.backlog(),
        settings: settings.map(|(key, value)| (key.to_owned(), value)).collect(),
    }
}
