//! Results of reloads, and their log lines.

use crate::admin::{Caller, Peer};
use crate::listen_names::ListenNameError;
use crate::serve_error::UnboundListener;
use crate::startup_log::log_empty_files;
use host::{NoRoom, RefusedOption, SandboxRefusal, TokenError, UnknownOwner};
use plan::units::format_duration;
use plan::{EmptyFiles, ForwardSummary, ListenAddress, PlanDiff, Problem, Problems};
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::time::{Duration, SystemTime};

/// Problems listed in a text of one line.
const LISTED: usize = 2;

/// The changes of a reload, made or, in a dry run, planned.
#[derive(Debug)]
pub(crate) struct ReloadReport {
    pub(crate) diff: PlanDiff,
    /// Open sessions of each changed or removed forward.
    pub(crate) sessions: HashMap<String, u32>,
    /// Unchanged forwards that were skipped and listen again; in a dry run, those that a reload
    /// would try to bind.
    pub(crate) retried: Vec<ForwardSummary>,
    /// Unix listeners, with their forwards, whose missing socket files were created again; in a dry
    /// run, those that a reload would create.
    pub(crate) remade: Vec<(String, ListenAddress)>,
    /// Skipped lines of the older format and skipped forwards, with the reasons.
    pub(crate) skipped: Vec<String>,
    /// Files of prefixes that have none, where the running configuration had some.
    pub(crate) emptied: EmptyFiles,
    /// The file of the admin tokens has others than those that were in force.
    pub(crate) new_tokens: bool,
    /// Number of the running configuration.
    pub(crate) generation: u64,
}

impl ReloadReport {
    /// Names of the forwards that were added or changed.
    pub(crate) fn new_or_changed(&self) -> Vec<String> {
        let added = self.diff.added.iter().map(|forward| forward.name.clone());
        added.chain(self.diff.changed.iter().map(|forward| forward.name.clone())).collect()
    }

    /// Number of unchanged forwards that listened before.
    pub(crate) fn unchanged(&self) -> usize {
        self.diff.unchanged - self.retried.len()
    }
}

/// Why the running configuration stays.
#[derive(Debug)]
pub(crate) enum ReloadError {
    /// The new configuration is wrong.
    Config(Problems),
    /// The new configuration is valid, but cannot run on this host now.
    Unfit(Vec<Misfit>),
    /// The configuration is from the command line.
    NoFile,
    /// The process is shutting down.
    Draining,
    /// This generation is on trial for the remaining time `left`.
    OnTrial { generation: u64, left: Duration },
    /// This revision of the fleet is on trial for the remaining time `left`.
    FleetTrial { revision: u64, left: Duration },
}

/// Why a valid configuration cannot run on this host now.
#[derive(Debug)]
pub(crate) enum Misfit {
    /// The open-file limit allows no session.
    NoRoom(NoRoom),
    /// A name in `listen` cannot be listened on.
    Name(ListenNameError),
    /// The owner of a Unix listener does not exist.
    Owner(UnknownOwner),
    /// The kernel does not grant an option of connections.
    Option(RefusedOption),
    /// A listener cannot be bound.
    Unbound(UnboundListener),
    /// The sandbox of this process does not allow a path.
    Sandbox(SandboxRefusal),
    /// The file of the admin tokens cannot be used.
    Tokens(TokenError),
    /// The configuration cannot be read; the sandbox is the likely cause.
    Unreadable(Problem),
}

impl ReloadError {
    /// Whether the reload was refused before it read the configuration. Such a reload does not
    /// count as failed.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Draining | Self::OnTrial { .. } | Self::FleetTrial { .. })
    }

    /// The first problems and the number of the others in one line, for a field of the log or the
    /// API.
    pub(crate) fn one_line(&self) -> String {
        let (mut parts, count): (Vec<String>, usize) = match self {
            Self::Config(problems) => {
                let first = problems.iter().take(LISTED).map(plan::Problem::statement);
                (first.collect(), problems.len())
            }
            Self::Unfit(misfits) => {
                let first = misfits.iter().take(LISTED).map(ToString::to_string);
                (first.collect(), misfits.len())
            }
            Self::NoFile | Self::Draining | Self::OnTrial { .. } | Self::FleetTrial { .. } => {
                (vec![self.to_string()], 1)
            }
        };
        match count - parts.len() {
            0 => {}
            1 => parts.push("and 1 more problem".to_owned()),
            more => parts.push(format!("and {more} more problems")),
        }
        parts.join("; ")
    }
}

impl fmt::Display for ReloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(problems) => f.write_str(problems.render(false).trim_end()),
            Self::Unfit(misfits) => {
                let lines: Vec<_> = misfits.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
            Self::NoFile => f.write_str(
                "the forwards were given on the command line: there is no file to reload",
            ),
            Self::Draining => f.write_str("the process is shutting down"),
            Self::OnTrial { generation, left } => write!(
                f,
                "generation {generation} is on trial for another {}: keep it with \
                 `traffic-forwarder confirm {generation}` first, or try this one in its place \
                 with `traffic-forwarder reload --confirm 60s`",
                in_seconds(*left)
            ),
            Self::FleetTrial { revision, left } => write!(
                f,
                "revision {revision} of the fleet is on trial for another {}: wait for its end, or end \
                 it with `traffic-forwarder rollout continue` or `traffic-forwarder rollout back`",
                in_seconds(*left)
            ),
        }
    }
}

impl Error for ReloadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // The first one; the text lists all.
            Self::Unfit(misfits) => misfits.first().map(|misfit| misfit as _),
            Self::Config(_)
            | Self::NoFile
            | Self::Draining
            | Self::OnTrial { .. }
            | Self::FleetTrial { .. } => None,
        }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoom(error) => error.fmt(f),
            Self::Name(error) => error.fmt(f),
            Self::Owner(unknown) => unknown.fmt(f),
            Self::Option(refused) => refused.fmt(f),
            Self::Unbound(listener) => listener.fmt(f),
            Self::Sandbox(refusal) => refusal.fmt(f),
            Self::Tokens(error) => error.fmt(f),
            Self::Unreadable(problem) => f.write_str(&problem.statement()),
        }
    }
}

impl Error for Misfit {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unbound(listener) => Some(listener),
            Self::Name(error) => Some(error),
            Self::Owner(unknown) => Some(unknown),
            Self::Option(refused) => Some(refused),
            Self::Sandbox(refusal) => Some(refusal),
            Self::Tokens(error) => Some(error),
            Self::NoRoom(_) | Self::Unreadable(_) => None,
        }
    }
}

/// Formats a duration in whole seconds, at least one.
fn in_seconds(time: Duration) -> String {
    format_duration(Duration::from_secs(time.as_secs().max(1)))
}

/// The last attempt to reload.
#[derive(Clone, Debug)]
pub(crate) struct LastReload {
    pub(crate) at: SystemTime,
    pub(crate) by: String,
    /// The cause of a failure, in one line.
    pub(crate) error: Option<String>,
}

/// The origin of a reload.
#[derive(Clone, Copy)]
pub(super) struct Requester<'a> {
    /// The trigger.
    pub(super) by: &'a str,
    /// The caller, if it is the admin interface.
    pub(super) caller: Option<&'a Caller>,
}

impl<'a> Requester<'a> {
    /// A trigger without a caller.
    pub(super) fn new(by: &'a str) -> Self {
        Self { by, caller: None }
    }
}

/// An event with the fields of a [`Requester`], like the line `admin action`.
macro_rules! log_by {
    ($level:ident, $requester:expr, $($rest:tt)+) => {{
        let Requester { by, caller } = $requester;
        let peer = caller.map(|caller| caller.peer);
        tracing::$level!(
            by,
            name = caller.and_then(Caller::shown_name),
            uid = peer.and_then(Peer::uid),
            pid = peer.and_then(Peer::pid),
            peer = peer.and_then(Peer::address).map(|address| address.to_string()),
            $($rest)+
        )
    }};
}

/// Logs a reload for which [`ReloadError::is_refusal`] holds.
pub(super) fn log_refusal(by: Requester<'_>, refusal: &ReloadError) {
    log_by!(warn, by, error = refusal.one_line(), "reload refused");
}

/// Names in one list of the log line.
const NAMED: usize = 5;

/// The names of the forwards that differ: `added web, api; removed db`. `None` if there are none.
fn forwards(diff: &PlanDiff) -> Option<String> {
    let lists = [
        ("added", diff.added.iter().map(|it| &*it.name).collect::<Vec<_>>()),
        ("changed", diff.changed.iter().map(|it| &*it.name).collect()),
        ("removed", diff.removed.iter().map(|it| &*it.name).collect()),
    ];
    let lists = lists.into_iter().filter(|(_, names)| !names.is_empty()).map(|(what, names)| {
        let more = match names.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{what} {}{more}", names[..names.len().min(NAMED)].join(", "))
    });
    let lists: Vec<_> = lists.collect();
    (!lists.is_empty()).then(|| lists.join("; "))
}

/// Logs the result. `trial` is the time left to confirm the running configuration.
pub(super) fn log_reload(
    by: Requester<'_>,
    result: &Result<ReloadReport, ReloadError>,
    trial: Option<Duration>,
) {
    let report = match result {
        Ok(report) => report,
        Err(error) => {
            let error = error.one_line();
            return log_by!(error, by, error, "reload failed; nothing was changed");
        }
    };
    log_by!(
        info,
        by,
        generation = report.generation,
        added = report.diff.added.len(),
        changed = report.diff.changed.len(),
        removed = report.diff.removed.len(),
        unchanged = report.unchanged(),
        forwards = forwards(&report.diff),
        retried = report.retried.len(),
        skipped = report.skipped.len(),
        new_tokens = report.new_tokens.then_some(true),
        on_trial_for = trial.map(observe::log::seconds),
        "configuration reloaded"
    );
    for change in report.diff.need_restart() {
        tracing::warn!(
            key = %format_args!("{} {}", change.section.header(), change.key),
            in_force = change.old,
            configured = change.new,
            "this setting changes with a restart only"
        );
    }
    for (forward, listen) in &report.remade {
        tracing::warn!(
            forward,
            listen = %listen,
            "the file of a Unix socket was gone: it was made again"
        );
    }
    log_empty_files(&report.emptied);
    for skipped in &report.skipped {
        tracing::warn!("skipped: {skipped}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwards_that_differ_are_named() {
        let plan = |ports: &[u16]| {
            let lines = ports.iter().map(|port| format!("{port} | a | 1\n"));
            let text: String = lines.collect();
            plan::read_text(
                &plan::Input { config: Some("file".into()), ..plan::Input::default() },
                &text,
            )
            .plan
            .unwrap()
        };
        let named = |old: &[u16], new: &[u16]| {
            let (old, new) = (plan(old), plan(new));
            forwards(&plan::InForce::of(&old).diff(&old, &new))
        };
        assert_eq!(named(&[1], &[1]), None);
        assert_eq!(named(&[1, 2], &[2, 3]).as_deref(), Some("added :3; removed :1"));
        let many = named(&[1], &[1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(many.as_deref(), Some("added :2, :3, :4, :5, :6 and 2 more"));
    }

    #[test]
    fn one_line_lists_two_problems_and_counts_the_others() {
        let input = plan::Input { config: Some("file".into()), ..plan::Input::default() };
        let problems = plan::read_text(&input, "[process]\nworkers = 'x'\n").problems;
        let problem = problems.iter().next().unwrap();
        let text = problem.statement();
        let unfit = |count| {
            let misfits = std::iter::repeat_n(problem, count).cloned().map(Misfit::Unreadable);
            ReloadError::Unfit(misfits.collect()).one_line()
        };
        assert_eq!(unfit(1), text);
        assert_eq!(unfit(2), format!("{text}; {text}"));
        assert_eq!(unfit(3), format!("{text}; {text}; and 1 more problem"));
        assert_eq!(unfit(4), format!("{text}; {text}; and 2 more problems"));
        let line = ReloadError::Config(problems).one_line();
        assert!(line.starts_with("file:2:12: `") && !line.contains('\n'), "{line}");
    }
}
