//! The beginning of a client's stream, read as a TLS ClientHello.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/flow/tests/hello_rules/mod.rs"]
mod hello_rules;

fuzz_target!(|bytes: &[u8]| hello_rules::check(bytes));
