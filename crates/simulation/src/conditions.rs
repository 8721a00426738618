//! The conditions of the simulated kernel for each word of a script.

use crate::script::{EPHEMERAL_PORTS, Severity};
use testkit::sim::Conditions;

/// The conditions of this severity. `seed` chooses those of [`Severity::Mixed`].
pub(crate) fn conditions(severity: Severity, seed: u64) -> Conditions {
    let conditions = match severity {
        Severity::Friendly => Conditions::default(),
        Severity::Rough => Conditions::rough(),
        Severity::Hostile => Conditions::hostile(),
        Severity::Mixed => Conditions::of_seed(seed),
    };
    Conditions { ephemeral_ports: EPHEMERAL_PORTS, ..conditions }
}
