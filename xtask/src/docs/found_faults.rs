//! The faults that the simulation finds: each patch, and the rule that a history of it breaks.

use super::{Error, code, table};
use crate::sim_faults::findings::{Finding, Findings};
use crate::sim_faults::patch::{self, Fault};
use std::path::Path;

/// A table with a row for each fault that was found, and the names of the others.
///
/// # Errors
/// If a patch or the findings cannot be read.
pub(super) fn faults(root: &Path) -> Result<String, Error> {
    let findings = Findings::read(root).map_err(Error::Faults)?;
    let faults = patch::all(root).map_err(Error::Faults)?;
    let found = faults.iter().filter_map(|it| Some(row(it, findings.get(&it.name)?)));
    let table = table(&["Fault, and who had it", "In production", "The rule that finds it"], found);
    let others: Vec<String> = faults
        .iter()
        .filter(|it| findings.get(&it.name).is_none())
        .map(|it| code(&it.name))
        .collect();
    match others.len() {
        0 => Ok(table),
        count => Ok(format!(
            "{table}\n{count} faults were not tried since, or not found: {}.\n",
            others.join(", ")
        )),
    }
}

fn row(fault: &Fault, finding: &Finding) -> Vec<String> {
    let number = fault.name.split('-').next().unwrap_or_default();
    let known = match fault.known.as_str() {
        "" => String::new(),
        known => format!(" ({known})"),
    };
    let what = format!("{number} {}{known}", fault.title);
    vec![what, fault.production.clone(), format!("{}: {}", code(&finding.rule), finding.message)]
}
