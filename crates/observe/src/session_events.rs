//! Events about a session, from its record.

use api::{Close, ClosedTcp, PathsUsed, SessionClosed, TargetDown};
use engine::{LastTcp, SessionRecord};
use flow::CloseReason;
use std::time::Duration;

/// The record of an ended session, as the log and the admin interface have it.
pub fn session_closed(record: &SessionRecord) -> SessionClosed<'_> {
    let ending = &record.ending;
    let [up, down] = ending.lanes;
    let tcp = |LastTcp { rtt_micros, retransmits }| {
        let rtt = seconds(Duration::from_micros(u64::from(rtt_micros)));
        ClosedTcp { rtt, retransmits }
    };
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
        first_byte: ending.first_byte.map(seconds),
        bytes_up: up.bytes,
        bytes_down: down.bytes,
        stalled_up: seconds(up.stalled),
        stalled_down: seconds(down.stalled),
        path_up: PathsUsed::from(up.paths).into(),
        path_down: PathsUsed::from(down.paths).into(),
        fallback_up: up.fallback.into(),
        fallback_down: down.fallback.into(),
        verdict: record.verdict.into(),
        close: close(ending.reason),
        client_tcp: record.client_tcp.map(tcp),
        target_tcp: record.target_tcp.map(tcp),
    }
}

/// Why a session ended.
pub(crate) fn close(reason: CloseReason) -> Close<'static> {
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

/// The target that a session could not be connected to.
pub(crate) fn target_down(record: &SessionRecord) -> TargetDown {
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
