//! Findings about the names and connections of targets.

use crate::check::Check;
use crate::finding::{Finding, FindingDetail, Verdict};
use crate::target_trial::{StepResult, TargetResult};
use std::time::Duration;

/// Duration above which a warning is given, since each session waits for it.
const SLOW: Duration = Duration::from_secs(1);

/// Judges name lookups.
pub(super) fn names(tried: &[TargetResult]) -> Finding {
    let steps = tried.iter().filter_map(|it| Some((it, it.resolved.as_ref()?)));
    let finding = judge(Check::Names, steps, "names are resolved", "no target is a name");
    let change = (finding.verdict == Verdict::Fail).then(|| {
        let host = first_host(&finding);
        if let Some(service) = first_target(&finding).strip_prefix("srv:") {
            return format!(
                "SRV records of the name, or another server in /etc/resolv.conf; \
                 `dig SRV {service}` asks in the same way"
            );
        }
        format!(
            "a line in /etc/hosts, or another server in /etc/resolv.conf; `getent ahosts {host}` \
             resolves in the same way"
        )
    });
    finding.change(change)
}

/// The host of the first detail, which is the worst.
fn first_host(finding: &Finding) -> &str {
    let first = first_target(finding);
    let first = first.strip_prefix("dns:").unwrap_or(first);
    first.rsplit_once(':').map_or(first, |(host, _)| host)
}

fn first_target(finding: &Finding) -> &str {
    finding.details.first().map_or("", |detail| detail.of.as_str())
}

/// Judges connections to targets.
pub(super) fn connections(tried: &[TargetResult]) -> Finding {
    let steps = tried.iter().filter_map(|it| Some((it, it.connected.as_ref()?)));
    judge(Check::Connections, steps, "targets are connected", "no target was connected to")
}

/// Judges the checks of targets.
pub(super) fn health_checks(tried: &[TargetResult]) -> Finding {
    let details = tried.iter().flat_map(|target| {
        target.checked.iter().map(move |(forward, step)| {
            let detail = detail(target, step);
            FindingDetail { found: format!("{} (check of {forward})", detail.found), ..detail }
        })
    });
    summarize(Check::HealthChecks, details.collect(), "checks succeed", "no target was checked")
}

fn judge<'t>(
    check: Check,
    steps: impl Iterator<Item = (&'t TargetResult, &'t StepResult)>,
    done: &str,
    nothing: &str,
) -> Finding {
    let details = steps.map(|(tried, step)| detail(tried, step)).collect();
    summarize(check, details, done, nothing)
}

fn summarize(check: Check, mut details: Vec<FindingDetail>, done: &str, nothing: &str) -> Finding {
    // The slowest first among equal verdicts: the later sort by verdict is stable.
    details.sort_by(|a, b| b.seconds.unwrap_or(0.0).total_cmp(&a.seconds.unwrap_or(0.0)));
    let all = details.len();
    let done_ones = details.iter().filter_map(|detail| detail.seconds).count();
    let found = if all == 0 { nothing.to_owned() } else { format!("{done_ones} of {all} {done}") };
    Finding::new(check, Verdict::Ok, found).details(details)
}

fn detail(tried: &TargetResult, step: &StepResult) -> FindingDetail {
    let (verdict, found, time) = match step {
        StepResult::Done(time) => {
            let verdict = if *time > SLOW { Verdict::Warn } else { Verdict::Ok };
            (verdict, milliseconds(*time), Some(time.as_secs_f64()))
        }
        StepResult::Unanswered(error) => (Verdict::Warn, error.clone(), None),
        StepResult::Impossible(error) => (Verdict::Fail, error.clone(), None),
        StepResult::Late => {
            (Verdict::Warn, "no result in ten seconds for all targets".to_owned(), None)
        }
    };
    FindingDetail { seconds: time, ..FindingDetail::new(verdict, &tried.target, found) }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: StepResult = StepResult::Done(Duration::from_micros(1500));

    fn tried(
        target: &str,
        resolved: Option<StepResult>,
        connected: Option<StepResult>,
    ) -> TargetResult {
        TargetResult { target: target.to_owned(), resolved, connected, checked: Vec::new() }
    }

    #[test]
    fn errors_of_this_host_fail_and_errors_of_a_target_warn() {
        let of = |step| connections(&[tried("a:1", None, Some(step))]).verdict;
        assert_eq!(of(QUICK), Verdict::Ok);
        assert_eq!(of(StepResult::Done(Duration::from_secs(2))), Verdict::Warn);
        assert_eq!(of(StepResult::Unanswered("refused".into())), Verdict::Warn);
        assert_eq!(of(StepResult::Late), Verdict::Warn);
        assert_eq!(of(StepResult::Impossible("no route".into())), Verdict::Fail);
    }

    #[test]
    fn details_are_ordered_by_verdict_and_duration() {
        let all = [
            tried("a:1", None, Some(QUICK)),
            tried("b:1", Some(QUICK), Some(StepResult::Unanswered("refused".into()))),
            tried("c:1", Some(StepResult::Impossible("no such name".into())), None),
            tried("d:1", None, Some(StepResult::Impossible("no route".into()))),
            tried("e:1", None, Some(StepResult::Done(Duration::from_millis(20)))),
        ];
        let finding = connections(&all);
        let named: Vec<_> = finding.details.iter().map(|it| it.of.as_str()).collect();
        assert_eq!(named, ["d:1", "b:1", "e:1", "a:1"]);
        assert_eq!(finding.found, "2 of 4 targets are connected");
        assert_eq!(finding.details[3].found, "1.5 ms");
        assert_eq!(finding.details[3].seconds, Some(0.0015));
        let finding = names(&all);
        assert_eq!(finding.found, "1 of 2 names are resolved");
        assert!(finding.change[0].contains("`getent ahosts c`"), "{finding:?}");
        assert_eq!(names(&all[..1]).found, "no target is a name");
        assert_eq!(connections(&all[2..3]).found, "no target was connected to");
    }
}
