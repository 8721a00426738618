//! A configuration file of any bytes. The seeds and the dictionary are TOML.

#![no_main]

#[path = "../../crates/plan/tests/rules/mod.rs"]
mod rules;

use libfuzzer_sys::fuzz_target;
use plan::Overrides;

fuzz_target!(|file: &[u8]| rules::check(file, Vec::new(), Overrides::default()));
