//! Another forwarder's configuration: the first byte says whose, the rest is the file, which may
//! include itself.

#![no_main]

#[path = "../../crates/import/tests/rules/mod.rs"]
mod rules;

use import::Dialect;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, file)) = bytes.split_first() else { return };
    let from = Dialect::ALL[usize::from(*first) % Dialect::ALL.len()];
    rules::check(from, &String::from_utf8_lossy(file));
});
