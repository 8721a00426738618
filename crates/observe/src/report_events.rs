//! Reports of the workers as events. Each event is one struct of crate [`api`]: watchers of
//! `GET /v1/events` receive it as JSON, and the log as the fields of a line.

use crate::events::Events;
use crate::log::{self, RecordForm};
use crate::occurrence::{self, Occurrence, Unanswered, Unreached};
use crate::open_episodes::{OpenEpisodes, now};
use crate::session_events::{close, session_closed, target_down};
use crate::session_line::SessionLine;
use api::{
    AcceptFailed, ClientLimited, EventName, LimitReached, NotAllowed, ResourceExhausted,
    SessionClosed, SessionConnected, SessionOpened, TargetDown, TargetUp,
};
use engine::{DownCause, Report, SessionRecord};
use flow::{By, Cause, ClientLimit, CloseReason, Phase, Time};
use plan::AccessLists;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use sys::Address;
use tracing::Level;

/// Publishes reports to watchers and to the log.
pub struct ReportEvents {
    events: Events,
    /// Whether session records go to the log. A reload may change it.
    logs_sessions: Arc<AtomicBool>,
    episodes: OpenEpisodes,
}

impl ReportEvents {
    /// Publishes to the watchers of `events` and to the log, which goes on with `episodes`.
    pub fn new(events: Events, logs_sessions: Arc<AtomicBool>, episodes: OpenEpisodes) -> Self {
        Self { events, logs_sessions, episodes }
    }

    /// Time until [`Self::write_due`] has something to do.
    pub fn due_in(&self) -> Option<Duration> {
        self.episodes.due_at().map(|at| at.since(now()))
    }

    /// Logs counts that have waited long enough, and episodes that are over.
    pub fn write_due(&self) {
        self.episodes.due().into_iter().for_each(occurrence::write);
    }

    /// Logs all that has been counted.
    pub fn finish(&self) {
        self.episodes.finish().into_iter().for_each(occurrence::write);
    }

    fn log(&self, occurrence: Occurrence) {
        self.log_late(occurrence, now());
    }

    /// Logs occurrences of which the last was at `latest`.
    fn log_late(&self, occurrence: Occurrence, latest: Time) {
        self.episodes.occurred(occurrence, latest).into_iter().for_each(occurrence::write);
    }

    /// Publishes one report. Watchers come before the log, so they do not wait for a disk.
    pub fn publish(&self, report: &Report) {
        match report {
            Report::Accepted { id, forward, client } => {
                let line = (Level::DEBUG, "client connected");
                self.emit(EventName::SessionOpened, line, || {
                    let (forward, client) = (forward.to_string(), client.to_string());
                    SessionOpened { id: *id, forward, client }
                });
            }
            Report::Forwarding { id, forward, address, .. } => {
                let line = (Level::DEBUG, "forwarding");
                self.emit(EventName::SessionConnected, line, || {
                    let (forward, target_address) = (forward.to_string(), address.to_string());
                    SessionConnected { id: *id, forward, target_address }
                });
            }
            Report::Trying { .. } | Report::Waiting { .. } | Report::AttemptFailed { .. } => {
                log_attempt(report);
            }
            Report::Ended(record) => self.session_ended(record),
            Report::TargetDown { .. } | Report::TargetUp { .. } => self.target_changed(report),
            Report::Refused { .. } | Report::NotAllowed { .. } | Report::ClientRefused { .. } => {
                self.clients_refused(report);
            }
            Report::Unreached { forward, target, address, reason, count, last } => {
                let occurrence = Occurrence::Unreached(Unreached {
                    forward: forward.to_string(),
                    target: target.as_ref().map(ToString::to_string),
                    target_address: address.map(|address| address.to_string()),
                    count: *count,
                    close: close(*reason),
                    hint: occurrence::hint(reason.cause),
                });
                self.log_late(occurrence, *last);
            }
            Report::Unanswered { forward, target, reason, at } => {
                let occurrence = Occurrence::Unanswered(Unanswered {
                    forward: forward.to_string(),
                    target: target.to_string(),
                    close: close(*reason),
                    hint: occurrence::hint(reason.cause),
                });
                self.log_late(occurrence, *at);
            }
            Report::Reached { forward, target, at } => {
                self.episodes.target_works(forward, target, *at);
            }
            Report::AcceptFailed { .. } | Report::Exhausted { .. } => self.host_refused(report),
        }
    }

    /// Publishes that the host refused a resource.
    fn host_refused(&self, report: &Report) {
        match report {
            Report::AcceptFailed { forward, errno, count } => {
                let error = sys::errno_text(*errno);
                let event = AcceptFailed { forward: forward.to_string(), error, count: *count };
                self.events.publish(EventName::AcceptFailed, || &event);
                self.log(Occurrence::AcceptFailed(event));
            }
            Report::Exhausted { cause, needed_for, count } => {
                let event = ResourceExhausted {
                    cause: (*cause).into(),
                    needed_for: (*needed_for).to_owned(),
                    count: *count,
                };
                self.events.publish(EventName::ResourceExhausted, || &event);
                self.log(Occurrence::Exhausted(event));
            }
            _ => {}
        }
    }

    /// Publishes that clients never became sessions.
    fn clients_refused(&self, report: &Report) {
        match report {
            Report::Refused { forward, reason, limit, sessions, is_of_process, client, count } => {
                let event = LimitReached {
                    forward: forward.to_string(),
                    scope: if *is_of_process { "process" } else { "forward" }.into(),
                    limit: *limit,
                    sessions: *sessions,
                    client: client.map(|client| client.to_string()),
                    count: *count,
                    close: close(*reason),
                };
                self.events.publish(EventName::LimitReached, || &event);
                self.log(Occurrence::AtLimit(event));
            }
            Report::NotAllowed { forward, reason, client, lists, count } => {
                let (key, prefix) = refused_by(lists.as_ref(), *client);
                let event = NotAllowed {
                    forward: forward.to_string(),
                    client: client.to_string(),
                    key,
                    prefix,
                    count: *count,
                    close: close(*reason),
                };
                self.events.publish(EventName::NotAllowed, || &event);
                self.log(Occurrence::NotAllowed(event));
            }
            Report::ClientRefused { forward, reason, client, limit, places, count } => {
                let (key, most, free) = match limit {
                    ClientLimit::Share { free } => ("share", None, Some(*free)),
                    ClientLimit::Sessions(most) => ("per_client.sessions", Some(most.get()), None),
                    ClientLimit::Rate => ("per_client.new", None, None),
                };
                let event = ClientLimited {
                    forward: forward.to_string(),
                    client: client.to_string(),
                    places: *places,
                    key: key.into(),
                    limit: most,
                    free,
                    count: *count,
                    close: close(*reason),
                };
                self.events.publish(EventName::ClientLimited, || &event);
                self.log(Occurrence::ClientLimit(event));
            }
            _ => {}
        }
    }

    /// Publishes a session record. `[log] sessions` disables it in the log, since a busy process ends
    /// thousands of sessions per second.
    fn session_ended(&self, record: &SessionRecord) {
        let name = EventName::SessionClosed;
        let is_logged = self.logs_sessions.load(Ordering::Relaxed) && log::is_on(Level::INFO);
        if is_logged || self.events.wants(name) {
            let event = session_closed(record);
            self.events.publish_of_session(name, || &event);
            if is_logged {
                log_session(&event);
            }
        }
        let CloseReason { by, phase, .. } = record.ending.reason;
        if by == By::Target && phase == Phase::Connect {
            self.events.publish(EventName::TargetDown, || target_down(record));
        }
    }

    /// Publishes that a target is out of use, or works again.
    fn target_changed(&self, report: &Report) {
        match report {
            Report::TargetDown { forward, target, cause, failures } => {
                let (cause, error) = match cause {
                    DownCause::Connects(cause) => (*cause, None),
                    DownCause::Checks(error) => (Cause::TargetDown, Some(error.to_string())),
                };
                self.events.publish(EventName::TargetDown, || TargetDown {
                    forward: forward.to_string(),
                    target: Some(target.to_string()),
                    target_address: None,
                    cause: cause.into(),
                    failures: Some(*failures),
                    error,
                });
            }
            Report::TargetUp { forward, target, was_down } => {
                self.events.publish(EventName::TargetUp, || TargetUp {
                    forward: forward.to_string(),
                    target: target.to_string(),
                    was_down: was_down.is_some(),
                });
            }
            _ => {}
        }
        log_target(report);
    }

    /// Builds the event if a watcher or the log takes it, and publishes it to both.
    fn emit<T: Serialize>(
        &self,
        name: EventName,
        (level, message): (Level, impl fmt::Display),
        event: impl FnOnce() -> T,
    ) {
        let (is_watched, is_logged) = (self.events.wants(name), log::is_on(level));
        if !is_watched && !is_logged {
            return;
        }
        let event = event();
        if is_watched {
            self.events.publish(name, || &event);
        }
        if is_logged {
            log::write(level, &message, &event);
        }
    }
}

fn log_session(record: &SessionClosed<'_>) {
    let is_short = match log::record_form() {
        RecordForm::Json => return log::write(Level::INFO, &"session ended", record),
        RecordForm::Text => false,
        RecordForm::Row => true,
    };
    let line = SessionLine::new(record, is_short);
    log::write(Level::INFO, &line, &line.unusual());
}

/// Logs which targets a session tries, and why they fail.
fn log_attempt(report: &Report) {
    match report {
        Report::Trying { id, forward, target } => {
            let (forward, target) = (&**forward, &**target);
            tracing::debug!(id, forward, target, "connecting");
        }
        Report::Waiting { id, forward } => {
            tracing::debug!(id, forward = &**forward, "waiting for a place in a target");
        }
        Report::AttemptFailed { id, forward, target, address, reason } => {
            let (forward, target, cause) = (&**forward, &**target, reason.cause.as_str());
            let target_address = address.map(|address| address.to_string());
            let errno = reason.errno.and_then(|number| sys::errno_name(number.get()));
            tracing::debug!(
                id,
                forward,
                target,
                target_address,
                cause,
                errno,
                "the attempt to connect has failed"
            );
        }
        _ => {}
    }
}

/// Logs that a target is out of use, or works again.
fn log_target(report: &Report) {
    match report {
        Report::TargetDown { forward, target, cause, failures } => {
            let (forward, target) = (&**forward, &**target);
            if let DownCause::Checks(_) = cause {
                tracing::warn!(
                    forward,
                    target,
                    %cause,
                    failures,
                    "a target is down after failed checks"
                );
            } else {
                tracing::warn!(
                    forward,
                    target,
                    %cause,
                    failures,
                    "a target is down after failed connects"
                );
            }
        }
        Report::TargetUp { forward, target, was_down } => {
            let (forward, target) = (&**forward, &**target);
            if let Some(was_down) = was_down {
                let seconds = log::seconds(*was_down);
                tracing::info!(forward, target, seconds, "a target is up again");
            } else {
                tracing::info!(forward, target, "a target is up: its first check succeeded");
            }
        }
        _ => {}
    }
}

/// The setting that refuses the client, and the prefix that decides. Neither without an address.
fn refused_by(lists: Option<&AccessLists>, client: Address) -> (Option<String>, Option<String>) {
    let Some(lists) = lists else { return (Some("accept_proxy".to_owned()), None) };
    let refusal = client.ip().and_then(|address| lists.refusal(address.ip()));
    let Some(refusal) = refusal else { return (None, None) };
    (Some(refusal.key.to_owned()), refusal.prefix.map(|prefix| prefix.to_string()))
}
