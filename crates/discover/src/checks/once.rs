//! One check outside of a serving process.

use super::attempt::check;
use super::probe::{CheckResult, Probe};
use std::io;
use tokio::runtime::Builder;

/// Carries a check out. Blocks for at most its timeout.
///
/// # Errors
///
/// The process has no descriptors left for a runtime.
pub fn check_once(probe: &Probe) -> io::Result<CheckResult> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(check(probe)))
}
