//! Conditions that an operator should act on. Only this file decides them; the API delivers the
//! result to every view. `docs/views.md` lists them.

use api::{Attention, Condition, Fleet, FleetState, Origin, Status, Word};
use flow::{Cause, Verdict};
use plan::counted;
use plan::units::format_duration;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Seconds for which a refused client, a failed session or a lost log line needs attention.
const RECENT: f64 = 60.0;
/// Causes of failures that are named.
const CAUSES: usize = 3;

/// The conditions of the process as a whole. Does not read `status.attention`.
pub(crate) fn of_process(status: &Status) -> Vec<Attention> {
    let Status { sessions, max_sessions, open_files, open_files_limit, .. } = status;
    let failed = |what: &str, by: &Word<Origin>, error: &str| {
        format!("the last {what} failed, by {by}: {}", error.lines().next().unwrap_or_default())
    };
    let reload = status.last_reload.as_ref().and_then(|it| Some((&it.by, it.error.as_ref()?)));
    let upgrade = status.last_upgrade.as_ref().and_then(|it| Some((&it.by, it.error.as_ref()?)));
    let is_short = u128::from(*open_files) * 10 > u128::from(*open_files_limit) * 9;
    let conditions = [
        (sessions >= max_sessions).then(|| {
            let text = format!("no more sessions fit in: {sessions} of {max_sessions} are open");
            (Condition::SessionsFull, text)
        }),
        is_short.then(|| {
            let text = format!("files run short: {open_files} of {open_files_limit} are open");
            (Condition::FilesShort, text)
        }),
        reload.map(|(by, error)| (Condition::ReloadFailed, failed("reload", by, error))),
        upgrade.map(|(by, error)| (Condition::UpgradeFailed, failed("upgrade", by, error))),
        is_recent(status.last_log_dropped).then(|| {
            let text = format!("log lines were lost, {} so far", status.log_dropped);
            (Condition::LogLost, text)
        }),
        names_failing(status).map(|text| (Condition::NamesFailing, text)),
    ];
    let fleet = status.fleet.as_ref().map(of_fleet);
    let mut all = attention(conditions);
    all.extend(fleet.into_iter().flatten());
    all
}

/// The conditions of the fleet's store, and of its configuration on this instance.
fn of_fleet(fleet: &Fleet) -> Vec<Attention> {
    let away = (!fleet.store_up).then(|| {
        let last = fleet.read_age.and_then(|age| Duration::try_from_secs_f64(age.round()).ok());
        let last = last.map(|age| format!(" (last read {} ago)", format_duration(age)));
        let text = match &fleet.problem {
            Some(problem) => {
                format!("the fleet's store cannot be read{}: {problem}", last.unwrap_or_default())
            }
            None => "the fleet's store has not been read yet".to_owned(),
        };
        (Condition::FleetStoreAway, text)
    });
    let revision = fleet.revision.map(|it| format!("revision {it} ")).unwrap_or_default();
    let why = fleet.why.as_deref();
    let unfit = if fleet.state == FleetState::Refused {
        Some((Condition::FleetRefused, format!("{revision}of the fleet was refused")))
    } else if fleet.state == FleetState::FellBack {
        Some((Condition::FleetFellBack, format!("{revision}of the fleet fell back")))
    } else {
        None
    };
    let unfit = unfit.map(|(condition, text)| {
        (condition, why.map_or_else(|| text.clone(), |why| format!("{text}: {why}")))
    });
    let other = why.filter(|_| unfit.is_none());
    let other = other.map(|why| (Condition::FleetNotFollowed, format!("the fleet: {why}")));
    attention([away, unfit, other])
}

fn names_failing(status: &Status) -> Option<String> {
    let first = status.failing_names.first()?;
    let (name, error) = (&first.name, &first.error);
    let more = status.names_failing.saturating_sub(1);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    let serving = if first.addresses > 0 { " (its last good answer serves on)" } else { "" };
    Some(format!("a target's name cannot be resolved: {name}, {error}{serving}{more}"))
}

/// Inputs of the conditions of a forward.
#[derive(Clone, Debug, Default)]
pub(crate) struct ForwardFacts {
    /// Why some or all of its listeners do not accept clients.
    pub(crate) error: Option<String>,
    pub(crate) sessions: u32,
    pub(crate) max_sessions: u32,
    /// All targets of a listener that may serve are at their own limits.
    pub(crate) has_full_targets: bool,
    /// Clients refused so far, and seconds since the last one.
    pub(crate) refused: u64,
    pub(crate) last_refused: Option<f64>,
    /// Sessions failed so far, and seconds since the last one.
    pub(crate) failed: u64,
    pub(crate) last_failed: Option<f64>,
    /// The failed sessions, by cause.
    pub(crate) failures: BTreeMap<Cause, u64>,
    /// Number of its targets.
    pub(crate) targets: usize,
    /// Those that are down.
    pub(crate) down: Vec<FailingTarget>,
    /// Those that the last session, or a probe, could not connect to, or whose name cannot be resolved.
    pub(crate) unreachable: Vec<FailingTarget>,
    /// The address of a listener whose targets are all drained.
    pub(crate) drained_listener: Option<(Arc<str>, Option<String>)>,
}

/// A target that is down or unreachable.
#[derive(Clone, Debug)]
pub(crate) struct FailingTarget {
    pub(crate) address: String,
    pub(crate) why: Option<String>,
}

/// The conditions of a forward.
pub(crate) fn of_forward(facts: &ForwardFacts) -> Vec<Attention> {
    let ForwardFacts { error, refused, failed, .. } = facts;
    attention([
        error.as_ref().map(|error| (Condition::Skipped, error.clone())),
        at_limit(facts).map(|text| (Condition::AtLimit, text)),
        is_recent(facts.last_refused)
            .then(|| (Condition::Refusing, format!("clients are refused here, {refused} so far"))),
        is_recent(facts.last_failed).then(|| {
            let causes = causes(&facts.failures);
            (Condition::Failing, format!("sessions fail to connect, {failed} so far{causes}"))
        }),
        failing_targets(facts.targets, &facts.down, "down")
            .map(|text| (Condition::TargetDown, text)),
        failing_targets(facts.targets, &facts.unreachable, "unreachable")
            .map(|text| (Condition::TargetUnreachable, text)),
        facts.drained_listener.as_ref().map(|(listen, route)| {
            let of_route = route.as_ref().map_or_else(String::new, |it| format!("route {it} at "));
            let text =
                format!("all targets of {of_route}{listen} are drained: its clients are refused");
            (Condition::TargetsDrained, text)
        }),
    ])
}

/// The most frequent causes of failures, with their counts if there are several.
fn causes(failures: &BTreeMap<Cause, u64>) -> String {
    let mut by_count: Vec<_> = failures.iter().collect();
    by_count.sort_by_key(|(_, count)| Reverse(**count));
    let counted =
        by_count.iter().take(CAUSES).map(|(cause, count)| format!("{count} {}", cause.of_target()));
    match &*by_count {
        [] => String::new(),
        [(cause, _)] => format!(": {}", cause.of_target()),
        _ => format!(": {}", counted.collect::<Vec<_>>().join(", ")),
    }
}

/// The limit that keeps new sessions off.
fn at_limit(facts: &ForwardFacts) -> Option<String> {
    let ForwardFacts { sessions, max_sessions, has_full_targets, .. } = facts;
    if sessions >= max_sessions {
        return Some(format!("at its limit of {}", counted(*max_sessions, "session")));
    }
    let text = "no target that may serve is below its `max_sessions`";
    has_full_targets.then(|| text.to_owned())
}

/// The number of the targets, of all, in this state, and the first one with its reason.
fn failing_targets(targets: usize, failing: &[FailingTarget], state: &str) -> Option<String> {
    let first = failing.first()?;
    let count = match (failing.len(), targets) {
        (_, 1) => "its only target is".to_owned(),
        (1, _) => format!("1 of {targets} targets is"),
        (failing, _) => format!("{failing} of {targets} targets are"),
    };
    let why = first.why.as_ref().map(|why| format!(", {why}")).unwrap_or_default();
    let more = match failing.len() - 1 {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    Some(format!("{count} {state}: {}{why}{more}", first.address))
}

/// The conditions of a session.
pub(crate) fn of_session(verdict: Verdict) -> Vec<Attention> {
    let is_lossy = verdict == Verdict::NetworkLossy;
    attention(
        [is_lossy.then(|| (Condition::NetworkLossy, "the network loses segments".to_owned()))],
    )
}

fn attention<const N: usize>(conditions: [Option<(Condition, String)>; N]) -> Vec<Attention> {
    let holding = conditions.into_iter().flatten();
    holding.map(|(condition, text)| Attention { condition: condition.into(), text }).collect()
}

fn is_recent(ago: Option<f64>) -> bool {
    ago.is_some_and(|ago| ago < RECENT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of_status(changes: Value) -> Vec<(String, String)> {
        let mut status = json!({
            "state": "serving", "version": "1.2.3", "pid": 1, "started": "2026-11-22T17:03:10.240Z",
            "uptime": 1.0, "config": null, "generation": 1, "last_reload": null,
            "confirm_within": null, "upgrades": 0, "last_upgrade": null, "workers": 1,
            "forwards": 1, "listeners": 1, "sessions": 9, "max_sessions": 10, "sessions_opened": 9,
            "bytes_up": 0, "bytes_down": 0, "rates": null, "log_dropped": 7,
            "last_log_dropped": null, "open_files": 90, "open_files_limit": 100, "pipes": 0,
            "resident_memory": 1,
        });
        let Value::Object(changes) = changes else { panic!("{changes} is no object") };
        status.as_object_mut().unwrap().extend(changes);
        parts(of_process(&serde_json::from_value(status).unwrap()))
    }

    fn parts(attention: Vec<Attention>) -> Vec<(String, String)> {
        attention.into_iter().map(|it| (it.condition.to_string(), it.text)).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(word, text)| ((*word).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn a_process_within_its_limits_needs_no_attention() {
        assert_eq!(of_status(json!({})), []);
        let succeeded = json!({ "at": "", "by": "SIGHUP", "error": null });
        assert_eq!(of_status(json!({ "last_reload": succeeded, "last_log_dropped": 60.0 })), []);
    }

    #[test]
    fn each_condition_of_the_process_has_its_reason() {
        let upgrade = json!({ "at": "", "by": "admin", "from": null, "sessions": 0, "lost": 0,
            "pause": null, "error": "no such file\nmore" });
        let found = of_status(json!({
            "sessions": 10, "open_files": 91, "last_log_dropped": 59.9,
            "last_reload": { "at": "", "by": "SIGHUP", "error": "line 3\nline 4" },
            "last_upgrade": upgrade, "names_failing": 2,
            "failing_names": [{ "name": "db", "error": "no answer", "since": 1.0, "addresses": 1 }],
        }));
        let expected = [
            ("sessions_full", "no more sessions fit in: 10 of 10 are open"),
            ("files_short", "files run short: 91 of 100 are open"),
            ("reload_failed", "the last reload failed, by SIGHUP: line 3"),
            ("upgrade_failed", "the last upgrade failed, by admin: no such file"),
            ("log_lost", "log lines were lost, 7 so far"),
            (
                "names_failing",
                "a target's name cannot be resolved: db, no answer (its last good answer serves on), and 1 more",
            ),
        ];
        assert_eq!(found, pairs(&expected));
        let most = json!({ "open_files": u64::MAX / 2, "open_files_limit": u64::MAX });
        assert_eq!(of_status(most), []);
    }

    fn failing(address: &str) -> FailingTarget {
        FailingTarget { address: address.to_owned(), why: Some("refused".to_owned()) }
    }

    #[test]
    fn each_condition_of_a_forward_has_its_reason() {
        let fine = ForwardFacts {
            max_sessions: 1,
            refused: 3,
            last_refused: Some(60.0),
            last_failed: Some(1e9),
            failed: 4,
            ..ForwardFacts::default()
        };
        assert_eq!(of_forward(&fine), []);
        let facts = ForwardFacts {
            error: Some("cannot listen on :1".to_owned()),
            sessions: 1,
            last_refused: Some(0.0),
            last_failed: Some(59.9),
            failures: BTreeMap::from([(Cause::Refused, 3), (Cause::NameError, 1)]),
            targets: 3,
            down: vec![failing("a:1")],
            unreachable: vec![failing("b:1")],
            drained_listener: Some((":1".into(), None)),
            ..fine.clone()
        };
        let expected = [
            ("skipped", "cannot listen on :1"),
            ("at_limit", "at its limit of 1 session"),
            ("refusing", "clients are refused here, 3 so far"),
            ("failing", "sessions fail to connect, 4 so far: 3 connection refused, 1 name_error"),
            ("target_down", "1 of 3 targets is down: a:1, refused"),
            ("target_unreachable", "1 of 3 targets is unreachable: b:1, refused"),
            ("targets_drained", "all targets of :1 are drained: its clients are refused"),
        ];
        assert_eq!(parts(of_forward(&facts)), pairs(&expected));
        let full = ForwardFacts { has_full_targets: true, ..fine.clone() };
        let expected = [("at_limit", "no target that may serve is below its `max_sessions`")];
        assert_eq!(parts(of_forward(&full)), pairs(&expected));
        let one = ForwardFacts {
            last_failed: Some(1.0),
            failures: BTreeMap::from([(Cause::Refused, 4)]),
            ..fine.clone()
        };
        let expected = [("failing", "sessions fail to connect, 4 so far: connection refused")];
        assert_eq!(parts(of_forward(&one)), pairs(&expected));
    }

    #[test]
    fn failing_targets_are_counted_and_the_first_is_named() {
        let down = |targets, count| {
            let down = vec![FailingTarget { address: "a:1".to_owned(), why: None }; count];
            failing_targets(targets, &down, "down")
        };
        assert_eq!(down(3, 0), None);
        assert_eq!(down(1, 1).as_deref(), Some("its only target is down: a:1"));
        assert_eq!(down(3, 2).as_deref(), Some("2 of 3 targets are down: a:1; and 1 more"));
    }

    #[test]
    fn only_lost_segments_of_a_session_need_attention() {
        for verdict in Verdict::ALL {
            let found = of_session(*verdict);
            assert_eq!(found.is_empty(), *verdict != Verdict::NetworkLossy, "{verdict:?}");
        }
    }
}
