//! The targets of make, from the descriptions in the Makefile.

use super::{code, table};

/// A table of the targets that `make help` lists.
pub(super) fn targets(makefile: &str) -> String {
    let row = |line: &str| {
        let (rule, description) = line.split_once(" ## ")?;
        let (name, _) = rule.split_once(':')?;
        let is_target = name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b == b'-');
        let what = format!("{description}.");
        (is_target && name != "help").then(|| vec![code(&format!("make {name}")), what])
    };
    table(&["Target", "Meaning"], makefile.lines().filter_map(row))
}
