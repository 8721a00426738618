//! The state of a target and the result of its last check, as text.

use crate::console::units::seconds;
use api::{Target, TargetState};

/// The state; of a target that is out of use, since when and why, and when a client tries it again.
pub(crate) fn state(target: &Target) -> String {
    let Target { state, since, why, .. } = target;
    if *state == TargetState::Up {
        return state.to_string();
    }
    let since = since.as_ref().map(|since| format!(" since {since}")).unwrap_or_default();
    let down = if *state == TargetState::Drained { ", and down" } else { "" };
    let why = why.as_ref().map(|why| format!("{down}: {why}")).unwrap_or_default();
    let parts = [Some(format!("{state}{since}{why}")), latest(target), retry(target)];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// The failure of the last check, if it is not the reason of the state.
fn latest(target: &Target) -> Option<String> {
    let Target { why, last_check, .. } = target;
    let result = &last_check.as_ref()?.result;
    let is_known = result == "ok" || why.as_ref().is_some_and(|why| why.ends_with(&**result));
    (!is_known).then(|| format!("the last check: {result}"))
}

/// When a client tries a target that is down again.
fn retry(target: &Target) -> Option<String> {
    let wait = target.retry_in.filter(|_| target.state == TargetState::Down)?;
    Some(if wait > 0.0 {
        format!("a client tries it in {}", seconds(wait.ceil()))
    } else {
        "the next client tries it".to_owned()
    })
}

/// The wait until a client tries the target again, for a narrow column.
pub(crate) fn retry_in(target: &Target) -> Option<String> {
    let wait = target.retry_in.filter(|_| target.state == TargetState::Down)?;
    Some(if wait > 0.0 { seconds(wait.ceil()) } else { "now".to_owned() })
}

/// The result of the last check; `None` before the first.
pub(crate) fn last_check(target: &Target) -> Option<String> {
    target.last_check.as_ref().map(|last| format!("{} in {}", last.result, seconds(last.took)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// The state of a target with these facts.
    fn shown(facts: Value) -> String {
        let mut target = json!({
            "address": "a:1", "set": null, "listen": [], "state": "down", "sessions": 0,
            "max_sessions": null, "weight": 1, "backup": false, "connects": 0,
            "failed_connects": 3, "connect_time": null, "since": "2026-12-01T00:00:00.000Z",
            "why": "3 failed connects in a row, the last one: connection refused",
        });
        let Value::Object(facts) = facts else { panic!("{facts} is no object") };
        target.as_object_mut().unwrap().extend(facts);
        state(&serde_json::from_value(target).unwrap())
    }

    #[test]
    fn a_target_out_of_use_says_since_when_why_and_when_a_client_tries_it() {
        let down = "down since 2026-12-01T00:00:00.000Z: \
                    3 failed connects in a row, the last one: connection refused";
        assert_eq!(shown(json!({})), down);
        let wait = |seconds: f64| shown(json!({ "retry_in": seconds }));
        assert_eq!(wait(4.2), format!("{down}; a client tries it in 5s"));
        assert_eq!(wait(0.0), format!("{down}; the next client tries it"));
        let up = json!({ "state": "up", "why": null, "retry_in": null });
        assert_eq!(shown(up), "up");
        let drained =
            |why: Option<&str>| shown(json!({ "state": "drained", "why": why, "retry_in": 3.0 }));
        assert_eq!(drained(None), "drained since 2026-12-01T00:00:00.000Z");
        let both = "drained since 2026-12-01T00:00:00.000Z, and down: refused";
        assert_eq!(drained(Some("refused")), both);
    }

    #[test]
    fn a_later_failure_of_another_kind_is_shown_too() {
        let last = |result: &str| {
            let check = json!({ "result": result, "at": "2026-12-01T00:00:01.000Z", "took": 0.1 });
            let why = "3 failed checks in a row, the last one: HTTP status 503";
            shown(json!({ "why": why, "last_check": check }))
        };
        let same = last("HTTP status 503");
        assert!(same.ends_with("the last one: HTTP status 503"), "{same}");
        assert_eq!(last("no answer in time"), same.clone() + "; the last check: no answer in time");
        assert_eq!(last("ok"), same);
    }
}
