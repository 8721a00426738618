//! The lines of `status` that describe the whole process.

use crate::console::changes::{self, on_trial};
use crate::console::fleet_line;
use crate::console::process_options::ProcessOptions;
use crate::console::table::facts;
use crate::console::units::{bytes, seconds};
use crate::console::version;
use api::{
    Change, Condition, FailingName, Fleet, FleetKeep, FleetState, Forward, LastReload, LastUpgrade,
    Origin, ProcessState, Status, Word, holds,
};
use plan::counted;

/// A name and a text.
pub(crate) type Line = (&'static str, String);

/// The name of the lines that an operator should act on.
pub(crate) const ATTENTION: &str = "attention";

/// Renders the summary, with all forwards.
pub(crate) fn text(status: &Status, forwards: &[Forward], options: &ProcessOptions) -> String {
    let mut lines = vec![process(status), config(status)];
    lines.extend(status.attention.iter().map(|it| (ATTENTION, it.text.clone())));
    lines.extend(status.fleet.as_ref().map(|it| ("fleet", fleet_line::whole(it))));
    lines.extend(status.fleet.as_ref().and_then(|it| it.keep.as_ref()).map(keep));
    lines.extend(status.sandboxed.then(sandbox));
    let is_named = |condition| holds(&status.attention, condition);
    let reload = status.last_reload.as_ref();
    lines.extend(reload.map(|it| last_reload(it, is_named(Condition::ReloadFailed))));
    let upgrade = status.last_upgrade.as_ref();
    lines.extend(upgrade.map(|it| last_upgrade(it, is_named(Condition::UpgradeFailed))));
    let warnings = status.last_upgrade.iter().flat_map(|last| &last.warnings);
    lines.extend(warnings.map(|warning| ("warning", warning.clone())));
    lines.extend(status.confirm_within.map(|left| ("on trial", trial(status, left, options))));
    lines.extend((status.restoring > 0).then(|| restoring(status.restoring)));
    lines.extend((!status.waiting.is_empty()).then(|| waiting(&status.waiting)));
    // The line of attention has the first one.
    let named = usize::from(is_named(Condition::NamesFailing));
    lines.extend(status.failing_names.iter().skip(named).map(failing_name));
    lines.extend([sessions(status), errors(status, forwards), moved(status)]);
    lines.extend([counts(status), uses(status)]);
    lines.extend((status.log_dropped > 0 && !is_named(Condition::LogLost)).then(|| log(status)));
    facts(&lines)
}

/// The effect of an upgrade on sessions.
pub(crate) fn resumed(last: &LastUpgrade) -> String {
    let losses = match last.lost {
        0 => String::new(),
        count => format!(", {} lost (the log says why)", counted(count, "session")),
    };
    let pause = seconds(last.pause.unwrap_or(0.0));
    format!("{} resumed after {pause}{losses}", counted(last.sessions, "session"))
}

/// The text with which the process would start without its store. A line of attention has the problem.
fn keep(keep: &FleetKeep) -> Line {
    let held = keep.revision.map_or_else(
        || "holds no text yet".to_owned(),
        |revision| format!("holds the text of revision {revision}"),
    );
    let problem = keep.problem.as_ref().map_or("", |_| ", does not take the latest state");
    ("keep", format!("{}, {held}{problem}", keep.directory))
}

fn process(status: &Status) -> Line {
    let Status { pid, .. } = status;
    let version = version::of(status);
    let state = format!("{}{}", status.state, uptime(status));
    ("process", format!("{state}, pid {pid}, version {version}"))
}

/// The time since the start, behind the state. A process has been draining for a part of it only.
pub(crate) fn uptime(Status { state, uptime, .. }: &Status) -> String {
    let link = if *state == ProcessState::Serving { " for" } else { ", up" };
    format!("{link} {}", seconds(*uptime))
}

fn config(status: &Status) -> Line {
    let config = status.config.as_deref().unwrap_or("forwards of the command line");
    ("config", format!("{config}, generation {}", status.generation))
}

fn sandbox() -> Line {
    ("sandbox", "kept to the directories of the configuration".to_owned())
}

/// The last reload; without its error if that `is_named` in a line of attention.
fn last_reload(last: &LastReload, is_named: bool) -> Line {
    ("last reload", format!("{} {}", last.at, outcome(last, is_named)))
}

/// The trigger of the reload and its result.
fn outcome(LastReload { by, error, .. }: &LastReload, is_named: bool) -> String {
    match (by, error) {
        (by, Some(_)) if is_named => format!("by {by}: failed"),
        (Word::Known(Origin::Unconfirmed), None) => "reverted: not confirmed".to_owned(),
        (Word::Known(Origin::Unconfirmed), Some(error)) => {
            format!("reverted: not confirmed, but {error}")
        }
        (by, None) => format!("by {by}: done"),
        (by, Some(error)) => format!("by {by}: failed: {error}"),
    }
}

fn last_upgrade(last: &LastUpgrade, is_named: bool) -> Line {
    let LastUpgrade { at, by, from, from_build, error, .. } = last;
    let result = match (error, from) {
        (Some(_), _) if is_named => "failed".to_owned(),
        (Some(error), _) => failed(error),
        (None, Some(from)) => {
            let from = version::text(from, from_build.as_deref());
            format!("from version {from}, {}", resumed(last))
        }
        (None, None) => resumed(last),
    };
    ("last upgrade", format!("{at} by {by}: {result}"))
}

/// The first line of the error; the log has all of it.
fn failed(error: &str) -> String {
    format!("failed: {}", error.lines().next().unwrap_or_default())
}

fn failing_name(name: &FailingName) -> Line {
    let serving = match name.addresses {
        0 => "",
        _ => "; its last good answer serves on",
    };
    ("name fails", format!("{}: {}{serving}", name.name, name.error))
}

fn restoring(count: usize) -> Line {
    let forwards = counted(count, "forward");
    ("restoring", format!("{forwards} cannot be bound yet; retrying"))
}

fn waiting(settings: &[Change]) -> Line {
    let changes: Vec<_> = changes::waiting(settings).collect();
    ("waiting", format!("for a restart: {}", changes.join(", ")))
}

fn sessions(status: &Status) -> Line {
    let Status { sessions, max_sessions, sessions_opened, .. } = status;
    ("sessions", format!("{sessions} of at most {max_sessions}, {sessions_opened} since the start"))
}

/// The errors since the start. An older process counts only those of its present forwards.
fn errors(status: &Status, forwards: &[Forward]) -> Line {
    let total = |of: fn(&Forward) -> u64| forwards.iter().map(of).sum::<u64>();
    let refused = status.refused.max(total(Forward::all_refused));
    let failed = status.failed.max(total(|forward| forward.failed));
    ("errors", refused_and_failed(refused, failed))
}

/// Clients that this program refused, and sessions that failed.
pub(crate) fn refused_and_failed(refused: u64, failed: u64) -> String {
    format!("{} refused, {} failed", counted(refused, "client"), counted(failed, "session"))
}

fn moved(status: &Status) -> Line {
    ("bytes", format!("{} up, {} down", bytes(status.bytes_up), bytes(status.bytes_down)))
}

fn counts(status: &Status) -> Line {
    let listeners = counted(status.listeners, "listener");
    let workers = counted(status.workers, "worker");
    ("forwards", format!("{}, with {listeners}, served by {workers}", status.forwards))
}

fn log(status: &Status) -> Line {
    let last = status.last_log_dropped.map(|ago| format!(", the last {} ago", seconds(ago)));
    let lines = counted(status.log_dropped, "line");
    ("log", format!("{lines} lost{}", last.unwrap_or_default()))
}

fn uses(status: &Status) -> Line {
    let Status { open_files, open_files_limit, .. } = status;
    let (pipes, memory) = (counted(status.pipes, "pipe"), bytes(status.resident_memory));
    ("uses", format!("{open_files} of {open_files_limit} files, {pipes}, {memory} of memory"))
}

/// The deadline of the trial, and the commands that decide it.
fn trial(status: &Status, left: f64, options: &ProcessOptions) -> String {
    let is_trying = |fleet: &Fleet| fleet.state == FleetState::Trying;
    if status.fleet.as_ref().is_some_and(is_trying) {
        let left = seconds(left);
        let decide = options.complete("`traffic-forwarder rollout`");
        return format!("reverts in {left} unless the fleet keeps it: {decide}");
    }
    on_trial(left, status.generation, options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_reload_is_shown_with_its_trigger_and_result() {
        let shown = |by: &str, error: Option<&str>| {
            let (by, error) = (Word::of(by), error.map(str::to_owned));
            outcome(&LastReload { at: String::new(), by, error }, false)
        };
        assert_eq!(shown("SIGHUP", None), "by SIGHUP: done");
        assert_eq!(shown("watch", Some("f:3:1: why")), "by watch: failed: f:3:1: why");
        assert_eq!(shown("unconfirmed", None), "reverted: not confirmed");
        assert_eq!(shown("unconfirmed", Some("why")), "reverted: not confirmed, but why");
    }
}
