//! Active health checks: a connect and, by the kind of the check, a request and its answer.
//!
//! Pure parts: `judge` has the requests and judges the answers, `timetable` knows when each target is
//! checked. `attempt` carries one check out, and `runner` all of them, in the control thread. `configured`
//! makes the probe of a check of the configuration, and `once` carries it out for `doctor`.

mod attempt;
mod configured;
mod judge;
mod once;
mod probe;
mod runner;
mod timetable;

pub use attempt::{check, connect_once};
pub use configured::at_port;
pub use once::check_once;
pub use probe::{
    Addresses, CheckFailure, CheckResult, Excerpt, MOST_BYTES, Probe, ProbeAddress, ProbeKind,
};
pub use runner::Checks;

#[cfg(test)]
mod tests;
