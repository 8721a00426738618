//! Helpers for unit tests.

use std::io::Write as _;

use crate::{Input, Plan};

/// The plan for a file with this text. Panics if the text has an error.
pub(crate) fn plan_of(text: &str) -> Plan {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let config = Some(file.path().to_owned());
    let reading = crate::read(&Input { config, ..Input::default() });
    reading.plan.unwrap_or_else(|| panic!("{text}\n{}", reading.problems.render(false)))
}
