//! The life of the serving process: start, signals, reload, upgrade in place, shutdown, and the
//! admin interface. It never touches a session's bytes.
//!
//! One task, the supervisor, changes the running configuration. Signals, timers and the admin
//! interface send it closures through a handle and receive values. Limits and privileges of the
//! host are in crate `host`; the log, events and metrics are in crate `observe`.

mod serve;
pub use kept_text::{OpenedKeep, Prepared};
pub use serve::serve;

mod listen_names;
pub use listen_names::{ListenNameError, UnresolvedName};

mod serve_error;
pub use serve_error::{ServeError, UnboundListener};

mod start;

mod requests;
pub use requests::Stopper;

mod checks;

mod handle;
mod kept_text;

mod supervisor;
pub use supervisor::upgrade::{Handover, HandoverRefusal, check_handover};

mod follow_fleet;

mod startup_log;

mod attention;

mod api_format;
pub use api_format::change;

mod watch;

mod orphans;
mod probes;

mod watchdog;

mod admin;
pub use admin::{AdminListenCause, AdminListenError, Interface, serve_page};

/// Logs the lines that were skipped in a configuration that can run.
pub fn warn_of(problems: &plan::Problems) {
    for problem in problems {
        let place = problem.location.as_ref().map(ToString::to_string);
        tracing::warn!(place, hint = problem.hint, "skipped: {}", problem.message);
    }
}

pub use sys::{
    never_writable_by_others, only_files_and_dns, random_u64, writes_beyond_the_size_limit_fail,
};
