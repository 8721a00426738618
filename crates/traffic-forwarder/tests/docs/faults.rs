//! The faults of the simulation stay applicable. `tables` compares the document with them.

use crate::repository::root;
use xtask::sim_faults::patch;

#[test]
fn every_fault_applies_to_the_present_source() {
    let faults = patch::all(root()).expect("every patch can be read");
    let stale = faults.iter().filter_map(|fault| fault.applied(root()).err());
    let stale: Vec<String> = stale.map(|error| error.to_string()).collect();
    assert!(stale.is_empty(), "{}", stale.join("\n"));
    assert!(faults.len() >= 25, "only {} faults", faults.len());
}
