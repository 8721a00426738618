//! Reports of the workers as events. Each event is one struct of crate [`api`]: watchers of
//! `GET /v1/events` receive it as JSON, and the log as the fields of a line.

use crate::events::Events;
use crate::log::{self, RecordForm};
use crate::session_line::SessionLine;
use api::{
    AcceptFailed, ClientLimited, Close, ClosedTcp, EventName, LimitReached, NotAllowed, PathsUsed,
    ResourceExhausted, SessionClosed, SessionConnected, SessionOpened, TargetDown, TargetUp,
};
use engine::{DownCause, Report, SessionRecord};
use flow::{By, Cause, ClientLimit, CloseReason, Phase};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tracing::Level;

/// The message for a listener that pauses.
const ACCEPT_FAILED: &str =
    "accept(2) failed: clients wait in the kernel's queue until a retry succeeds";

// The messages for refused clients.
const AT_LIMIT: &str = "connections refused: max_sessions is reached";
const HAS_ITS_SHARE: &str =
    "connections refused: the forward has its share of the process's max_sessions";
const HAS_SHARE: &str = "connections refused: the client has its share of the forward's places";
const HAS_SESSIONS: &str = "connections refused: the client has as many sessions as it may have";
const TOO_FAST: &str = "connections refused: the client opens sessions faster than it may";

/// Publishes reports to watchers and to the log.
pub struct ReportEvents {
    events: Events,
    /// Whether session records go to the log. A reload may change it.
    logs_sessions: Arc<AtomicBool>,
}

impl ReportEvents {
    /// Publishes to the watchers of `events` and to the log.
    pub fn new(events: Events, logs_sessions: Arc<AtomicBool>) -> Self {
        Self { events, logs_sessions }
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
            Report::AcceptFailed { forward, errno, count } => {
                self.emit(EventName::AcceptFailed, (Level::WARN, ACCEPT_FAILED), || {
                    let error = sys::errno_text(*errno);
                    AcceptFailed { forward: forward.to_string(), error, count: *count }
                });
            }
            Report::Exhausted { cause, needed_for, count } => {
                let why = cause.explanation();
                let line = (Level::WARN, format!("a resource of this host is exhausted: {why}"));
                self.emit(EventName::ResourceExhausted, line, || ResourceExhausted {
                    cause: (*cause).into(),
                    needed_for: (*needed_for).to_owned(),
                    count: *count,
                });
            }
        }
    }

    /// Publishes that clients never became sessions.
    fn clients_refused(&self, report: &Report) {
        match report {
            Report::Refused { forward, reason, limit, sessions, count } => {
                let line = (Level::WARN, if sessions.is_some() { HAS_ITS_SHARE } else { AT_LIMIT });
                self.emit(EventName::LimitReached, line, || LimitReached {
                    forward: forward.to_string(),
                    limit: *limit,
                    sessions: *sessions,
                    count: *count,
                    close: close(*reason),
                });
            }
            Report::NotAllowed { forward, reason, client, count } => {
                let line = (
                    Level::WARN,
                    "connections refused: allow, deny or accept_proxy does not admit the client",
                );
                self.emit(EventName::NotAllowed, line, || NotAllowed {
                    forward: forward.to_string(),
                    client: client.to_string(),
                    count: *count,
                    close: close(*reason),
                });
            }
            Report::ClientRefused { forward, reason, client, limit, places, count } => {
                let (message, key, most, free) = match limit {
                    ClientLimit::Share { free } => (HAS_SHARE, "share", None, Some(*free)),
                    ClientLimit::Sessions(most) => {
                        (HAS_SESSIONS, "per_client.sessions", Some(most.get()), None)
                    }
                    ClientLimit::Rate => (TOO_FAST, "per_client.new", None, None),
                };
                self.emit(EventName::ClientLimited, (Level::WARN, message), || ClientLimited {
                    forward: forward.to_string(),
                    client: client.to_string(),
                    places: *places,
                    key: key.into(),
                    limit: most,
                    free,
                    count: *count,
                    close: close(*reason),
                });
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
                    was_down: *was_down,
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
            if *was_down {
                tracing::info!(forward, target, "a target is up again");
            } else {
                tracing::info!(forward, target, "a target is up: its first check succeeded");
            }
        }
        _ => {}
    }
}

fn session_closed(record: &SessionRecord) -> SessionClosed<'_> {
    let ending = &record.ending;
    let [up, down] = ending.lanes;
    let tcp = |tcp: sys::TcpInfo| ClosedTcp { rtt: seconds(tcp.rtt), retransmits: tcp.retransmits };
    SessionClosed {
        id: record.id,
        forward: record.forward().into(),
        client: record.client.to_string(),
        proxy: record.proxy.map(|address| address.to_string()),
        sni: record.server_name().map(Into::into),
        listener: record.listener().into(),
        target: record.target().map(Into::into),
        target_address: record.target_address.map(|address| address.to_string()),
        attempts: record.attempts,
        started: humantime::format_rfc3339_millis(record.started).to_string(),
        duration: seconds(ending.duration),
        connect_time: ending.connect_time.map(seconds),
        bytes_up: up.bytes,
        bytes_down: down.bytes,
        path_up: PathsUsed::from(up.paths).into(),
        path_down: PathsUsed::from(down.paths).into(),
        fallback_up: up.fallback.into(),
        fallback_down: down.fallback.into(),
        close: close(ending.reason),
        client_tcp: record.client_tcp.map(tcp),
        target_tcp: record.target_tcp.map(tcp),
    }
}

fn close(reason: CloseReason) -> Close<'static> {
    Close {
        by: reason.by.into(),
        phase: reason.phase.into(),
        cause: reason.cause.into(),
        errno: reason.errno.map(|number| {
            let number = number.get();
            sys::errno_name(number).map_or_else(|| number.to_string().into(), Into::into)
        }),
    }
}

fn target_down(record: &SessionRecord) -> TargetDown {
    TargetDown {
        forward: record.forward().to_owned(),
        target: record.target().map(str::to_owned),
        target_address: record.target_address.map(|address| address.to_string()),
        cause: record.ending.reason.cause.into(),
        failures: None,
        error: None,
    }
}

/// Converts to the unit of events: seconds, rounded to the microsecond.
fn seconds(duration: Duration) -> f64 {
    Duration::new(duration.as_secs(), duration.subsec_micros() * 1000).as_secs_f64()
}
