//! Findings about the fleet that the process belongs to.

mod certificates;
mod keep;
mod rights;
mod store;

pub(super) use certificates::fleet_certificates;
pub(super) use keep::fleet_keep;
pub(super) use rights::fleet_rights;
pub(super) use store::fleet_store;

use crate::check::Check;
use crate::finding::{Finding, Verdict};
use crate::fleet_trial::FleetTrial;
use fleet::Examined;

/// The trial of the store, or the finding of a check without one.
fn examined(check: Check, trial: Option<&FleetTrial>) -> Result<(&FleetTrial, &Examined), Finding> {
    let ok = |found: &str| Finding::new(check, Verdict::Ok, found);
    let trial = trial.ok_or_else(|| ok("the configuration has no [fleet]"))?;
    match &trial.store {
        None => Err(ok("the store was not connected to")),
        Some(Ok(examined)) => Ok((trial, examined)),
        Some(Err(error)) => {
            Err(Finding::new(check, Verdict::Warn, format!("the store was not tried: {error}")))
        }
    }
}
