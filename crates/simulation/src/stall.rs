//! The rule for stalls: a session ends in time if the sink of a lane takes none of the bytes that wait.

use crate::checks::{Overdue, TICK};
use engine::parts::{Audit, SessionAudit, WaitsFor};
use flow::{Direction, LaneState, Peer, Time};
use std::time::Duration;
use testkit::sim::Process;

/// The engine compares the counts of the kernel eight times within the limit: it dates progress late by this part
/// of it.
const PART: u32 = 8;
/// For timers, which are late by a tick, and times in milliseconds.
const SLACK: Duration = TICK.saturating_mul(5);

/// Bytes that a lane has sent, and those that its sink has not acknowledged, while others wait for that.
type Figures = Option<(u64, usize)>;

/// The lanes of a session, each with the time since which its figures are the same.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stall {
    limit: Option<Duration>,
    lanes: [(Figures, Time); 2],
    overdue: Overdue,
}

impl Stall {
    /// Notes the state of a session after a turn of its worker. `limit` is the `stall_timeout` of its forward, unless
    /// that is about to change.
    pub(crate) fn note(
        &mut self,
        process: &Process,
        audit: &Audit,
        session: &SessionAudit,
        limit: Option<Duration>,
    ) {
        if limit != self.limit {
            *self = Self { limit, ..Self::default() };
        }
        let Some(limit) = limit else { return };
        for direction in Direction::BOTH {
            let figures = figures(process, session, direction);
            let lane = &mut self.lanes[direction as usize];
            if figures.is_none() || figures != lane.0 {
                *lane = (figures, audit.now);
            }
        }
        let waiting = self.lanes.iter().filter(|(figures, _)| figures.is_some());
        let until = |since: Time| since.after(limit + limit / PART + SLACK);
        let until = waiting.map(|(_, since)| until(*since)).min().unwrap_or(Time::NEVER);
        let serves = matches!(audit.waits_for, WaitsFor::Events { .. });
        let serves = serves && audit.mail == 0 && audit.walks == 0;
        self.overdue.note_until(session.id, until, audit.now, serves);
    }
}

fn figures(process: &Process, session: &SessionAudit, direction: Direction) -> Figures {
    let sink = match direction.sink() {
        Peer::Client => session.client,
        Peer::Target => session.target?,
    };
    let look = process.look(sink)?;
    let lane = session.flow.lane(direction);
    let is_live = matches!(lane.state(), LaneState::Open | LaneState::Ending | LaneState::Breaking);
    let waits = is_live && lane.held() > 0 && !look.writable;
    waits.then(|| (lane.sent(), look.unacknowledged))
}
