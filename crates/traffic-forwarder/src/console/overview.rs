//! The lines of `status` about the process as a whole.

use crate::console::changes::{self, on_trial};
use crate::console::same_process::SameProcess;
use crate::console::table::facts;
use crate::console::units::{bytes, seconds};
use crate::console::version;
use api::{Change, Forward, LastReload, LastUpgrade, Origin, Status, Word};
use plan::counted;

type Line = (&'static str, String);

/// The process in a few lines. `forwards` are all that it has.
pub(crate) fn text(status: &Status, forwards: &[Forward], same: &SameProcess) -> String {
    let mut lines = vec![process(status), config(status)];
    lines.extend(status.sandboxed.then(sandbox));
    lines.extend(status.last_reload.as_ref().map(last_reload));
    lines.extend(status.last_upgrade.as_ref().map(last_upgrade));
    let warnings = status.last_upgrade.iter().flat_map(|last| &last.warnings);
    lines.extend(warnings.map(|warning| ("warning", warning.clone())));
    let trial = |left| ("on trial", on_trial(left, status.generation, same));
    lines.extend(status.confirm_within.map(trial));
    lines.extend((status.restoring > 0).then(|| restoring(status.restoring)));
    lines.extend((!status.waiting.is_empty()).then(|| waiting(&status.waiting)));
    lines.extend([sessions(status), errors(forwards), moved(status)]);
    lines.extend([listeners(status), uses(status)]);
    facts(&lines)
}

/// What an upgrade did to the sessions.
pub(crate) fn went_on(last: &LastUpgrade) -> String {
    let losses = match last.lost {
        0 => String::new(),
        count => format!(", {} lost (the log says why)", counted(count, "session")),
    };
    let pause = seconds(last.pause.unwrap_or(0.0));
    format!("{} went on after {pause}{losses}", counted(last.sessions, "session"))
}

fn process(status: &Status) -> Line {
    let Status { state, pid, .. } = status;
    let version = version::of(status);
    let uptime = seconds(status.uptime);
    ("process", format!("{state} for {uptime}, pid {pid}, version {version}"))
}

fn config(status: &Status) -> Line {
    let config = status.config.as_deref().unwrap_or("forwards of the command line");
    ("config", format!("{config}, generation {}", status.generation))
}

fn sandbox() -> Line {
    ("sandbox", "kept to the directories of the configuration".to_owned())
}

fn last_reload(last: &LastReload) -> Line {
    ("last reload", format!("{} {}", last.at, outcome(last)))
}

/// Who asked, and what came of it.
fn outcome(LastReload { by, error, .. }: &LastReload) -> String {
    match (by, error) {
        (Word::Known(Origin::Unconfirmed), None) => "taken back: not confirmed".to_owned(),
        (Word::Known(Origin::Unconfirmed), Some(error)) => {
            format!("taken back: not confirmed, but {error}")
        }
        (by, None) => format!("by {by}: done"),
        (by, Some(error)) => format!("by {by}: failed: {error}"),
    }
}

fn last_upgrade(last: &LastUpgrade) -> Line {
    let LastUpgrade { at, by, from, from_build, error, .. } = last;
    let result = match (error, from) {
        (Some(error), _) => failed(error),
        (None, Some(from)) => {
            let from = version::text(from, from_build.as_deref());
            format!("from version {from}, {}", went_on(last))
        }
        (None, None) => went_on(last),
    };
    ("last upgrade", format!("{at} by {by}: {result}"))
}

/// The rest of a long message is in the log.
fn failed(error: &str) -> String {
    format!("failed: {}", error.lines().next().unwrap_or_default())
}

fn restoring(count: usize) -> Line {
    let forwards = counted(count, "forward");
    ("restoring", format!("{forwards} cannot be bound yet; tried again until they can be"))
}

fn waiting(settings: &[Change]) -> Line {
    let changes: Vec<_> = changes::waiting(settings).collect();
    ("waiting", format!("for a restart: {}", changes.join(", ")))
}

fn sessions(status: &Status) -> Line {
    let Status { sessions, max_sessions, sessions_opened, .. } = status;
    ("sessions", format!("{sessions} of at most {max_sessions}, {sessions_opened} since the start"))
}

fn errors(forwards: &[Forward]) -> Line {
    let total = |of: fn(&Forward) -> u64| forwards.iter().map(of).sum::<u64>();
    let (refused, failed) = (total(|forward| forward.refused), total(|forward| forward.failed));
    ("errors", format!("{refused} refused, {failed} failed"))
}

fn moved(status: &Status) -> Line {
    ("bytes", format!("{} up, {} down", bytes(status.bytes_up), bytes(status.bytes_down)))
}

fn listeners(status: &Status) -> Line {
    let forwards = counted(status.forwards, "forward");
    let workers = counted(status.workers, "worker");
    ("listeners", format!("{} of {forwards}, served by {workers}", status.listeners))
}

fn uses(status: &Status) -> Line {
    let Status { open_files, open_files_limit, .. } = status;
    let (pipes, memory) = (counted(status.pipes, "pipe"), bytes(status.resident_memory));
    ("uses", format!("{open_files} of {open_files_limit} files, {pipes}, {memory} of memory"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_reload_is_told_by_who_asked_and_what_came_of_it() {
        let told = |by: &str, error: Option<&str>| {
            let (by, error) = (Word::of(by), error.map(str::to_owned));
            outcome(&LastReload { at: String::new(), by, error })
        };
        assert_eq!(told("SIGHUP", None), "by SIGHUP: done");
        assert_eq!(told("watch", Some("f:3:1: why")), "by watch: failed: f:3:1: why");
        assert_eq!(told("unconfirmed", None), "taken back: not confirmed");
        assert_eq!(told("unconfirmed", Some("why")), "taken back: not confirmed, but why");
    }
}
