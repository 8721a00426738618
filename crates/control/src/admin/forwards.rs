//! `/v1/forwards`: the rules, what they have done, and whether they take sessions.

use super::refusal::Refusal;
use super::routes::App;
use crate::api::{Done, Failure, Forward, ForwardSwitched, Forwards};
use crate::supervisor::Supervisor;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use engine::ForwardView;
use flow::Direction;

/// The name in the path, percent-decoded.
type Name = Result<Path<String>, PathRejection>;

/// All forwards.
#[utoipa::path(get, path = "/v1/forwards", tag = "forwards", responses(
    (status = 200, body = Forwards),
))]
pub(super) async fn all(State(app): State<App>) -> Result<Json<Forwards>, Refusal> {
    let forwards = |supervisor: &mut Supervisor| {
        supervisor.engine.forwards().map(|forward| forward_of(&forward)).collect()
    };
    Ok(Json(Forwards { forwards: app.desk.ask(forwards).await? }))
}

/// One forward.
#[utoipa::path(get, path = "/v1/forwards/{name}", tag = "forwards",
    params(("name" = String, Path, description = "The forward's name, percent-encoded.")),
    responses((status = 200, body = Forward), (status = 404, body = Failure)),
)]
pub(super) async fn one(State(app): State<App>, name: Name) -> Result<Json<Forward>, Refusal> {
    let Path(name) = name?;
    let wanted = name.clone();
    let find = move |supervisor: &mut Supervisor| {
        let mut forwards = supervisor.engine.forwards();
        forwards.find(|forward| forward.plan.name == wanted).map(|forward| forward_of(&forward))
    };
    app.desk.ask(find).await?.map(Json).ok_or_else(|| Refusal::no_forward(&name))
}

/// Lets a forward take no more sessions; those it has go on.
#[utoipa::path(post, path = "/v1/forwards/{name}/drain", tag = "forwards",
    params(("name" = String, Path, description = "The forward's name, percent-encoded.")),
    responses((status = 200, body = Done), (status = 404, body = Failure)),
)]
pub(super) async fn drain(State(app): State<App>, name: Name) -> Result<Json<Done>, Refusal> {
    let Path(name) = name?;
    app.desk.ask(move |supervisor| supervisor.drain_forward(&name)).await?.map(Json)
}

/// Lets a drained forward take sessions again.
#[utoipa::path(post, path = "/v1/forwards/{name}/resume", tag = "forwards",
    params(("name" = String, Path, description = "The forward's name, percent-encoded.")),
    responses(
        (status = 200, body = Done), (status = 404, body = Failure), (status = 409, body = Failure),
    ),
)]
pub(super) async fn resume(State(app): State<App>, name: Name) -> Result<Json<Done>, Refusal> {
    let Path(name) = name?;
    app.desk.ask(move |supervisor| supervisor.resume_forward(&name)).await?.map(Json)
}

impl Supervisor {
    fn drain_forward(&mut self, name: &str) -> Result<Done, Refusal> {
        let changed = self.engine.drain_forward(name).ok_or_else(|| Refusal::no_forward(name))?;
        if changed {
            self.keep_listeners();
            self.tell_of_switch("drain", name);
            tracing::info!(forward = name, "forward drains: it takes no new sessions");
        }
        Ok(Done { state: "draining".to_owned(), changed })
    }

    fn resume_forward(&mut self, name: &str) -> Result<Done, Refusal> {
        if self.draining {
            return Err(Refusal::conflict("draining", "the process is shutting down"));
        }
        let result = self.engine.resume_forward(name).ok_or_else(|| Refusal::no_forward(name))?;
        let changed = result.map_err(|error| Refusal::conflict("unfit", error.to_string()))?;
        if changed {
            self.keep_listeners();
            self.tell_of_switch("resume", name);
            tracing::info!(forward = name, "forward takes sessions again");
        }
        Ok(Done { state: "active".to_owned(), changed })
    }

    fn tell_of_switch(&self, event: &'static str, name: &str) {
        self.events.tell(event, || {
            let mut forwards = self.engine.forwards();
            let forward = forwards.find(|forward| forward.plan.name == name);
            let sessions = forward.map_or(0, |forward| forward.sessions());
            ForwardSwitched { forward: name.to_owned(), sessions }
        });
    }
}

fn forward_of(view: &ForwardView<'_>) -> Forward {
    let totals = view.totals();
    let routes = || view.plan.routes.iter();
    let closed = totals.closed.iter().map(|((by, phase, cause), count)| {
        (format!("{}/{}/{}", by.as_str(), phase.as_str(), cause.as_str()), *count)
    });
    let settings = plan::written_settings(view.plan);
    Forward {
        name: view.plan.name.clone(),
        state: view.state.as_str().to_owned(),
        listen: routes().map(|route| route.listen.to_string()).collect(),
        to: routes().map(|route| route.target.to_string()).collect(),
        sessions: view.sessions(),
        max_sessions: view.plan.settings.max_sessions.get(),
        opened: totals.opened,
        refused: totals.refused,
        closed: closed.collect(),
        bytes_up: totals.bytes_of(Direction::Up),
        bytes_down: totals.bytes_of(Direction::Down),
        backlog: view.backlog(),
        settings: settings.map(|(key, value)| (key.to_owned(), value)).collect(),
    }
}
