//! A configuration file of `local_port | remote_host | remote_port` lines: the first one is valid,
//! whatever follows.

#![no_main]

#[path = "../../crates/plan/tests/rules/mod.rs"]
mod rules;

use libfuzzer_sys::fuzz_target;
use plan::Overrides;

fuzz_target!(|lines: &[u8]| {
    let file = [b"18080 | 127.0.0.1 | 8080\n", lines].concat();
    rules::check(&file, Vec::new(), Overrides::default());
});
