//! One look-up outside of a serving process.

use super::failure::LookUpError;
use super::look_up::Source;
use super::service_hosts::HostAddresses;
use crate::sets::{Membership, Record};
use std::path::Path;
use std::time::{Duration, Instant};

/// Looks up the records of a set: of a host, with port 0, or of a service behind `srv:`. Blocks for at most
/// `limit`.
///
/// # Errors
///
/// The look-up failed, or no address in the answer can be a target.
pub fn look_up_set(name: &str, limit: Duration) -> Result<Vec<Record>, LookUpError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| LookUpError::Failed(flow::error_text(&error)))?;
    let source = Source::new(Path::new("/etc"));
    let answer = runtime.block_on(async {
        let known = HostAddresses::new();
        tokio::time::timeout(limit, source.look_up(name, &known)).await
    });
    // A thread in the C library would delay the end.
    runtime.shutdown_background();
    let answer = answer.unwrap_or(Err(LookUpError::Timeout))?;
    let mut set = Membership::default();
    set.answered(&answer.records(), |_| true, Instant::now());
    let records = set.records();
    if records.is_empty() { Err(LookUpError::NoAddress) } else { Ok(records) }
}
