//! `/v1/forwards`: configuration, counters and state of forwards, drain and resume.

use super::app::App;
use super::refusal::Refusal;
use super::target_states::{has_failing_name, targets_of};
use crate::api_format::seconds_since;
use crate::attention::{self, FailingTarget, ForwardFacts};
use crate::supervisor::Supervisor;
use crate::supervisor::switch::SwitchError;
use api::{
    Done, DoneState, ErrorCode, Failure, Forward, ForwardState, Forwards, Rates, Target,
    TargetState,
};
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use discover::NamesStatus;
use engine::{ForwardView, Totals};
use flow::{Cause, Direction};
use serde::Deserialize;
use std::cmp::Reverse;
use std::collections::HashMap;
use utoipa::{IntoParams, ToSchema};

/// The forward's name in the path, percent-decoded.
type Name = Result<Path<String>, PathRejection>;

/// Query of `GET /v1/forwards`: filter, order and page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only forwards whose names contain this text.
    name: Option<String>,
    /// The order; default `config`.
    #[serde(default)]
    sort: Sort,
    /// Maximum number of forwards in the answer; default all.
    limit: Option<usize>,
    /// Number of forwards to skip.
    #[serde(default)]
    offset: usize,
    /// Only forwards with an `attention`: skipped, without a socket file, at their limit, with a target
    /// that is down or unreachable, or with a refused client or a failed session within the last minute.
    #[serde(default)]
    trouble: bool,
    /// Includes `rates`. May take a third of a second.
    #[serde(default)]
    rates: bool,
}

/// Query of `GET /v1/forwards/{name}`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OneQuery {
    /// Includes `rates`. May take a third of a second.
    #[serde(default)]
    rates: bool,
}

/// Query of drain and resume.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SwitchQuery {
    /// Only this target of the forward, as configured.
    target: Option<String>,
}

/// Order of forwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Sort {
    /// Order of the configuration.
    #[default]
    Config,
    /// Alphabetical by name.
    Name,
    /// Most open sessions first.
    Sessions,
    /// Highest byte rate of both directions first; includes `rates`.
    Rate,
    /// Most bytes of both directions first.
    Bytes,
    /// Most refused clients and failed sessions first.
    Errors,
}

/// Lists forwards.
#[utoipa::path(get, path = "/v1/forwards", tag = "forwards", params(ListQuery), responses(
    (status = 200, body = Forwards), (status = 400, body = Failure), (status = 503, body = Failure),
))]
pub(super) async fn all(
    State(app): State<App>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Forwards>, Refusal> {
    let Query(query) = query?;
    let rates = if query.rates || query.sort == Sort::Rate {
        app.total_rates.of_forwards(&app.supervisor).await?
    } else {
        HashMap::new()
    };
    let list = app.supervisor.ask(move |supervisor| query.answer(supervisor, &rates));
    Ok(Json(list.await?))
}

impl ListQuery {
    /// Builds the answer. Only the forwards on the page are described, since there may be
    /// thousands.
    fn answer(&self, supervisor: &Supervisor, rates: &HashMap<String, Rates>) -> Forwards {
        let resolving = supervisor.resolver().status();
        let named = |view: &ForwardView<'_>| {
            self.name.as_ref().is_none_or(|part| view.plan.name.contains(part))
        };
        let views = supervisor.engine().forwards().filter(named);
        let found = views.map(|view| (view, view.totals()));
        let is_in_trouble = |view: &ForwardView<'_>, totals: &Totals| {
            let has_failing = view.has_failing_target() || has_failing_name(view.plan, &resolving);
            let targets = if has_failing { targets_of(view, &resolving) } else { Vec::new() };
            !attention::of_forward(&facts(view, totals, &targets)).is_empty()
        };
        let wanted = |(view, totals): &_| !self.trouble || is_in_trouble(view, totals);
        let mut found: Vec<_> = found.filter(wanted).collect();
        self.sort.apply(&mut found, rates);
        let shown = found.iter().skip(self.offset).take(self.limit.unwrap_or(usize::MAX));
        let forwards = shown.map(|(view, totals)| {
            let rates = rates.get(&view.plan.name).copied();
            Forward { rates, ..forward_of(view, totals, &resolving) }
        });
        Forwards { total: found.len(), forwards: forwards.collect() }
    }
}

impl Sort {
    /// Sorts forwards. Equal ones stay in the order of the configuration.
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
                found.sort_by_key(|(_, totals)| {
                    Reverse(totals.refused_by(Cause::OverLimit) + totals.failed())
                });
            }
        }
    }
}

/// Returns one forward.
#[utoipa::path(get, path = "/v1/forwards/{name}", tag = "forwards",
    params(("name" = String, Path, description = "Name of the forward, percent-encoded."), OneQuery),
    responses((status = 200, body = Forward), (status = 404, body = Failure)),
)]
pub(super) async fn one(
    State(app): State<App>,
    name: Name,
    query: Result<Query<OneQuery>, QueryRejection>,
) -> Result<Json<Forward>, Refusal> {
    let (Path(name), Query(OneQuery { rates })) = (name?, query?);
    let rates = if rates {
        app.total_rates.of_forwards(&app.supervisor).await?.remove(&name)
    } else {
        None
    };
    let wanted = name.clone();
    let found = app.supervisor.ask(move |supervisor| {
        let resolving = supervisor.resolver().status();
        let mut forwards = supervisor.engine().forwards();
        forwards
            .find(|forward| forward.plan.name == wanted)
            .map(|view| Forward { rates, ..forward_of(&view, &view.totals(), &resolving) })
    });
    found.await?.map(Json).ok_or_else(|| Refusal::no_forward(&name))
}

/// Stops accepting sessions for a forward, or for one of its targets. Open sessions continue.
#[utoipa::path(post, path = "/v1/forwards/{name}/drain", tag = "forwards",
    params(("name" = String, Path, description = "Name of the forward, percent-encoded."), SwitchQuery),
    responses(
        (status = 200, body = Done), (status = 403, body = Failure), (status = 404, body = Failure),
    ),
)]
pub(super) async fn drain(
    State(app): State<App>,
    name: Name,
    query: Result<Query<SwitchQuery>, QueryRejection>,
) -> Result<Json<Done>, Refusal> {
    switch(&app, name, query, true).await
}

/// Accepts sessions for a drained or skipped forward, or for a drained target, again.
#[utoipa::path(post, path = "/v1/forwards/{name}/resume", tag = "forwards",
    params(("name" = String, Path, description = "Name of the forward, percent-encoded."), SwitchQuery),
    responses(
        (status = 200, body = Done), (status = 404, body = Failure), (status = 409, body = Failure),
    ),
)]
pub(super) async fn resume(
    State(app): State<App>,
    name: Name,
    query: Result<Query<SwitchQuery>, QueryRejection>,
) -> Result<Json<Done>, Refusal> {
    switch(&app, name, query, false).await
}

/// Drains or resumes a forward, or the target in the query.
async fn switch(
    app: &App,
    name: Name,
    query: Result<Query<SwitchQuery>, QueryRejection>,
    drains: bool,
) -> Result<Json<Done>, Refusal> {
    let (Path(name), Query(SwitchQuery { target })) = (name?, query?);
    let switched = (name.clone(), target.clone());
    let switch = async move |supervisor: &mut Supervisor| match (switched, drains) {
        ((name, Some(target)), _) => supervisor.set_target_drained(&name, &target, drains),
        ((name, None), true) => supervisor.drain_forward(&name).await,
        ((name, None), false) => supervisor.resume_forward(&name).await,
    };
    let result = app.supervisor.run(switch).await?;
    let changed = result.map_err(|error| Refusal::of_switch(&name, target.as_deref(), error))?;
    let state = if drains { DoneState::Draining } else { DoneState::Active };
    Ok(Json(Done { state: state.into(), changed }))
}

impl Refusal {
    /// Why the forward `name`, or this target of it, was not drained or resumed.
    fn of_switch(name: &str, target: Option<&str>, error: SwitchError) -> Self {
        match error {
            SwitchError::NoForward => Self::no_forward(name),
            SwitchError::NoTarget => Self::no_target(name, target.unwrap_or_default()),
            SwitchError::Draining => {
                Self::conflict(ErrorCode::Draining, "the process is shutting down")
            }
            SwitchError::Unbound(error) => Self::conflict(ErrorCode::Unfit, error.to_string()),
        }
    }
}

/// The inputs of the conditions. `targets` may be empty if none of them fails.
fn facts(view: &ForwardView<'_>, totals: &Totals, targets: &[Target]) -> ForwardFacts {
    let failing = |state: TargetState| {
        let failing = targets.iter().filter(|it| it.state == state);
        let failing =
            failing.map(|it| FailingTarget { address: it.address.clone(), why: it.why.clone() });
        failing.collect()
    };
    ForwardFacts {
        error: view.error(),
        sessions: view.sessions(),
        max_sessions: view.plan.settings.max_sessions.get(),
        has_full_targets: view.has_full_targets(),
        refused: totals.refused_by(Cause::OverLimit),
        last_refused: totals.last_refused.map(seconds_since),
        failed: totals.failed(),
        last_failed: totals.last_failed.map(seconds_since),
        failures: totals.failures(),
        targets: targets.len(),
        down: failing(TargetState::Down),
        unreachable: failing(TargetState::Unreachable),
        drained_listener: view
            .drained_listener()
            .filter(|_| view.state == engine::ForwardState::Active),
    }
}

/// The word of the API for a forward's state.
fn state(state: engine::ForwardState) -> ForwardState {
    match state {
        engine::ForwardState::Active => ForwardState::Active,
        engine::ForwardState::Draining => ForwardState::Draining,
        engine::ForwardState::Skipped => ForwardState::Skipped,
        engine::ForwardState::Removed => ForwardState::Removed,
    }
}

fn forward_of(view: &ForwardView<'_>, totals: &Totals, names: &NamesStatus) -> Forward {
    let routes = || view.plan.routes.iter();
    let closed = totals.closed.iter().map(|((by, phase, cause), count)| {
        (format!("{}/{}/{}", by.as_str(), phase.as_str(), cause.as_str()), *count)
    });
    let settings = plan::settings_toml(view.plan);
    let targets = targets_of(view, names);
    let facts = facts(view, totals, &targets);
    Forward {
        name: view.plan.name.clone(),
        state: state(view.state).into(),
        attention: attention::of_forward(&facts),
        error: facts.error,
        listen: routes().map(|route| route.listen.to_string()).collect(),
        to: routes().map(|route| view.plan.target_addresses(route, usize::MAX)).collect(),
        targets,
        sessions: facts.sessions,
        max_sessions: facts.max_sessions,
        opened: totals.opened,
        refused: facts.refused,
        last_refused: facts.last_refused,
        not_allowed: totals.refused_by(Cause::NotAllowed),
        client_limit: totals.refused_by(Cause::ClientLimit),
        rate_limit: totals.refused_by(Cause::RateLimit),
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
