//! `GET /v1/events`: a stream of events (server-sent events, HTML Living Standard 9.2).

use super::app::App;
use super::caller::Caller;
use super::places::{MOST_VIEWERS, MOST_WATCHERS};
use super::refusal::Refusal;
use crate::supervisor::SupervisorHandle;
use api::{EventName, Failure, Lagged};
use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream;
use host::AdminRole;
use observe::{Event as Published, Subscription};
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::error::RecvError;
use utoipa::IntoParams;

/// Time between keep-alive comments on a silent stream, which also detect closed connections.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Query of `GET /v1/events`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsQuery {
    /// `false` leaves out `session_opened`, `session_connected` and `session_closed`, of which a
    /// busy process has thousands per second. Default `true`.
    sessions: Option<bool>,
}

/// A stream of events. The name of an event determines the type of its data.
#[utoipa::path(get, path = "/v1/events", tag = "process", params(EventsQuery), responses(
    (status = 200, content_type = "text/event-stream", body = String),
    (status = 400, body = Failure),
    (status = 503, body = Failure, description = "Too many watchers."),
))]
pub(super) async fn events(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    query: Result<Query<EventsQuery>, QueryRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let Query(EventsQuery { sessions }) = query?;
    let watcher = Watcher::new(&app, caller.role, sessions.unwrap_or(true))?;
    // Before the answer begins, so that the stream has all events from then on.
    app.supervisor.ask(|supervisor| supervisor.set_detail()).await?;
    let stream = stream::unfold(watcher, |mut watcher| async move {
        let event = watcher.next().await?;
        Some((Ok::<_, Infallible>(event), watcher))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// A subscription to events.
struct Watcher {
    /// `None` after the last event.
    watch: Option<Subscription>,
    /// The place among those of viewers.
    _place: Option<OwnedSemaphorePermit>,
    supervisor: SupervisorHandle,
}

impl Watcher {
    fn new(app: &App, role: AdminRole, sessions: bool) -> Result<Self, Refusal> {
        if app.events.watchers() >= MOST_WATCHERS {
            return Err(Refusal::busy(format!("{MOST_WATCHERS} watch already, which is the most")));
        }
        let place = match role {
            AdminRole::Operate => None,
            AdminRole::View => Some(viewer_place(app)?),
        };
        let (watch, supervisor) = (Some(app.events.watch(sessions)), app.supervisor.clone());
        Ok(Self { watch, _place: place, supervisor })
    }

    async fn next(&mut self) -> Option<Event> {
        let event = match self.watch.as_mut()?.next().await {
            Ok(event) => event,
            Err(RecvError::Lagged(missed)) => {
                self.watch = None;
                Arc::new(Published::new(EventName::Lagged, &Lagged { missed }))
            }
            Err(RecvError::Closed) => return None,
        };
        Some(Event::default().event(event.name.as_str()).data(&event.data))
    }
}

fn viewer_place(app: &App) -> Result<OwnedSemaphorePermit, Refusal> {
    Arc::clone(&app.viewer_streams).try_acquire_owned().map_err(|_| {
        Refusal::busy(format!(
            "viewers have {MOST_VIEWERS} event streams open, the most for the role `view`: close \
             one, or use an `operate` token"
        ))
    })
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.watch = None;
        let supervisor = self.supervisor.clone();
        // Without watchers, the workers report only to the log.
        tokio::spawn(async move { supervisor.ask(|supervisor| supervisor.set_detail()).await });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use observe::Events;

    #[tokio::test]
    async fn a_slow_watcher_gets_a_lagged_event_and_is_disconnected() {
        let (supervisor, _tasks) = SupervisorHandle::new();
        let events = Events::default();
        let mut watcher = Watcher { watch: Some(events.watch(true)), _place: None, supervisor };
        for n in 0..10_000 {
            events.publish(EventName::Reload, || n);
        }
        let last = watcher.next().await.map(|event| format!("{event:?}"));
        assert!(last.is_some_and(|text| text.contains("lagged")));
        assert!(watcher.next().await.is_none());
        assert_eq!(events.watchers(), 0);
    }
}
