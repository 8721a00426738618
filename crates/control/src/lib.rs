//! Steers and watches the engine: starts it from a plan, answers signals, resolves names, writes
//! the log. It never touches a session's bytes.

pub use sys::{never_writable_by_others, writes_beyond_the_size_limit_fail};

mod announce;

mod start;

mod serve;
pub use serve::serve;

mod orphans;

mod watchdog;

mod requests;
pub use requests::Stopper;

mod supervisor;

mod switch;

mod attention;

mod snapshots;

mod written;

mod deadlines;

mod reload;

mod upgrade;
pub use upgrade::{Handover, check_handover};

mod watch;

mod handle;

mod admin;

mod resolver;

/// Logs the problems of a configuration that is good enough to run: the lines that were skipped.
pub fn warn_of(problems: &plan::Problems) {
    for problem in problems {
        let place = problem.location.as_ref().map(ToString::to_string);
        tracing::warn!(place, hint = problem.hint, "skipped: {}", problem.message);
    }
}

pub use sys::only_files_and_dns;
