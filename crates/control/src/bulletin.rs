//! What the workers report, as events for those who watch.

use crate::api::{
    AcceptFailed, Close, ClosedTcp, LimitReached, ResourceExhausted, SessionClosed,
    SessionConnected, SessionOpened, TargetDown,
};
use crate::events::Events;
use engine::{Report, SessionRecord};
use flow::{By, CloseReason, Phase};

/// Tells a report to those who watch.
pub(crate) fn tell(events: &Events, report: &Report) {
    match report {
        Report::Accepted { id, forward, client } => {
            events.tell_of_session("session_opened", || {
                let (forward, client) = (forward.to_string(), client.to_string());
                SessionOpened { id: *id, forward, client }
            });
        }
        Report::Forwarding { id, forward, target } => {
            events.tell_of_session("session_connected", || {
                let (forward, target_address) = (forward.to_string(), target.to_string());
                SessionConnected { id: *id, forward, target_address }
            });
        }
        Report::Ended(record) => {
            events.tell_of_session("session_closed", || session_closed(record));
            let CloseReason { by, phase, .. } = record.ending.reason;
            if by == By::Target && phase == Phase::Connect {
                events.tell("target_down", || target_down(record));
            }
        }
        Report::Refused { forward, limit, count, .. } => events.tell("limit_reached", || {
            LimitReached { forward: forward.to_string(), limit: *limit, count: *count }
        }),
        Report::AcceptFailed { forward, errno, count } => events.tell("accept_failed", || {
            let error = sys::errno_text(*errno);
            AcceptFailed { forward: forward.to_string(), error, count: *count }
        }),
        Report::Exhausted { cause, needed_for, count } => events.tell("resource_exhausted", || {
            let needed_for = (*needed_for).to_owned();
            ResourceExhausted { cause: cause.as_str().to_owned(), needed_for, count: *count }
        }),
    }
}

fn session_closed(record: &SessionRecord) -> SessionClosed {
    let ending = &record.ending;
    let tcp =
        |tcp: sys::TcpInfo| ClosedTcp { rtt: tcp.rtt.as_secs_f64(), retransmits: tcp.retransmits };
    SessionClosed {
        id: record.id,
        forward: record.forward().to_owned(),
        client: record.client.to_string(),
        listener: record.listener().to_owned(),
        target: record.target().to_owned(),
        target_address: record.target_address.map(|address| address.to_string()),
        started: humantime::format_rfc3339_millis(record.started).to_string(),
        duration: ending.duration.as_secs_f64(),
        connect_time: ending.connect_time.map(|time| time.as_secs_f64()),
        bytes_up: ending.bytes_up,
        bytes_down: ending.bytes_down,
        path_up: ending.path_up.as_str().to_owned(),
        path_down: ending.path_down.as_str().to_owned(),
        fallback_up: ending.fallback_up.as_str().to_owned(),
        fallback_down: ending.fallback_down.as_str().to_owned(),
        close: Close {
            by: ending.reason.by.as_str().to_owned(),
            phase: ending.reason.phase.as_str().to_owned(),
            cause: ending.reason.cause.as_str().to_owned(),
            errno: errno_word(ending.reason),
        },
        client_tcp: record.client_tcp.map(tcp),
        target_tcp: record.target_tcp.map(tcp),
    }
}

fn target_down(record: &SessionRecord) -> TargetDown {
    TargetDown {
        forward: record.forward().to_owned(),
        target: record.target().to_owned(),
        target_address: record.target_address.map(|address| address.to_string()),
        cause: record.ending.reason.cause.as_str().to_owned(),
    }
}

/// The kernel's error behind a close reason: its name, or else its number.
pub(crate) fn errno_word(reason: CloseReason) -> Option<String> {
    let number = reason.errno?.get();
    Some(sys::errno_name(number).map_or_else(|| number.to_string(), str::to_owned))
}
