//! Collects sessions from the workers, a page at a time.

use crate::api_format::{Moment, time};
use crate::attention;
use api::{HalfClosed, Lane, Session, Tcp};
use engine::{LaneView, Observer, SessionDetail, SessionFilter, SessionPage, SessionView};
use flow::By;
use std::time::SystemTime;
use sys::TcpInfo;
use tokio::sync::{mpsc, oneshot};

/// All sessions that match the filter, with this detail. Pages are requested one at a time, so a worker takes a turn
/// between two of them.
pub(super) async fn collect(
    observer: &Observer,
    filter: &SessionFilter,
    detail: SessionDetail,
) -> Vec<SessionView> {
    let mut views = Vec::new();
    for worker in 0..observer.workers() {
        let mut from = Some(0);
        while let Some(place) = from {
            let (sender, page) = oneshot::channel();
            // The request may have been cancelled.
            let reply = Box::new(|page| _ = sender.send(page));
            observer.list(worker, (filter.clone(), detail), place, reply);
            // A stopped worker has no sessions.
            let Ok(SessionPage { views: some, next }) = page.await else { break };
            views.extend(some);
            from = next;
        }
    }
    views
}

/// Resets the sessions that match the filter, and returns their number.
pub(super) async fn kill(observer: &Observer, filter: &SessionFilter) -> u64 {
    let (sender, mut replies) = mpsc::unbounded_channel();
    observer.kill(filter, || {
        let sender = sender.clone();
        Box::new(move |killed| _ = sender.send(killed))
    });
    drop(sender);
    let mut sum = 0;
    while let Some(killed) = replies.recv().await {
        sum += killed;
    }
    sum
}

/// Byte rates of a session: bytes per second up and down.
pub(super) type Rate = (f64, f64);

/// Converts a session; its age and idle time are those at `now`.
pub(super) fn session_of(view: &SessionView, rate: Option<Rate>, now: Moment) -> Session {
    let age = now.monotonic.since(view.accepted);
    let idle = now.monotonic.since(view.last_byte);
    let verdict = view.verdict(now.monotonic);
    let started = now.wall.checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
    Session {
        id: view.id,
        forward: view.forward.to_string(),
        client: view.client.to_string(),
        proxy: view.proxy.map(|address| address.to_string()),
        sni: view.server_name.as_deref().map(str::to_owned),
        listener: view.listener.to_string(),
        target: view.target.to_string(),
        target_address: view.target_address.map(|address| address.to_string()),
        phase: view.phase.into(),
        started: time(started),
        age: age.as_secs_f64(),
        idle: idle.as_secs_f64(),
        connect_time: view.connect_time.map(|time| time.as_secs_f64()),
        first_byte: view.first_byte.map(|time| time.as_secs_f64()),
        half_closed: view.half_closed.map(|(peer, until)| HalfClosed {
            by: By::from(peer).into(),
            left: until.map(|until| until.since(now.monotonic).as_secs_f64()),
        }),
        up: lane(&view.up, rate.map(|(up, _)| up), view.target_tcp),
        down: lane(&view.down, rate.map(|(_, down)| down), view.client_tcp),
        verdict: verdict.into(),
        attention: attention::of_session(verdict),
        client_tcp: view.client_tcp.map(tcp),
        target_tcp: view.target_tcp.map(tcp),
        worker: view.worker,
    }
}

fn lane(view: &LaneView, rate: Option<f64>, sink: Option<TcpInfo>) -> Lane {
    Lane {
        bytes: view.bytes,
        rate,
        rate_limit: sink.and_then(|tcp| tcp.rate_limit),
        held: view.way.held,
        stalled: view.stalled.as_secs_f64(),
        path: view.path.into(),
        fallback: view.fallback.into(),
        ended: view.ended,
    }
}

fn tcp(tcp: TcpInfo) -> Tcp {
    Tcp {
        rtt: tcp.rtt.as_secs_f64(),
        retransmits: tcp.retransmits,
        backoffs: tcp.backoffs,
        unacked: tcp.unacked,
        lost: tcp.lost,
        unsent: tcp.unsent,
        congestion_window: tcp.congestion_window,
    }
}
