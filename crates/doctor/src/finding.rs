//! What is found, and what follows from it.

use crate::check::Check;
use serde::Serialize;

/// How bad it is; the worst is the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and not as well or as much as it should.
    Warn,
    /// The configuration cannot work on this host.
    Fail,
}

impl Verdict {
    /// Its name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What came out of one check.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: Check,
    /// How bad it is.
    pub verdict: Verdict,
    /// The sessions that it allows at the same time, if it limits them.
    pub sessions: Option<u64>,
    /// What was found, for people.
    pub found: String,
    /// Commands and settings that would raise it: one of them, or each in its turn.
    pub change: Vec<String>,
    /// Single things that are not as they should be, and every target; the worst first.
    pub details: Vec<Detail>,
}

/// One of several things that a check looks at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Detail {
    /// How bad it is.
    pub verdict: Verdict,
    /// Which one: a target, a forward, a directory.
    pub of: String,
    /// What was found of it.
    pub found: String,
    /// How long it took, if time is what was looked at.
    pub seconds: Option<f64>,
}

impl Detail {
    pub(super) fn new(verdict: Verdict, of: &impl ToString, found: impl Into<String>) -> Self {
        Self { verdict, of: of.to_string(), found: found.into(), seconds: None }
    }
}

impl Finding {
    /// A check that limits no number of sessions.
    pub(super) fn new(check: Check, verdict: Verdict, found: impl Into<String>) -> Self {
        let (change, details) = (Vec::new(), Vec::new());
        Self { check, verdict, sessions: None, found: found.into(), change, details }
    }

    /// A limit, which is judged by what the configuration asks for.
    pub(super) fn limit(check: Check, allowed: u64, wanted: u64, found: impl Into<String>) -> Self {
        let verdict = match allowed {
            0 => Verdict::Fail,
            few if few < wanted => Verdict::Warn,
            _ => Verdict::Ok,
        };
        Self { sessions: Some(allowed), ..Self::new(check, verdict, found) }
    }

    /// What cannot be read is no reason to warn.
    pub(super) fn unknown(check: Check) -> Self {
        Self::new(check, Verdict::Ok, "not known: it cannot be read here")
    }

    /// Adds what would change it.
    pub(super) fn change(mut self, how: impl IntoIterator<Item = String>) -> Self {
        self.change.extend(how);
        self
    }

    /// Adds single things, which make the verdict no better than the worst of them.
    pub(super) fn details(mut self, details: impl IntoIterator<Item = Detail>) -> Self {
        self.details.extend(details);
        self.details.sort_by_key(|detail| std::cmp::Reverse(detail.verdict));
        let worst = self.details.first().map_or(Verdict::Ok, |detail| detail.verdict);
        self.verdict = self.verdict.max(worst);
        self
    }
}

/// What the host can hold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The worst of all.
    pub verdict: Verdict,
    /// The sessions that the host can hold at the same time: the smallest of all limits.
    pub sessions: Option<u64>,
    /// The check that this smallest limit is of.
    pub first_limit: Option<Check>,
    /// The sessions that the configuration asks for.
    pub wanted: u64,
    /// All checks, the worst first.
    pub checks: Vec<Finding>,
}

impl Report {
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

/// How many sessions a change should aim at: as many as are wanted, and if those fit already, twice
/// as many as now.
pub(super) fn goal(allowed: u64, wanted: u64) -> u64 {
    if allowed < wanted { wanted } else { allowed.saturating_mul(2) }
}
