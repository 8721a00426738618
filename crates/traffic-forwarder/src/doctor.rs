//! `doctor`: the capacity of this host, as text or as JSON.

use crate::cli::Doctor;
use crate::console::screen::{Colour, Screen};
use crate::exit::Exit;
use crate::output::say_json;
use crate::{flawless, input_of, say};
use doctor::{Check, ConfigSource, DoctorReport, Finding, FindingDetail, Scope, Verdict, examine};
use plan::escaped;

/// Details printed per check; the JSON has all of them.
const MOST_DETAILS: usize = 10;

pub(crate) fn run(args: Doctor) -> Exit {
    let Doctor { source, no_connect, json } = args;
    let input = source.input_to_read_once();
    let Some(plan) = flawless(&input) else { return Exit::Usage };
    let source = ConfigSource { input: &input, input_of };
    let report = examine(&plan, source, Scope { connect: !no_connect });
    let printed = if json { say_json(&report) } else { say(&text(&report, &Screen::now())) };
    if report.verdict == Verdict::Fail { Exit::Failed } else { printed }
}

fn text(report: &DoctorReport, screen: &Screen) -> String {
    let mut lines: Vec<String> =
        report.checks.iter().flat_map(|finding| of_check(finding, report, screen)).collect();
    lines.extend([String::new(), summary(report), String::new()]);
    lines.join("\n")
}

fn of_check(finding: &Finding, report: &DoctorReport, screen: &Screen) -> Vec<String> {
    let Finding { check, verdict, sessions, found, change, details } = finding;
    let word = verdict.as_str();
    let padding = " ".repeat(6 - word.len());
    let word = screen.paint(word, Some(colour(*verdict)));
    let sessions = sessions.map_or_else(String::new, |sessions| format!("{sessions} sessions; "));
    let mut lines =
        vec![format!("{word}{padding}{}: {sessions}{}", check.as_str(), escaped(found))];
    lines.extend(details.iter().take(MOST_DETAILS).map(of_detail));
    if let Some(more) = details.len().checked_sub(MOST_DETAILS).filter(|more| *more > 0) {
        lines.push(format!("        and {more} more"));
    }
    // A check that passed needs no advice, unless it is the first limit: that is where more
    // sessions come from.
    if *verdict != Verdict::Ok || is_first(*check, report) {
        lines.extend(change.iter().map(|how| format!("        to change it: {}", escaped(how))));
    }
    lines
}

fn of_detail(FindingDetail { of, found, .. }: &FindingDetail) -> String {
    format!("        {}: {}", escaped(of), escaped(found))
}

fn is_first(check: Check, report: &DoctorReport) -> bool {
    report.first_limit == Some(check)
}

fn summary(report: &DoctorReport) -> String {
    let wanted = report.wanted;
    match (report.sessions, report.first_limit) {
        (Some(sessions), Some(check)) => format!(
            "this host can hold {sessions} sessions ({wanted} wanted); the first limit is {}",
            check.as_str()
        ),
        _ => format!("no limit of this host is known ({wanted} sessions wanted)"),
    }
}

fn colour(verdict: Verdict) -> Colour {
    match verdict {
        Verdict::Ok => Colour::Good,
        Verdict::Warn => Colour::Notable,
        Verdict::Fail => Colour::Bad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(check: Check, verdict: Verdict, sessions: Option<u64>) -> Finding {
        let found = "as it is".to_owned();
        let change = vec![format!("raise {}", check.as_str())];
        Finding { check, verdict, sessions, found, change, details: Vec::new() }
    }

    fn report(
        checks: Vec<Finding>,
        sessions: Option<u64>,
        first_limit: Option<Check>,
    ) -> DoctorReport {
        DoctorReport { verdict: Verdict::Warn, sessions, first_limit, wanted: 100, checks }
    }

    const SCREEN: Screen = Screen { size: None, colours: false };

    #[test]
    fn advice_is_printed_for_failed_checks_and_for_the_first_limit() {
        let checks = vec![
            finding(Check::SynQueue, Verdict::Warn, None),
            finding(Check::OpenFiles, Verdict::Ok, Some(500)),
            finding(Check::Memory, Verdict::Ok, Some(9000)),
        ];
        let expected = "\
warn  syn_queue: as it is
        to change it: raise syn_queue
ok    open_files: 500 sessions; as it is
        to change it: raise open_files
ok    memory: 9000 sessions; as it is

this host can hold 500 sessions (100 wanted); the first limit is open_files
";
        assert_eq!(text(&report(checks, Some(500), Some(Check::OpenFiles)), &SCREEN), expected);
    }

    #[test]
    fn details_are_limited_and_escaped() {
        let mut many = finding(Check::Names, Verdict::Fail, None);
        let detail = |number| FindingDetail {
            verdict: Verdict::Fail,
            of: format!("host{number}\x1b[2J"),
            found: "no such name".to_owned(),
            seconds: None,
        };
        many.details = (0..MOST_DETAILS + 3).map(detail).collect();
        let shown = text(&report(vec![many], None, None), &SCREEN);
        assert_eq!(shown.matches("no such name").count(), MOST_DETAILS, "{shown}");
        assert!(shown.contains("\n        and 3 more\n"), "{shown}");
        assert!(!shown.contains('\x1b'), "{shown:?}");
    }
}
