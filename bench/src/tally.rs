//! Errors, counted by their name.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sys::Errno;

/// How often which error came.
#[derive(Debug, Default)]
pub(crate) struct Tally(BTreeMap<String, u64>);

impl Tally {
    /// Counts an error of a system call.
    pub(crate) fn errno(&mut self, error: Errno) {
        let number = error.raw_os_error();
        let name = u16::try_from(number).ok().and_then(sys::errno_name);
        self.add(&name.map_or_else(|| format!("errno {number}"), str::to_owned));
    }

    /// Counts something that went wrong without an error number.
    pub(crate) fn add(&mut self, what: &str) {
        *self.0.entry(what.to_owned()).or_default() += 1;
    }

    /// How many in all.
    pub(crate) fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// An object: name to count.
    pub(crate) fn json(&self) -> Value {
        json!(self.0)
    }

    /// An addition to a line: nothing if there were no errors.
    pub(crate) fn suffix(&self) -> String {
        let list: Vec<_> = self.0.iter().map(|(name, count)| format!("{name} {count}")).collect();
        if list.is_empty() { String::new() } else { format!("; errors: {}", list.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_by_name() {
        let mut tally = Tally::default();
        assert_eq!(tally.suffix(), "");
        tally.errno(Errno::CONNRESET);
        tally.errno(Errno::CONNRESET);
        tally.add("early end");
        assert_eq!(tally.total(), 3);
        assert_eq!(tally.suffix(), "; errors: ECONNRESET 2, early end 1");
        assert_eq!(tally.json()["ECONNRESET"], 2);
    }
}
