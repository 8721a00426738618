//! Problems of the configuration, with their locations.

use std::collections::HashSet;
use std::fmt;

use crate::escape::{escaped, escaped_lines};
pub use crate::location::{COMMAND_LINE, Location, ParseError};
use crate::text::{Excerpt, Span};

/// Problems kept in memory. Further ones are only counted, so that a file full of errors cannot
/// exhaust it.
const KEPT_MAX: usize = 1000;

/// Severity of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// There is no plan.
    Error,
    /// A line was skipped; the plan has the rest.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// An error or a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whether it is an error or a warning.
    pub severity: Severity,
    /// Location; `None` if something is absent, such as a missing file.
    pub location: Option<Location>,
    /// The problem, on one line free of control characters.
    pub message: String,
    /// How to fix it; may have several lines.
    pub hint: Option<String>,
    pub(crate) excerpt: Option<Excerpt>,
    /// Place of its source in the order of all problems.
    pub(crate) rank: u8,
}

impl Problem {
    /// One line: `file:line:column: message (hint)`.
    pub fn statement(&self) -> String {
        let location = self.location.as_ref().map(|location| format!("{location}: "));
        format!("{}{}", location.unwrap_or_default(), self.message_and_hint())
    }

    fn message_and_hint(&self) -> String {
        match &self.hint {
            Some(hint) if !hint.contains('\n') => format!("{} ({hint})", self.message),
            _ => self.message.clone(),
        }
    }
}

impl fmt::Display for Problem {
    /// One line, for a log: `file:line:column: error: message (hint)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(location) = &self.location {
            write!(f, "{location}: ")?;
        }
        write!(f, "{}: {}", self.severity, self.message_and_hint())
    }
}

/// All problems, in the order of the text.
#[derive(Clone, Debug)]
pub struct Problems {
    kept: Vec<Problem>,
    /// Limit for `kept`; further problems are only counted.
    most: usize,
    errors: usize,
    warnings: usize,
}

impl Default for Problems {
    fn default() -> Self {
        Self { kept: Vec::new(), most: KEPT_MAX, errors: 0, warnings: 0 }
    }
}

impl Problems {
    /// Keeps every problem, without a limit.
    pub(crate) fn all_kept() -> Self {
        Self { most: usize::MAX, ..Self::default() }
    }

    /// An empty collection with the same limit.
    pub(crate) fn none(&self) -> Self {
        Self { most: self.most, ..Self::default() }
    }

    /// Adds the problems of another source behind these.
    pub(crate) fn append(&mut self, others: Self) {
        let room = self.most.saturating_sub(self.kept.len());
        self.kept.extend(others.kept.into_iter().take(room));
        self.errors += others.errors;
        self.warnings += others.warnings;
    }

    /// Whether there are no errors and no warnings.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of problems found; [`Problems::iter`] may yield fewer.
    pub fn len(&self) -> usize {
        self.errors + self.warnings
    }

    /// Whether a problem prevents a plan.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// The problems in the order of the text, at most the first thousand.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.kept.iter()
    }

    /// Renders each problem with its source line, for a terminal. `color` adds ANSI escapes.
    pub fn render(&self, color: bool) -> String {
        crate::render::render(self, color)
    }

    /// The problems on lines without a problem in `before`, as errors. Problems that are only
    /// counted are compared by their number.
    #[must_use]
    pub fn unless_in(&self, before: &Self) -> Self {
        let line = |problem: &Problem| Some(problem.excerpt.as_ref()?.text.clone());
        let known: HashSet<Option<String>> = before.iter().map(line).collect();
        let new = self.iter().filter(|problem| !known.contains(&line(problem)));
        let kept: Vec<Problem> =
            new.map(|problem| Problem { severity: Severity::Error, ..problem.clone() }).collect();
        let only_counted = |of: &Self| of.len() - of.kept.len();
        let errors = kept.len() + only_counted(self).saturating_sub(only_counted(before));
        Self { kept, errors, ..Self::default() }
    }

    pub(crate) fn push(&mut self, severity: Severity, span: &Span<'_>, fault: &ParseError) {
        if self.count(severity) {
            self.kept.push(Problem {
                severity,
                location: Some(span.location()),
                message: escaped(&fault.message),
                hint: fault.hint.as_deref().map(escaped_lines),
                excerpt: Some(span.excerpt()),
                rank: span.source.rank(),
            });
        }
    }

    /// Adds an error that has no line in the text.
    pub(crate) fn push_error_at(
        &mut self,
        location: Option<Location>,
        message: &str,
        hint: Option<&str>,
    ) {
        if self.count(Severity::Error) {
            self.kept.push(Problem {
                severity: Severity::Error,
                location,
                message: escaped(message),
                hint: hint.map(escaped_lines),
                excerpt: None,
                rank: 0,
            });
        }
    }

    /// Sorts the problems of all passes by location: the file first, then the command line in the
    /// order of its arguments, then the published text.
    pub(crate) fn sort(&mut self) {
        self.kept.sort_by_key(|problem| match &problem.location {
            None => (0, 0, 0),
            Some(location) if location.is_command_line() => (2, 0, 0),
            Some(location) => (1 + problem.rank, location.line, location.column),
        });
    }

    /// Counts a problem, and returns whether it is kept.
    fn count(&mut self, severity: Severity) -> bool {
        match severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
        }
        self.kept.len() < self.most
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
