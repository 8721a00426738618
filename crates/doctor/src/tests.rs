//! Helpers for the tests of judges, and tests of the report as a whole.

use super::*;

/// Reads a plan in TOML or in the older format, whose forwards are optional.
pub(super) fn plan_of(text: &str) -> Plan {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("forwarder.conf");
    std::fs::write(&path, text).unwrap();
    let input = plan::Input { config: Some(path), ..plan::Input::default() };
    let reading = plan::read(&input);
    reading.plan.unwrap_or_else(|| panic!("{}", reading.problems.render(false)))
}

/// A plan with one forward of `max_sessions` and two workers.
pub(super) fn one_forward(max_sessions: u32) -> Plan {
    plan_of(&format!(
        "[process]\nworkers = 2\n\
         [[forward]]\nlisten = ':18080'\nto = 'web.test:80'\nmax_sessions = {max_sessions}\n"
    ))
}

/// Asserts the verdict and the number of sessions for each host.
#[track_caller]
pub(super) fn check_table(
    plan: &Plan,
    cases: &[(Host, Verdict, Option<u64>)],
    judge: fn(&Demand<'_>, &Host) -> Finding,
) {
    let demand = Demand::of(plan);
    for (host, verdict, sessions) in cases {
        let finding = judge(&demand, host);
        assert_eq!((finding.verdict, finding.sessions), (*verdict, *sessions), "{finding:?}");
    }
}

fn limit(check: Check, sessions: u64, wanted: u64) -> Finding {
    Finding::limit(check, sessions, wanted, "")
}

#[test]
fn a_report_has_the_smallest_limit_and_the_worst_check_first() {
    let checks = vec![
        limit(Check::OpenFiles, 500, 100),
        Finding::new(Check::Splice, Verdict::Ok, ""),
        limit(Check::LocalPorts, 40, 100),
        Finding::new(Check::Names, Verdict::Fail, ""),
    ];
    let report = DoctorReport::new(checks, 100);
    assert_eq!((report.sessions, report.first_limit), (Some(40), Some(Check::LocalPorts)));
    assert_eq!(report.verdict, Verdict::Fail);
    let order: Vec<_> = report.checks.iter().map(|it| it.check).collect();
    assert_eq!(order, [Check::Names, Check::LocalPorts, Check::OpenFiles, Check::Splice]);
}

#[test]
fn a_report_without_limits_has_no_number_of_sessions() {
    let report = DoctorReport::new(vec![Finding::new(Check::Splice, Verdict::Ok, "")], 1);
    assert_eq!((report.sessions, report.first_limit, report.verdict), (None, None, Verdict::Ok));
}

#[test]
fn each_check_is_made_once_and_in_order() {
    let plan = one_forward(1);
    let demand = Demand::of(&plan);
    let user = user::UserResult { become_user: Ok(()), token: None };
    let trial = TrialResults {
        refused_options: Vec::new(),
        listen_names: Vec::new(),
        refused_rights: Vec::new(),
        user,
        splice: Err(splice_trial::SpliceError::Stalled),
        binds_low_port: None,
        foreign: std::collections::HashMap::new(),
        taken: Vec::new(),
        directories: Vec::new(),
        log_file: None,
        exposed: Vec::new(),
        sandbox: Err(Vec::new()),
        fleet: None,
        targets: Vec::new(),
    };
    let made: Vec<_> =
        judge(&demand, &Host::default(), &trial).iter().map(|finding| finding.check).collect();
    assert_eq!(made, Check::ALL);
}

#[test]
fn checks_serialize_as_their_names() {
    for check in Check::ALL {
        assert_eq!(serde_json::to_value(check).unwrap(), check.as_str());
    }
}

#[test]
fn every_limit_of_the_host_is_named_like_a_check() {
    for limit in host::LIMITS {
        assert!(Check::ALL.iter().any(|check| check.as_str() == limit), "{limit}");
    }
}
