//! Findings of checks, and the report made of them.

use crate::check::Check;
use serde::Serialize;

/// Severity, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No problem.
    Ok,
    /// The configuration works, but worse or for fewer sessions than it should.
    Warn,
    /// The configuration cannot work on this host.
    Fail,
}

impl Verdict {
    /// The verdict's name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The check that was made.
    pub check: Check,
    /// The check's verdict, never better than that of its worst detail.
    pub verdict: Verdict,
    /// Maximum number of simultaneous sessions, if the check is a limit.
    pub sessions: Option<u64>,
    /// The finding as a sentence.
    pub found: String,
    /// Commands and settings that help: alternatives, or steps in this order.
    pub change: Vec<String>,
    /// Each deviation, and every target; the worst first.
    pub details: Vec<FindingDetail>,
}

/// The result for one of several objects of a check.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FindingDetail {
    /// The verdict on this object.
    pub verdict: Verdict,
    /// The object: a target, a forward or a directory.
    pub of: String,
    /// The finding as a sentence.
    pub found: String,
    /// Duration of a lookup or a connect, in seconds.
    pub seconds: Option<f64>,
}

impl FindingDetail {
    pub(super) fn new(verdict: Verdict, of: &impl ToString, found: impl Into<String>) -> Self {
        Self { verdict, of: of.to_string(), found: found.into(), seconds: None }
    }
}

impl Finding {
    /// A finding of a check that is not a limit on sessions.
    pub(super) fn new(check: Check, verdict: Verdict, found: impl Into<String>) -> Self {
        let (change, details) = (Vec::new(), Vec::new());
        Self { check, verdict, sessions: None, found: found.into(), change, details }
    }

    /// A finding of a limit: `allowed` sessions, of `wanted` by the configuration.
    pub(super) fn limit(check: Check, allowed: u64, wanted: u64, found: impl Into<String>) -> Self {
        let verdict = match allowed {
            0 => Verdict::Fail,
            few if few < wanted => Verdict::Warn,
            _ => Verdict::Ok,
        };
        Self { sessions: Some(allowed), ..Self::new(check, verdict, found) }
    }

    /// A finding without a reading, which is no reason to warn.
    pub(super) fn unknown(check: Check) -> Self {
        Self::new(check, Verdict::Ok, "not known: it cannot be read here")
    }

    /// Adds commands and settings that help.
    pub(super) fn change(mut self, how: impl IntoIterator<Item = String>) -> Self {
        self.change.extend(how);
        self
    }

    /// Adds details; the verdict becomes at least as bad as the worst of them.
    pub(super) fn details(mut self, details: impl IntoIterator<Item = FindingDetail>) -> Self {
        self.details.extend(details);
        self.details.sort_by_key(|detail| std::cmp::Reverse(detail.verdict));
        let worst = self.details.first().map_or(Verdict::Ok, |detail| detail.verdict);
        self.verdict = self.verdict.max(worst);
        self
    }
}

/// The result of an examination.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DoctorReport {
    /// The worst verdict of all checks.
    pub verdict: Verdict,
    /// Maximum number of simultaneous sessions: the smallest of all limits.
    pub sessions: Option<u64>,
    /// The check with the smallest limit.
    pub first_limit: Option<Check>,
    /// Number of sessions that the configuration asks for.
    pub wanted: u64,
    /// All checks, the worst first.
    pub checks: Vec<Finding>,
}

impl DoctorReport {
    pub(super) fn new(mut checks: Vec<Finding>, wanted: u64) -> Self {
        let limits = checks.iter().filter_map(|it| Some((it.sessions?, it.check)));
        let first = limits.min_by_key(|(sessions, _)| *sessions);
        let verdict = checks.iter().map(|it| it.verdict).max().unwrap_or(Verdict::Ok);
        // Stable: equal verdicts stay in the order of the checks.
        checks.sort_by_key(|it| std::cmp::Reverse(it.verdict));
        let (sessions, first_limit) = first.unzip();
        Self { verdict, sessions, first_limit, wanted, checks }
    }
}

/// Number of sessions that a suggested change aims at: `wanted`, or twice the present limit if that
/// suffices already.
pub(super) fn goal(allowed: u64, wanted: u64) -> u64 {
    if allowed < wanted { wanted } else { allowed.saturating_mul(2) }
}
