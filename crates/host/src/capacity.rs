//! How many sessions the open-file limit really allows.

use plan::{Admin, Plan};
use std::fmt;

/// A session's two sockets.
pub(crate) const FILES_PER_SESSION: u64 = 2;
/// A worker's epoll instance and its waker.
const FILES_PER_WORKER: u64 = 2;
/// A pipe's two ends.
const FILES_PER_PIPE: u64 = 2;
/// The part of the limit that may go to pipes: a lane that gets none copies, so a few are enough,
/// and lanes that stall with a pipe must not keep sessions out.
const PIPES_PART: u64 = 16;
const MOST_PIPES: u64 = 1024;
/// What a process that serves has opened before it counts: its signals, its timers, the admin
/// socket and the log. One that only asks what would fit has not.
pub(crate) const FILES_BEFORE_SERVING: u64 = 8;
/// Connections to the admin interface at the same time. More wait in the kernel's queue.
pub const ADMIN_CONNECTIONS: usize = 64;
/// Everything else: signals, log, name lookups, and some head room.
const OTHER_FILES: u64 = 48;

/// What this process can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Sessions of all forwards together.
    pub sessions: u32,
    /// How many the limit would allow, whatever is configured.
    pub possible: u32,
    /// Pipes for bulk.
    pub pipes: usize,
    /// The limit of open files it follows from.
    pub open_files_limit: u64,
    /// Descriptors that were open before anything of ours was.
    pub files_at_start: u64,
    /// The configured number, if it was more than the limit allows.
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

/// The open-file limit does not even allow one session.
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

/// Divides the limit among what this plan needs.
pub fn capacity(
    plan: &Plan,
    workers: usize,
    open_files_limit: u64,
    open_files: u64,
) -> Result<Capacity, NoRoom> {
    let listeners: usize = plan.forwards.iter().map(|forward| forward.routes.len()).sum();
    let pipes = (open_files_limit / PIPES_PART / FILES_PER_PIPE).min(MOST_PIPES);
    let fixed = open_files
        + listeners as u64
        + workers as u64 * FILES_PER_WORKER
        + pipes * FILES_PER_PIPE
        + admin_files(plan)
        + OTHER_FILES;
    let possible = open_files_limit.saturating_sub(fixed) / FILES_PER_SESSION;
    if possible == 0 {
        return Err(NoRoom { limit: open_files_limit, needed: fixed + FILES_PER_SESSION });
    }
    let possible = u32::try_from(possible).unwrap_or(u32::MAX);
    let wanted = plan.process.max_sessions.map_or(possible, std::num::NonZero::get);
    Ok(Capacity {
        sessions: wanted.min(possible),
        possible,
        pipes: usize::try_from(pipes).unwrap_or(0),
        open_files_limit,
        files_at_start: open_files,
        lowered_from: (wanted > possible).then_some(wanted),
    })
}

/// The least open-file limit under which so many sessions fit.
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

/// The threads that move bytes.
pub fn workers(plan: &Plan) -> usize {
    let cpus = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    plan.process.workers.map_or_else(cpus, |workers| workers.get() as usize)
}

/// The connections to the admin interface.
fn admin_files(plan: &Plan) -> u64 {
    match plan.process.admin {
        Admin::Off => 0,
        Admin::Auto if plan.config.is_none() => 0,
        Admin::Auto | Admin::Unix(_) | Admin::Tcp(_) => ADMIN_CONNECTIONS as u64,
    }
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
    fn auto_leaves_two_files_for_each_session() {
        let auto = capacity(&plan(None), 2, 20_000, 10).unwrap();
        assert_eq!(auto.pipes, 625);
        assert_eq!(auto.sessions, (20_000 - 10 - 1 - 4 - 1250 - 48) / 2);
        assert_eq!(auto.lowered_from, None);
    }

    #[test]
    fn a_configured_number_holds_if_it_can() {
        assert_eq!(capacity(&plan(Some(100)), 2, 20_000, 10).unwrap().sessions, 100);
        let lowered = capacity(&plan(Some(100)), 2, 197, 10).unwrap();
        assert_eq!((lowered.sessions, lowered.lowered_from), (61, Some(100)));
    }

    #[test]
    fn the_least_limit_is_enough_and_one_less_is_not() {
        let plan = plan(None);
        for sessions in [1, 2, 100, 9_999, 1_000_000] {
            let limit = limit_for(&plan, 2, sessions, 10);
            assert!(capacity(&plan, 2, limit, 10).unwrap().possible >= sessions, "{sessions}");
            let less = capacity(&plan, 2, limit - 1, 10);
            assert!(less.is_err() || less.is_ok_and(|room| room.possible < sessions), "{sessions}");
        }
    }

    #[test]
    fn a_hopeless_limit_is_an_error_that_says_what_is_needed() {
        let error = capacity(&plan(None), 2, 64, 10).unwrap_err().to_string();
        assert!(error.contains("limit is 64, and 69 are needed"), "{error}");
    }
}
