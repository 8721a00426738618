//! `GET /v1/events`: a stream of events (server-sent events, HTML Living Standard 9.2).

use super::app::App;
use super::refusal::Refusal;
use crate::supervisor::SupervisorHandle;
use api::{EventName, Failure, Lagged};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream;
use observe::{Event as Published, Subscription};
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use utoipa::IntoParams;

/// Limit of concurrent watchers. Below the limit of connections, so that other requests stay
/// possible.
const MOST_WATCHERS: usize = 16;
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
    query: Result<Query<EventsQuery>, QueryRejection>,
) -> Result<impl IntoResponse, Refusal> {
    let Query(EventsQuery { sessions }) = query?;
    let watcher = Watcher::new(&app, sessions.unwrap_or(true))?;
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
    supervisor: SupervisorHandle,
}

impl Watcher {
    fn new(app: &App, sessions: bool) -> Result<Self, Refusal> {
        if app.events.watchers() >= MOST_WATCHERS {
            return Err(Refusal::busy(format!("{MOST_WATCHERS} watch already, which is the most")));
        }
        Ok(Self { watch: Some(app.events.watch(sessions)), supervisor: app.supervisor.clone() })
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
        let mut watcher = Watcher { watch: Some(events.watch(true)), supervisor };
        for n in 0..10_000 {
            events.publish(EventName::Reload, || n);
        }
        let last = watcher.next().await.map(|event| format!("{event:?}"));
        assert!(last.is_some_and(|text| text.contains("lagged")));
        assert!(watcher.next().await.is_none());
        assert_eq!(events.watchers(), 0);
    }
}
