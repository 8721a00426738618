//! Number of sessions that the open-file limit allows.

use plan::{AdminSocket, Plan};
use std::fmt;

/// A session's two sockets.
pub(crate) const FILES_PER_SESSION: u64 = 2;
/// A worker's epoll instance and its waker.
const FILES_PER_WORKER: u64 = 2;
/// A pipe's two ends.
const FILES_PER_PIPE: u64 = 2;
/// Divisor for the share of the limit that pipes may use: a lane without a pipe copies, so a few
/// pipes suffice, and stalled lanes that hold one must not keep sessions out.
const PIPES_PART: u64 = 16;
const MOST_PIPES: u32 = 1024;
/// Descriptors that a serving process opens before it computes its capacity (signals, timers, admin
/// socket, log), and that `doctor` does not have open.
pub(crate) const FILES_BEFORE_SERVING: u64 = 8;
/// Maximum number of simultaneous connections to the admin interface from callers that are
/// authorised. More wait in the kernel's queue.
pub const ADMIN_CONNECTIONS: usize = 64;
/// Maximum number of connections to the admin port that have shown no token yet.
pub const UNKNOWN_CONNECTIONS: usize = 32;
/// Maximum number of connections to the address of the metrics.
pub const METRICS_CONNECTIONS: usize = 16;
/// Reserve for signals, log, name lookups, the 16 probes of targets that run at once, and some headroom.
const OTHER_FILES: u64 = 48;

/// Sessions and pipes that fit under the open-file limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Maximum number of sessions of all forwards together.
    pub sessions: u32,
    /// Maximum that the open-file limit allows, regardless of `max_sessions`.
    pub possible: u32,
    /// Maximum number of pipes for splicing.
    pub pipes: usize,
    /// The open-file limit that this capacity was computed from.
    pub open_files_limit: u64,
    /// Descriptors already open when the capacity was computed, such as inherited ones.
    pub files_at_start: u64,
    /// The configured `max_sessions`, if it exceeds `possible`.
    pub lowered_from: Option<u32>,
}

impl Capacity {
    /// The capacity under a limit without room for new sessions: open sessions are kept until they
    /// end.
    pub fn least(open_files_limit: u64, files_at_start: u64) -> Self {
        Self {
            sessions: 1,
            possible: 1,
            pipes: 0,
            open_files_limit,
            files_at_start,
            lowered_from: None,
        }
    }
}

/// The open-file limit is too low for a single session.
#[derive(Clone, Copy, Debug)]
pub struct NoRoom {
    limit: u64,
    needed: u64,
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, needed } = self;
        write!(
            f,
            "the open-file limit is {limit}, and {needed} are needed for the listeners and one \
             session (raise it: `ulimit -n`, or LimitNOFILE= in a systemd unit)"
        )
    }
}

/// Divides the open-file limit among listeners, workers, pipes, the admin interface and sessions.
///
/// # Errors
///
/// [`NoRoom`] if not even one session fits.
pub fn capacity(
    plan: &Plan,
    workers: usize,
    open_files_limit: u64,
    open_files: u64,
) -> Result<Capacity, NoRoom> {
    let listeners: usize = plan.forwards.iter().map(|forward| forward.routes.len()).sum();
    let pipes = open_files_limit / PIPES_PART / FILES_PER_PIPE;
    let pipes = u32::try_from(pipes).map_or(MOST_PIPES, |pipes| pipes.min(MOST_PIPES));
    let fixed = open_files
        + listeners as u64
        + workers as u64 * FILES_PER_WORKER
        + u64::from(pipes) * FILES_PER_PIPE
        + admin_files(plan)
        + OTHER_FILES;
    let possible = open_files_limit.saturating_sub(fixed) / FILES_PER_SESSION;
    if possible == 0 {
        return Err(NoRoom { limit: open_files_limit, needed: fixed + FILES_PER_SESSION });
    }
    // Under `RLIM_INFINITY` the number of sessions is bounded by its type only.
    let possible = u32::try_from(possible).unwrap_or(u32::MAX);
    let wanted = plan.process.max_sessions.map_or(possible, std::num::NonZero::get);
    Ok(Capacity {
        sessions: wanted.min(possible),
        possible,
        pipes: pipes as usize,
        open_files_limit,
        files_at_start: open_files,
        lowered_from: (wanted > possible).then_some(wanted),
    })
}

/// The lowest open-file limit under which this number of sessions fits.
pub fn limit_for(plan: &Plan, workers: usize, sessions: u32, open_files: u64) -> u64 {
    let is_enough = |limit: u64| {
        capacity(plan, workers, limit, open_files).is_ok_and(|room| room.possible >= sessions)
    };
    let mut enough: u64 = 1;
    while !is_enough(enough) {
        enough *= 2;
    }
    let mut too_few = enough / 2;
    while enough - too_few > 1 {
        let middle = u64::midpoint(too_few, enough);
        if is_enough(middle) { enough = middle } else { too_few = middle }
    }
    enough
}

/// Number of data-plane threads: as configured, or one per CPU.
pub fn workers(plan: &Plan) -> usize {
    let cpus = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    plan.process.workers.map_or_else(cpus, |workers| workers.get() as usize)
}

/// Descriptors reserved for connections to the admin interface and to the metrics.
fn admin_files(plan: &Plan) -> u64 {
    let admin = &plan.process.admin;
    let has_socket = match admin.socket {
        Some(AdminSocket::Auto) => plan.config.is_some(),
        Some(AdminSocket::At(_)) => true,
        None => false,
    };
    let of = |is_on: bool, connections: usize| if is_on { connections as u64 } else { 0 };
    of(has_socket || admin.port.is_some(), ADMIN_CONNECTIONS)
        + of(admin.port.is_some(), UNKNOWN_CONNECTIONS)
        + of(plan.process.metrics.is_some(), METRICS_CONNECTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(max_sessions: Option<u32>) -> Plan {
        let forwards = vec!["18080=127.0.0.1:8080".to_owned()];
        let input = plan::Input { forwards, ..plan::Input::default() };
        let mut plan = plan::read(&input).plan.unwrap();
        plan.process.max_sessions = max_sessions.and_then(std::num::NonZero::new);
        plan
    }

    #[test]
    fn without_max_sessions_each_session_takes_two_descriptors() {
        let auto = capacity(&plan(None), 2, 20_000, 10).unwrap();
        assert_eq!(auto.pipes, 625);
        assert_eq!(auto.sessions, (20_000 - 10 - 1 - 4 - 1250 - 48) / 2);
        assert_eq!(auto.lowered_from, None);
    }

    #[test]
    fn a_configured_maximum_is_lowered_only_below_the_limit() {
        assert_eq!(capacity(&plan(Some(100)), 2, 20_000, 10).unwrap().sessions, 100);
        let lowered = capacity(&plan(Some(100)), 2, 197, 10).unwrap();
        assert_eq!((lowered.sessions, lowered.lowered_from), (61, Some(100)));
    }

    #[test]
    fn limit_for_returns_the_lowest_sufficient_limit() {
        let plan = plan(None);
        for sessions in [1, 2, 100, 9_999, 1_000_000] {
            let limit = limit_for(&plan, 2, sessions, 10);
            assert!(capacity(&plan, 2, limit, 10).unwrap().possible >= sessions, "{sessions}");
            let less = capacity(&plan, 2, limit - 1, 10);
            assert!(less.is_err() || less.is_ok_and(|room| room.possible < sessions), "{sessions}");
        }
    }

    #[test]
    fn a_limit_without_room_is_an_error_with_the_needed_number() {
        let error = capacity(&plan(None), 2, 64, 10).unwrap_err().to_string();
        assert!(error.contains("limit is 64, and 69 are needed"), "{error}");
    }
}
