//! Rules for sources that neither the compiler nor clippy checks. A violation is printed as
//! `file:line` with a remedy.

mod children;
mod circles;
mod comments;
mod idioms;
mod paths;
mod sizes;
mod sources;
mod unsafe_code;

/// Fails with every violation of a rule.
#[track_caller]
fn assert_none(rule: &str, violations: &[String]) {
    assert!(violations.is_empty(), "{rule}:\n{}", violations.join("\n"));
}
