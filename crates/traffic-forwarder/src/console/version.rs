//! The version and build of a process that answers, safe to print.

use api::Status;
use observe::Version;

/// Version and build of the process that sent this status.
pub(crate) fn of(status: &Status) -> String {
    text(&status.version, status.build.as_deref())
}

/// Joins a version and a build that came with an answer.
pub(crate) fn text(number: &str, build: Option<&str>) -> String {
    plan::escaped(&Version::new(number, build).to_string())
}
